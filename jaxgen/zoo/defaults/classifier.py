"""Sections, runs and smoke forms of classifier configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, few_steps, optimizer, section


def classification(**changes: Any) -> ConfigDict:
    """The `method` section of a classifier; see `jaxgen.methods.classifier`."""
    return section(
        changes,
        name="classifier",
        smoothing=0.0,  # of the labels, from 0 to 1
    )


def cnn_classifier(data: str, *, widths: tuple[int, ...], lr: float, steps: int, batch_size: int) -> ConfigDict:
    """A run with a small convolutional network on small images."""
    c = base(data)
    c.method = classification()
    c.net = dict(name="cnn_classifier", widths=widths, features=128, dropout=0.3)
    del c.nets
    c.optim = optimizer(lr=lr, schedule="cosine", warmup=100)
    c.train.update(steps=steps, batch_size=batch_size)
    return c


def smoke_classifier(config: ConfigDict, **net: Any) -> None:
    """Shrink a classifier, in place, with these settings of its network."""
    config.net.update(net, dropout=0.0)
    config.optim.warmup = 0
    few_steps(config, steps=3, samples=8)
