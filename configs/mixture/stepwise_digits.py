"""Gaussian mixture with full covariances on 8x8 digits, by stepwise EM over mini-batches.

Paper: Cappe & Moulines 2009, "Online Expectation-Maximization Algorithm for Latent Data Models"
Parameters: 41,610
Command: jaxgen train mixture/stepwise_digits
Hardware: any; written for 2 CPU cores
Time: 10 s of CPU time, start-up included
Score: 14.84 +- 0.71 nats per held-out digit (variance floor 0.01); 54.4 % of samples sure
"""

from jaxgen.zoo.defaults import expectation_maximization, mixing, smoke_mixture


def get_config(arg=""):
    c = expectation_maximization("digits", steps=250, batch_size=288, log_every=50)
    c.method = mixing(components=10, covariance="full", floor=0.01, decay=0.7)
    if arg == "smoke":
        smoke_mixture(c)
    return c
