"""config -> a diffusion or flow-matching model."""

from jaxgen import optim
from jaxgen.core import Method
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


def build(config, info, axis: str | None = None) -> Method:
    """`config.method`: process, prediction, weighting, gamma, conditional, drop; `config.sampler`: see `Settings`."""
    method = config.method
    classes = checks.classes(config, info)
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
