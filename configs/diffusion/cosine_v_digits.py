"""Cosine schedule, v-prediction and min-SNR weighting on the 8x8 digits.

Paper: Nichol & Dhariwal 2021; Salimans & Ho 2022; Hang et al. 2023, Efficient Diffusion Training via Min-SNR Weighting
Parameters: 2,123,200
Command: jaxgen train diffusion/cosine_v_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import denoising, denoising_digits, denoising_sampler, smoke_denoising_digits


def get_config(arg=""):
    c = denoising_digits(width=384, layers=4, lr=1e-3, steps=6000)
    c.method = denoising("cosine", "v", weighting="min_snr")
    c.sampler = denoising_sampler(name="dpmpp_2m", steps=20, clip="static")
    if arg == "smoke":
        smoke_denoising_digits(c)
    return c
