"""A small convolutional network on scikit-learn's 8x8 digits, to judge samples

Paper: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition"
Parameters: 53,002
Command: jaxgen train classifier/cnn_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import base, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.name = "digits"
    c.method = ConfigDict(dict(name="classifier", smoothing=0.0))
    c.net = ConfigDict(dict(name="cnn_classifier", widths=(32, 64), features=128, dropout=0.3))
    del c.nets
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100)
    c.train.update(steps=1500, batch_size=64)
    if arg == "smoke":
        c.data.update(name="digits")
        c.net.update(dropout=0.0, widths=(4, 8), features=8)
        c.optim.update(warmup=0)
        c.train.update(steps=3, batch_size=8, samples=8)
    return c
