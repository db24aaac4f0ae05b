"""A class-conditional diffusion transformer on the 8x8 digits: 16 tokens of 2x2 pixels.

Paper: Peebles & Xie 2023, Scalable Diffusion Models with Transformers
Parameters: 723,844
Command: jaxgen train diffusion/dit_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("digits")
    c.method = denoising("linear", "eps", conditional=True)
    c.net = dict(name="dit", width=96, depth=4, heads=4, patch=2, scan=False, remat="none")
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=200, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="ddim", steps=50, eta=1.0, clip="static", guidance=1.5)
    c.eval.likelihood = 64
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 20
    if arg == "smoke":
        smoke_denoising(c, width=8, depth=2, heads=2)
    return c
