"""PixelCNN++ with a mixture of discretised logistics on 8-bit MNIST, at a small size.

Paper: Salimans et al. 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
  Modifications"
Parameters: 972,254
Command: jaxgen train autoregressive/pixelcnnpp_mnist
Hardware: one accelerator, or hours on 2 CPU cores
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
    c = base("mnist")
    c.method = autoregression({"name": "logistic_mixture", "levels": 256, "mixtures": 10})
    c.net = dict(name="pixelcnn_pp", width=32, levels=3, blocks=2, dropout=0.1)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=500, clip=5.0, ema=constant_ema(0.999))
    c.sampler = autoregression_sampler()
    c.train.update(steps=20000, batch_size=64, log_every=100, sample_every=5000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_autoregression(c, width=4, levels=1, blocks=1, dropout=0.0)
    return c
