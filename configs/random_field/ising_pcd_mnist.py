"""Binary random field on binarised MNIST with neighbours up to three pixels away, by persistent chains.

Paper: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient"
Parameters: 7,840
Command: jaxgen train random_field/ising_pcd_mnist
Hardware: any; written for 2 CPU cores
Time: 140 s on an Intel Xeon 2.5 GHz beside other jobs, 138 s of CPU time
Score: denoising (10 % flipped): 98.22 % of pixels right; noisy 89.98 %, 3x3 median 96.95 %
"""

from jaxgen.zoo.defaults import WITHIN_THREE_PIXELS, ising, random_field, smoke_random_field


def get_config(arg=""):
    c = ising("mnist", lr=0.005, steps=2000, batch_size=128)
    c.method = random_field(offsets=WITHIN_THREE_PIXELS, objective="persistent", sweeps=1)
    c.eval.likelihood = 2000
    if arg == "smoke":
        smoke_random_field(c)
    return c
