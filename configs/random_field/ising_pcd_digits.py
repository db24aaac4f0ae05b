"""Ising field on black-and-white 8x8 digits by persistent contrastive divergence; log Z is exact.

Paper: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient"
Parameters: 256
Command: jaxgen train random_field/ising_pcd_digits
Hardware: any; written for 2 CPU cores
Time: 19 s of CPU time
Score: -21.47 +- 0.20 nats per held-out digit (exact)
"""

from jaxgen.zoo.defaults import base, optimizer, random_field, random_field_sampler


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = random_field(objective="persistent", sweeps=2)
    c.optim = optimizer(lr=0.02, schedule="cosine")
    c.sampler = random_field_sampler()
    c.train.update(steps=1000, batch_size=256, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.sampler.update(sweeps=4, denoise_sweeps=4, burn=1)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
