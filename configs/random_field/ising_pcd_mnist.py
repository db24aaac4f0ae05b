"""Binary random field on binarised MNIST with neighbours up to three pixels away, by persistent chains.

Paper: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient"
Parameters: 7,840
Command: jaxgen train random_field/ising_pcd_mnist
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, optimizer, random_field, random_field_sampler


def get_config(arg=""):
    c = base()
    c.data.name = "mnist"
    # All neighbours of the other colour within three pixels, one of each pair.
    offsets = ((0, 1), (1, 0), (1, 2), (1, -2), (2, 1), (2, -1), (0, 3), (3, 0))
    c.method = random_field(offsets=offsets, objective="persistent", sweeps=1)
    c.optim = optimizer(lr=0.005, schedule="cosine")
    c.sampler = random_field_sampler()
    c.train.update(steps=2000, batch_size=128, log_every=100, sample_every=2000, checkpoint_every=2000)
    c.train.steps_per_call = 50
    c.eval.likelihood = 2000
    if arg == "smoke":
        c.data.name = "digits"
        c.method.offsets = ((0, 1), (1, 0), (1, -2))
        c.sampler.update(sweeps=4, denoise_sweeps=4, burn=1)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
