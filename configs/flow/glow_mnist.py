"""Glow on MNIST padded to 32x32, at a size for a CPU (K = 8, width 64).

Paper: Kingma & Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions"
Parameters: 301,984
Command: jaxgen train flow/glow_mnist
Hardware: 2 CPU cores
Time: 71 minutes of CPU time (both cores together)
Score: 1.567 +- 0.003 bits per dimension on the 10,000 test images, padded to 32x32, 256 levels, uniform dequantisation.
  `jaxgen evaluate flow/glow_mnist`, seed 0
"""

from jaxgen.zoo.defaults import base, constant_ema, exact_likelihood, flow_sampler, optimizer, smoke_flow


def get_config(arg=""):
    c = base("mnist")
    c.data.update(pad=2, background=0)
    c.method = exact_likelihood()
    c.nets.flow = dict(name="glow", levels=3, steps=8, width=64)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=200, clip=3000.0, ema=constant_ema(0.999))
    c.sampler = flow_sampler(temperature=0.7)
    c.mesh.cpu = 4
    c.train.update(steps=5000, batch_size=64, log_every=50, sample_every=1000, checkpoint_every=500)
    if arg == "smoke":
        c.data.update(name="digits", pad=0)
        smoke_flow(c, levels=2, steps=1, width=8)
    return c
