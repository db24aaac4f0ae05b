"""DDPM on the 8x8 digits.

Paper: Ho et al. 2020, Denoising Diffusion Probabilistic Models
Parameters: 2,123,200
Command: jaxgen train diffusion/ddpm_digits
Hardware: 2 CPU cores
Time: about 7 minutes beside two other jobs (15 steps/s)
Score: precision 0.961, recall 0.780 (held-out 0.910, 0.922); 60.6 % of samples judged with probability >= 0.9
  (held-out 93.2 %). `jaxgen evaluate diffusion/ddpm_digits`, seed 0
"""

from jaxgen.zoo.defaults import denoising, denoising_digits, denoising_sampler, smoke_denoising_digits


def get_config(arg=""):
    c = denoising_digits(width=384, layers=4, lr=1e-3, steps=6000)
    c.method = denoising("linear", "eps")
    c.sampler = denoising_sampler(name="ddpm", steps=250, clip="static")
    if arg == "smoke":
        smoke_denoising_digits(c)
    return c
