"""Classifier configs -> methods."""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, UserError
from jaxgen.methods.classifier import classifier
from jaxgen.zoo import nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config with `method.name = "classifier"`.

    Raises:
      UserError: the data set has no classes, or a setting does not fit.
    """
    classes = len(info.classes)
    if classes < 2:
        raise UserError(f"A classifier needs a data set with at least 2 classes; {info.name} has {classes}.")
    if not 0 <= config.method.smoothing < 1:
        raise UserError(f"method.smoothing should be at least 0 and below 1, not {config.method.smoothing}.")
    net = nets.build(config.net, "net", image_shape=info.image, classes=classes, axis_name=axis)
    return classifier(
        net,
        optim.build(config.optim, config.train.steps),
        image_shape=tuple(info.image),
        classes=classes,
        smoothing=config.method.smoothing,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
