"""config -> a diffusion or flow-matching model."""

from jaxgen import optim
from jaxgen.core import Method, UserError
from jaxgen.methods import spaces
from jaxgen.methods.diffusion import diffusion
from jaxgen.processes import PROCESSES, Process
from jaxgen.samplers.settings import Settings
from jaxgen.zoo import checks, nets


def process(section) -> Process:
    """The process of `method.process`: its name and its builder's arguments.

    Raises:
      UserError: unknown process or setting.
    """
    return checks.chosen(PROCESSES, section, "method.process", "Process")


def space(config, info) -> spaces.Space:
    """Pixels or, with a section `method.latents` (the arguments of `spaces.latents`), those of `nets.autoencoder`.

    Raises:
      UserError: latents without an autoencoder, or an unknown setting.
    """
    section = config.method.get("latents")
    if section is None:
        return spaces.pixels(info.image)
    name = spaces.AUTOENCODER
    for part in ("nets", "frozen"):
        if name not in config.get(part, {}):
            raise UserError(f"Latent diffusion needs {part}.{name}: a network, and where its weights come from.")
    net = nets.build(config.nets[name], f"nets.{name}")
    table = {"latents": spaces.latents}
    return checks.chosen(table, {"name": "latents", **section}, "method.latents", "Space", net=net, image=info.image)


def build(config, info, axis: str | None = None) -> Method:
    """`config.method`: process, prediction, weighting, gamma, conditional, drop, latents; `config.sampler`: see
    `Settings`."""
    method = config.method
    classes = checks.classes(config, info)
    place = space(config, info)
    net = nets.build(config.net, "net", image_shape=place.shape, classes=classes, axis_name=axis)
    return diffusion(
        net,
        process(method.process),
        optim.build(config.optim, config.train.steps),
        image_shape=info.image,
        classes=classes,
        prediction=method.prediction,
        weighting=method.weighting,
        gamma=method.gamma,
        drop=method.drop,
        sampler=Settings(**config.sampler),
        space=place,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
