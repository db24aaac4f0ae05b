"""Rectified flow on the 8x8 digits.

Paper: Liu et al. 2022, Flow Straight and Fast; Lipman et al. 2022, Flow Matching for Generative Modeling
Parameters: 957,508
Command: jaxgen train diffusion/flow_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.method = denoising("flow", "velocity")
    c.net = dict(name="unet", width=32, multipliers=(1, 2), blocks=1, attention=(4,))
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="euler", steps=50)
    c.train.update(steps=2000, batch_size=64, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.net.update(width=8)
        c.optim.update(warmup=2)
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, samples=4)
    return c
