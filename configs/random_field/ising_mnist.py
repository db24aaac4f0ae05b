"""Binary random field on binarised MNIST with neighbours up to three pixels away, by pseudo-likelihood.

Paper: Besag 1975, "Statistical Analysis of Non-Lattice Data"
Parameters: 7,840
Command: jaxgen train random_field/ising_mnist
Hardware: any; written for 2 CPU cores
Time: 76 s of CPU time
Score: 97.9 % of pixels right after 10 % were flipped (a 3x3 median filter: 96.9 %)
"""

from jaxgen.zoo.defaults import base, optimizer, random_field, random_field_sampler


def get_config(arg=""):
    c = base()
    c.data.name = "mnist"
    # All neighbours of the other colour within three pixels, one of each pair.
    c.method = random_field(offsets=((0, 1), (1, 0), (1, 2), (1, -2), (2, 1), (2, -1), (0, 3), (3, 0)))
    c.optim = optimizer(lr=0.02, schedule="cosine")
    c.sampler = random_field_sampler()
    c.train.update(steps=1500, batch_size=128, log_every=100, sample_every=1500, checkpoint_every=1500)
    c.train.steps_per_call = 50
    c.eval.likelihood = 2000
    if arg == "smoke":
        c.data.name = "digits"
        c.method.offsets = ((0, 1), (1, 0), (1, -2))
        c.sampler.update(sweeps=4, denoise_sweeps=4, burn=1)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
