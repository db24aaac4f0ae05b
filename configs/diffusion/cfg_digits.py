"""Class-conditional EDM with classifier-free guidance on the 8x8 digits.

Paper: Ho & Salimans 2021, Classifier-Free Diffusion Guidance
Parameters: 2,127,424
Command: jaxgen train diffusion/cfg_digits
Hardware: 2 CPU cores
Time: about 5 minutes beside two other jobs (20 steps/s)
Score: precision 0.994, recall 0.771 (held-out 0.910, 0.922); 92.4 % of samples judged with probability >= 0.9
  (held-out 93.2 %). `jaxgen evaluate diffusion/cfg_digits`, seed 0
"""

from jaxgen.zoo.defaults import denoising, denoising_digits, denoising_sampler, smoke_denoising_digits


def get_config(arg=""):
    c = denoising_digits(width=384, layers=4, lr=1e-3, steps=6000)
    c.method = denoising("edm", "edm", conditional=True, drop=0.1)
    c.method.process.data_std = 0.75
    c.sampler = denoising_sampler(name="heun", steps=25, grid="karras", guidance=1.5)
    if arg == "smoke":
        smoke_denoising_digits(c)
    return c
