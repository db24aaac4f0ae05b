"""Gated PixelCNN on statically binarised MNIST: every image is drawn black and white once, by its grey levels.

Paper: van den Oord et al. 2016, "Pixel Recurrent Neural Networks" and "Conditional Image Generation with PixelCNN
  Decoders" (the published 81.3 nats are of a larger network and another draw of the binarisation)
Parameters: 119,298
Command: jaxgen train autoregressive/pixelcnn_mnist
Hardware: any; written for 2 CPU cores
Time: 62 minutes beside other jobs
Score: 88.75 +- 0.20 nats per test image
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
    c.method = autoregression({"name": "categorical", "levels": 2}, binarize="static")
    c.net = dict(name="pixelcnn", width=32, layers=6, first=7, kernel=3, head=64)
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=200, clip=5.0, ema=constant_ema(0.999))
    c.sampler = autoregression_sampler()
    c.train.update(steps=2500, batch_size=32, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_autoregression(c, width=8, layers=2, first=3, head=8)
    return c
