"""Rectified flow on the 8x8 digits.

Paper: Liu et al. 2022, Flow Straight and Fast; Lipman et al. 2022, Flow Matching for Generative Modeling
Parameters: 2,123,200
Command: jaxgen train diffusion/flow_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import denoising, denoising_digits, denoising_sampler, smoke_denoising_digits


def get_config(arg=""):
    c = denoising_digits(width=384, layers=4, lr=1e-3, steps=6000)
    c.method = denoising("flow", "velocity")
    c.sampler = denoising_sampler(name="euler", steps=50)
    if arg == "smoke":
        smoke_denoising_digits(c)
    return c
