"""DDPM with a U-Net on the 8x8 digits; the perceptron of ddpm_digits is far faster on a CPU.

Paper: Ho et al. 2020, Denoising Diffusion Probabilistic Models
Parameters: 701,345
Command: jaxgen train diffusion/unet_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("digits")
    c.method = denoising("linear", "eps")
    c.net = dict(name="unet", width=32, multipliers=(1, 2), blocks=1, attention=(4,))
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="ddim", steps=50, eta=1.0, clip="static")
    c.eval.likelihood = 64
    c.train.update(steps=2000, batch_size=64, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_denoising(c, width=8, multipliers=(1,), attention=(), mid_attention=False)
    return c
