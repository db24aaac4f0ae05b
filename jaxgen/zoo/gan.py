"""GAN configs -> `Method`."""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, UserError, choose
from jaxgen.methods.gan import gan
from jaxgen.objectives import adversarial, penalties
from jaxgen.zoo import nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The GAN of a config: sections method (see `jaxgen.zoo.defaults.adversarial`), nets.generator,
    nets.discriminator, optim.generator, optim.discriminator, sampler.interpolation.

    Raises:
      UserError: a setting is unknown or does not fit the others or the data.
    """
    method, steps = config.method, config.train.steps
    classes = len(info.classes) if method.conditional else 0
    if method.conditional and not classes:
        raise UserError(f"method.conditional is true but the data set {info.name!r} has no labels; set it to false.")
    if config.train.batch_size % config.train.micro:
        raise UserError(
            f"train.batch_size {config.train.batch_size} does not divide into train.micro {config.train.micro} parts."
        )
    objective = choose(adversarial.OBJECTIVES, method.objective, "method.objective")
    penalty = penalties.build(**method.penalty)
    if config.optim.discriminator.ema:
        raise UserError("optim.discriminator.ema is set, but only the generator's weights are averaged; leave it {}.")
    implied = dict(image_shape=tuple(info.image), classes=classes, axis_name=axis)
    return gan(
        nets.build(config.nets.generator, "nets.generator", **implied),
        nets.build(config.nets.discriminator, "nets.discriminator", **implied),
        image_shape=tuple(info.image),
        generator_tx=optim.build(config.optim.generator, steps),
        critic_tx=optim.build(config.optim.discriminator, steps * max(method.n_critic, 1)),
        objective=objective,
        penalty=penalty,
        n_critic=method.n_critic,
        latent=method.latent,
        prior=method.prior,
        classes=classes,
        averages=optim.averages(config.optim.generator.ema),
        interpolation=config.sampler.interpolation,
        micro=config.train.micro,
        axis=axis,
    )
