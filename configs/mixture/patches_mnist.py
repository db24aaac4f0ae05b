"""Gaussian mixture of 7x7 MNIST patches, by stepwise EM; an image is 16 independent draws of it.

Paper: Zoran & Weiss 2011, "From Learning Models of Natural Image Patches to Whole Image Restoration"
Parameters: 245,100
Command: jaxgen train mixture/patches_mnist
Hardware: any; written for 2 CPU cores
Time: 8 minutes beside other jobs (Intel Xeon 2.5 GHz)
Score: 675.8 +- 1.0 nats per held-out image (16 patches of 49 pixels, uniform dequantisation); seed 0
"""

from jaxgen.zoo.defaults import expectation_maximization, mixing, smoke_mixture


def get_config(arg=""):
    c = expectation_maximization("mnist", steps=300, batch_size=500, log_every=20)
    c.method = mixing(components=100, covariance="full", patch=7, floor=0.01, decay=0.7)
    if arg == "smoke":
        c.method.patch = 4
        smoke_mixture(c)
    return c
