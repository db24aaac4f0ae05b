"""Ising field on black-and-white 8x8 digits by pseudo-likelihood; log Z is exact, by a transfer matrix.

Paper: Besag 1975, "Statistical Analysis of Non-Lattice Data"
Parameters: 256
Command: jaxgen train random_field/ising_digits
Hardware: any; written for 2 CPU cores
Time: 11 s of CPU time
Score: -21.89 +- 0.21 nats per held-out digit (exact); 93.6 % of pixels right after 10 % were flipped
"""

from jaxgen.zoo.defaults import ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("digits", lr=0.02, steps=1000, batch_size=256)
    c.method = random_field()
    if arg == "smoke":
        smoke_random_field(c)
    return c
