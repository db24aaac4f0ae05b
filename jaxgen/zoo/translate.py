"""Translation configs -> `Method`."""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, UserError, choose
from jaxgen.methods import translate
from jaxgen.objectives import adversarial
from jaxgen.zoo import checks, nets


def build_pix2pix(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The pix2pix of a config: sections method (see `jaxgen.zoo.defaults.pix2pix`), nets.generator,
    nets.discriminator, optim.generator, optim.discriminator.

    Raises:
      UserError: a setting is unknown, or the data set deals no pairs.
    """
    if info.targets.get("train") != "paired":
        raise UserError(
            f"pix2pix learns from pairs, which the data set {info.name!r} does not deal; set data.name=paired with"
            " data.path and data.target, or train a CycleGAN."
        )
    return translate.pix2pix(**_shared(config, info, axis), reconstruction=config.method.reconstruction)


def build_cyclegan(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The CycleGAN of a config: sections as for `build_pix2pix`, with `jaxgen.zoo.defaults.cyclegan`.

    Raises:
      UserError: a setting is unknown, or the data set deals no second images.
    """
    if "train" not in info.targets:
        raise UserError(
            f"CycleGAN learns from two kinds of images, but the data set {info.name!r} deals one; set"
            " data.name=unpaired with data.path and data.target."
        )
    method = config.method
    weights = translate.CycleWeights(method.adversarial, method.cycle, method.identity)
    return translate.cyclegan(**_shared(config, info, axis), weights=weights, pool=method.pool)


def _shared(config: ConfigDict, info, axis: str | None) -> dict:
    """What both take: networks, optimizers, objective."""
    steps, shape = config.train.steps, tuple(info.image)
    checks.batch_divides(config)
    checks.critic_is_not_averaged(config)
    implied = dict(image_shape=shape, axis_name=axis)
    return {
        "generator": nets.build(config.nets.generator, "nets.generator", **implied),
        "critic": nets.build(config.nets.discriminator, "nets.discriminator", **implied),
        "image_shape": shape,
        "generator_tx": optim.build(config.optim.generator, steps),
        "critic_tx": optim.build(config.optim.discriminator, steps),
        "objective": choose(adversarial.OBJECTIVES, config.method.objective, "method.objective"),
        "averages": optim.averages(config.optim.generator.ema),
        "micro": config.train.micro,
        "axis": axis,
    }
