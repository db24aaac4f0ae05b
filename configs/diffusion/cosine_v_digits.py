"""Cosine schedule, v-prediction and min-SNR weighting on the 8x8 digits.

Paper: Nichol & Dhariwal 2021; Salimans & Ho 2022; Hang et al. 2023, Efficient Diffusion Training via Min-SNR Weighting
Parameters: 957,508
Command: jaxgen train diffusion/cosine_v_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.method = denoising("cosine", "v", weighting="min_snr")
    c.net = dict(name="unet", width=32, multipliers=(1, 2), blocks=1, attention=(4,))
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=100, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="dpmpp_2m", steps=20, clip="static")
    c.train.update(steps=2000, batch_size=64, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.net.update(width=8)
        c.optim.update(warmup=2)
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, samples=4)
    return c
