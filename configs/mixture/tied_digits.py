"""Gaussian mixture with one covariance for all components on 8x8 digits, by full-batch EM.

Paper: Dempster, Laird & Rubin 1977, "Maximum Likelihood from Incomplete Data via the EM Algorithm"
Parameters: 4,746
Command: jaxgen train mixture/tied_digits
Hardware: any; written for 2 CPU cores
Time: 11 s of CPU time, start-up included
Score: 0.80 +- 0.52 nats per held-out digit (variance floor 0.01)
"""

from jaxgen.zoo.defaults import base, mixing


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = mixing(components=10, covariance="tied", floor=0.01)
    c.optim = {}
    c.sampler = dict(temperature=1.0)
    # A step reads the whole training set.
    c.train.update(steps=50, batch_size=1442, log_every=10, sample_every=50, checkpoint_every=50)
    if arg == "smoke":
        c.method.update(components=3, floor=0.1, rounds=2)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
    return c
