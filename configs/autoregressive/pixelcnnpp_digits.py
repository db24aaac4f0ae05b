"""PixelCNN++ with a mixture of discretised logistics on 8x8 digits.

Paper: Salimans et al. 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
  Modifications"
Parameters: 349,143
Command: jaxgen train autoregressive/pixelcnnpp_digits
Hardware: any; written for 2 CPU cores
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
    c = base("digits")
    c.method = autoregression({"name": "logistic_mixture", "levels": 17, "mixtures": 5})
    c.net = dict(name="pixelcnn_pp", width=24, levels=2, blocks=2, dropout=0.2)
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, clip=5.0, ema=constant_ema(0.995))
    c.sampler = autoregression_sampler()
    c.train.update(steps=2000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        smoke_autoregression(c, width=4, levels=1, blocks=1, dropout=0.0)
    return c
