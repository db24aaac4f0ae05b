"""Gated PixelCNN on 8x8 digits with their 17 grey levels, told the class.

Paper: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders"
Parameters: 103,409
Command: jaxgen train autoregressive/pixelcnn_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import autoregression, autoregression_sampler, base, constant_ema, optimizer


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = autoregression({"name": "categorical", "levels": 17}, conditional=True)
    c.net = dict(name="pixelcnn", width=32, layers=5, first=5, kernel=3, head=64, dropout=0.2)
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, clip=5.0, ema=constant_ema(0.995))
    c.sampler = autoregression_sampler()
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.net.update(width=8, layers=2, head=8, dropout=0.0)
        c.optim.warmup = 2
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
