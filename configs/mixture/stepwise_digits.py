"""Gaussian mixture with full covariances on 8x8 digits, by stepwise EM over mini-batches.

Paper: Cappe & Moulines 2009, "Online Expectation-Maximization Algorithm for Latent Data Models"
Parameters: 41,610
Command: jaxgen train mixture/stepwise_digits
Hardware: any; written for 2 CPU cores
Time: 10 s of CPU time, start-up included
Score: 14.84 +- 0.71 nats per held-out digit (variance floor 0.01); 54.4 % of samples sure
"""

from jaxgen.zoo.defaults import base, mixing


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = mixing(components=10, covariance="full", floor=1e-2, decay=0.7)
    c.optim = {}
    c.sampler = dict(temperature=1.0)
    c.train.update(steps=250, batch_size=288, log_every=50, sample_every=250, checkpoint_every=250)
    if arg == "smoke":
        c.method.update(components=3, floor=0.1, rounds=2)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
    return c
