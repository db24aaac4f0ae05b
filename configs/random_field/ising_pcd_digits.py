"""Ising field on black-and-white 8x8 digits by persistent contrastive divergence; log Z is exact.

Paper: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient"
Parameters: 256
Command: jaxgen train random_field/ising_pcd_digits
Hardware: any; written for 2 CPU cores
Time: 19 s of CPU time
Score: -21.47 +- 0.20 nats per held-out digit (exact)
"""

from jaxgen.zoo.defaults import ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("digits", lr=0.02, steps=1000, batch_size=256)
    c.method = random_field(objective="persistent", sweeps=2)
    if arg == "smoke":
        smoke_random_field(c)
    return c
