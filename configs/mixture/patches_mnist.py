"""Gaussian mixture of 7x7 MNIST patches, by stepwise EM; an image is 16 independent draws of it.

Paper: Zoran & Weiss 2011, "From Learning Models of Natural Image Patches to Whole Image Restoration"
Parameters: 245,100
Command: jaxgen train mixture/patches_mnist
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, mixing


def get_config(arg=""):
    c = base()
    c.data.name = "mnist"
    c.method = mixing(components=100, covariance="full", patch=7, floor=1e-2, decay=0.7)
    c.optim = {}
    c.sampler = dict(temperature=1.0)
    c.train.update(steps=300, batch_size=500, log_every=20, sample_every=300, checkpoint_every=300)
    if arg == "smoke":
        c.data.name = "digits"
        c.method.update(components=3, patch=4, floor=0.1, rounds=2)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
    return c
