"""config -> a diffusion or flow-matching model."""

from jaxgen import optim
from jaxgen.core import Method, UserError, choose, suggest
from jaxgen.methods.diffusion import diffusion
from jaxgen.processes import PROCESSES, Process
from jaxgen.samplers.settings import Settings
from jaxgen.zoo import nets


def process(section) -> Process:
    """The process of `method.process`: its name and its builder's arguments.

    Raises:
      UserError: unknown process or setting.
    """
    settings = dict(section)
    name = settings.pop("name")
    make = choose(PROCESSES, name, "method.process.name")
    known = make.__code__.co_varnames[: make.__code__.co_argcount]
    for key in settings:
        if key not in known:
            raise UserError(f"Process {name!r} has no setting {key!r} (method.process.{key}).{suggest(key, known)}")
    return make(**settings)


def build(config, info, axis: str | None = None) -> Method:
    """`config.method`: process, prediction, weighting, gamma, conditional, drop; `config.sampler`: see `Settings`."""
    method = config.method
    classes = len(info.classes) if method.conditional else 0
    if method.conditional and not classes:
        raise UserError(f"method.conditional is true, but the data set {info.name!r} has no labels; set it to false.")
    net = nets.build(config.net, "net", image_shape=info.image, classes=classes, axis_name=axis)
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
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
