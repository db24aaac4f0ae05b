"""PixelCNN++ on CIFAR-10 at the size of the paper: 3 levels of 5 blocks, 160 channels, 10 logistics.

Paper: Salimans et al. 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
  Modifications" (2.92 bits per dimension)
Parameters: 53,661,540
Command: jaxgen train autoregressive/pixelcnnpp_cifar10
Hardware: 8 accelerators
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import (
    autoregression,
    autoregression_sampler,
    base,
    constant_ema,
    optimizer,
    smoke_autoregression,
)


def get_config(arg=""):
    c = base("cifar10")
    c.method = autoregression({"name": "logistic_mixture", "levels": 256, "mixtures": 10})
    c.net = dict(name="pixelcnn_pp", width=160, levels=3, blocks=5, dropout=0.5)
    c.optim = optimizer(lr=1e-3, b1=0.95, b2=0.9995, ema=constant_ema(0.9995))
    c.sampler = autoregression_sampler()
    c.train.update(steps=600_000, batch_size=128, log_every=100, sample_every=10_000, checkpoint_every=10_000)
    if arg == "smoke":
        c.data.channels = 3
        smoke_autoregression(c, width=4, levels=1, blocks=1, dropout=0.0)
    return c
