"""EDM on the 8x8 digits.

Paper: Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models
Parameters: 2,123,200
Command: jaxgen train diffusion/edm_digits
Hardware: 2 CPU cores
Time: about 4 minutes (28 steps/s beside one other job)
Score: precision 0.955, recall 0.828 (held-out 0.910, 0.922); 72.7 % of samples judged with probability >= 0.9
  (held-out 93.2 %). `jaxgen evaluate diffusion/edm_digits`, seed 0
"""

from jaxgen.zoo.defaults import denoising, denoising_digits, denoising_sampler, smoke_denoising_digits


def get_config(arg=""):
    c = denoising_digits(width=384, layers=4, lr=1e-3, steps=6000)
    c.method = denoising("edm", "edm")
    c.method.process.data_std = 0.75
    c.sampler = denoising_sampler(name="heun", steps=25, grid="karras")
    if arg == "smoke":
        smoke_denoising_digits(c)
    return c
