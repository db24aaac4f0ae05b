"""A normalizing-flow config as a `Method`.

`method`: name "flow", conditional, bits, logit. `nets.flow`: the bijection; `nets.dequantizer`, if there, makes the
dequantisation variational. `sampler`: `jaxgen.methods.flow.SAMPLER`.
"""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method
from jaxgen.methods.flow import flow
from jaxgen.zoo import checks, nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a flow config.

    Raises:
      UserError: a conditional model of data without labels, unknown networks or settings.
    """
    method = config.method
    classes = checks.classes(config, info)
    implied = dict(image_shape=tuple(info.image), classes=classes, axis_name=axis)
    dequantizer = None
    if "dequantizer" in config.nets:
        dequantizer = nets.build(config.nets.dequantizer, "nets.dequantizer", **implied)
    return flow(
        nets.build(config.nets.flow, "nets.flow", **implied),
        optim.build(config.optim, config.train.steps),
        image=info.image,
        dequantizer=dequantizer,
        classes=classes,
        bits=method.bits,
        logit=method.logit,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
