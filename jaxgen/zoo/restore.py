"""A super-resolution config as a `Method`.

`method`: name "restore", scale, loss, epsilon, quantize. `nets`: upscaler. `sampler`: `jaxgen.methods.restore.SAMPLER`.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method
from jaxgen.methods.restore import restore
from jaxgen.nets.roles import functional
from jaxgen.zoo import nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a super-resolution config.

    Raises:
      UserError: a scale that the network or the images do not allow, unknown networks, losses or settings.
    """
    method = config.method
    common = dict(scale=method.scale, image_shape=info.image, axis_name=axis)
    module: Any = nets.module(config.nets.upscaler, "nets.upscaler", **common)
    return restore(
        functional(module),
        optim.build(config.optim, config.train.steps),
        image=info.image,
        scale=method.scale,
        reach=module.reach(),
        loss=method.loss,
        epsilon=method.epsilon,
        quantize=method.quantize,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
