"""Sections and smoke forms of configs of autoregressive models."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import few_reported_steps, section


def autoregression(distribution: Mapping[str, Any], **changes: Any) -> ConfigDict:
    """The `method` section of an autoregressive model; `distribution` is {"name", ...its settings}."""
    return section(
        changes,
        name="autoregressive",
        conditional=False,  # tell the network the label
        binarize="none",  # static: each image drawn once; dynamic: anew at every look
        distribution=distribution,  # categorical, logistic_mixture
    )


def autoregression_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of an autoregressive model, see `jaxgen.methods.autoregressive.SAMPLER`."""
    return section(
        changes,
        temperature=1.0,  # below 1: likelier pixels, less variety
        keep=0.5,  # part of the rows that `complete` is given, from the top
        cached=True,  # keep activations between pixels; false: a whole pass of the network per pixel
        chunk=64,  # images drawn at a time
    )


def smoke_autoregression(config: ConfigDict, **net: Any) -> None:
    """Shrink an autoregressive model, in place, to 8 x 8 digits and these settings of its network."""
    config.data.name = "digits"
    config.net.update(net)
    config.optim.warmup = min(config.optim.warmup, 2)
    few_reported_steps(config)
