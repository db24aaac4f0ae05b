"""Gated PixelCNN on 8x8 digits with their 17 grey levels, told the class.

Paper: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders"
Parameters: 103,409
Command: jaxgen train autoregressive/pixelcnn_digits
Hardware: any; written for 2 CPU cores
Time: 3.7 minutes (3.6 of CPU time)
Score: 74.8 +- 0.6 nats per image, 1.687 bits per dimension over the 17 levels, given the class (355 held-out images);
  precision 0.611, recall 0.892 (held-out 0.910, 0.922). `jaxgen evaluate autoregressive/pixelcnn_digits`, seed 0
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
    c = base("digits")
    c.method = autoregression({"name": "categorical", "levels": 17}, conditional=True)
    c.net = dict(name="pixelcnn", width=32, layers=5, first=5, kernel=3, head=64, dropout=0.2)
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, clip=5.0, ema=constant_ema(0.995))
    c.sampler = autoregression_sampler()
    c.train.update(steps=1300, batch_size=64, log_every=50, sample_every=650, checkpoint_every=650)
    c.train.steps_per_call = 50
    if arg == "smoke":
        smoke_autoregression(c, width=8, layers=2, head=8, dropout=0.0)
    return c
