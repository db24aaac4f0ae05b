"""EDM on the 8x8 digits.

Paper: Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models
Parameters: 957,508
Command: jaxgen train diffusion/edm_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.method = denoising("edm", "edm")
    c.method.process.data_std = 0.75
    c.net = dict(name="unet", width=32, multipliers=(1, 2), blocks=1, attention=(4,))
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="heun", steps=18, grid="karras")
    c.train.update(steps=2000, batch_size=64, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.net.update(width=8)
        c.optim.update(warmup=2)
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, samples=4)
    return c
