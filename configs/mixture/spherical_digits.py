"""Gaussian mixture with spherical covariances: EM's soft k-means on 8x8 digits, by full-batch EM.

Paper: Dempster, Laird & Rubin 1977, "Maximum Likelihood from Incomplete Data via the EM Algorithm"
Parameters: 660
Command: jaxgen train mixture/spherical_digits
Hardware: any; written for 2 CPU cores
Time: 10 s of CPU time, start-up included
Score: -33.20 +- 0.68 nats per held-out digit (variance floor 0.01)
"""

from jaxgen.zoo.defaults import expectation_maximization, mixing, smoke_mixture


def get_config(arg=""):
    # A step reads the whole training set.
    c = expectation_maximization("digits", steps=50, batch_size=1442, log_every=10)
    c.method = mixing(components=10, covariance="spherical", floor=0.01)
    if arg == "smoke":
        smoke_mixture(c)
    return c
