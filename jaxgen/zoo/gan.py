"""GAN configs -> `Method`."""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, choose
from jaxgen.methods.gan import gan
from jaxgen.objectives import adversarial, penalties
from jaxgen.zoo import checks, nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The GAN of a config: sections method (see `jaxgen.zoo.defaults.adversarial`), nets.generator,
    nets.discriminator, optim.generator, optim.discriminator, sampler.interpolation.

    Raises:
      UserError: a setting is unknown or does not fit the others or the data.
    """
    method, steps = config.method, config.train.steps
    classes = checks.classes(config, info)
    checks.batch_divides(config)
    objective = choose(adversarial.OBJECTIVES, method.objective, "method.objective")
    penalty = penalties.build(**method.penalty)
    checks.critic_is_not_averaged(config)
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
