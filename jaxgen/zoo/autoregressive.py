"""An autoregressive config as a `Method`.

`method`: name "autoregressive", conditional, binarize and a `distribution` section {"name", ...its settings}.
`net`: a network with the role `Causal`. `sampler`: `jaxgen.methods.autoregressive.SAMPLER`.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method
from jaxgen.methods.autoregressive import autoregressive
from jaxgen.objectives.pixels import PIXELS, Pixels
from jaxgen.zoo import checks, nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of an autoregressive config.

    Raises:
      UserError: a conditional model of data without labels, unknown networks, distributions or settings.
    """
    method = config.method
    classes = checks.classes(config, info)
    pixels = distribution(method.distribution, info.image[-1])
    implied = dict(image_shape=info.image, classes=classes, outputs=pixels.parameters, axis_name=axis)
    return autoregressive(
        nets.build(config.net, "net", **implied),
        pixels,
        optim.build(config.optim, config.train.steps),
        image=info.image,
        classes=classes,
        binarize=method.binarize,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )


def distribution(section: Mapping[str, Any], channels: int) -> Pixels:
    """The distribution of a pixel from {"name", ...settings}."""
    return checks.chosen(PIXELS, section, "method.distribution", "Distribution", channels=channels)
