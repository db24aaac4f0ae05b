"""Gaussian field on 8x8 digits with neighbours up to three pixels away, by pseudo-likelihood; the density is exact.

Paper: Besag 1975, "Statistical Analysis of Non-Lattice Data"
Parameters: 640
Command: jaxgen train random_field/gaussian_digits
Hardware: any; written for 2 CPU cores
Time: 17 s of CPU time
Score: -12.27 +- 0.59 nats per held-out digit (exact, variance floor 0.01); denoising 40.2 -> 34.1 grey levels
"""

from jaxgen.zoo.defaults import WITHIN_THREE_PIXELS, ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("digits", lr=0.02, steps=1000, batch_size=256)
    c.method = random_field(field="gaussian", offsets=WITHIN_THREE_PIXELS)
    c.sampler.noise = 0.4
    if arg == "smoke":
        smoke_random_field(c)
    return c
