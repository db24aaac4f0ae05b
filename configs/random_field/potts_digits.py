"""Potts field on 8x8 digits with four grey levels and neighbours up to three pixels away, by pseudo-likelihood.

Paper: Besag 1975, "Statistical Analysis of Non-Lattice Data"
Parameters: 768
Command: jaxgen train random_field/potts_digits
Hardware: any; written for 2 CPU cores
Time: 19 s of CPU time
Score: 93.2 % of pixels right after 10 % were replaced (left alone: 90.0 %)
"""

from jaxgen.zoo.defaults import WITHIN_THREE_PIXELS, ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("digits", lr=0.02, steps=1000, batch_size=256)
    c.method = random_field(levels=4, offsets=WITHIN_THREE_PIXELS)
    if arg == "smoke":
        smoke_random_field(c)
    return c
