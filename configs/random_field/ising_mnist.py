"""Binary random field on binarised MNIST with neighbours up to three pixels away, by pseudo-likelihood.

Paper: Besag 1975, "Statistical Analysis of Non-Lattice Data"
Parameters: 7,840
Command: jaxgen train random_field/ising_mnist
Hardware: any; written for 2 CPU cores
Time: 76 s of CPU time
Score: 97.9 % of pixels right after 10 % were flipped (a 3x3 median filter: 96.9 %)
"""

from jaxgen.zoo.defaults import WITHIN_THREE_PIXELS, ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("mnist", lr=0.02, steps=1500, batch_size=128)
    c.method = random_field(offsets=WITHIN_THREE_PIXELS)
    c.eval.likelihood = 2000
    if arg == "smoke":
        smoke_random_field(c)
    return c
