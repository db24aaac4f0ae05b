"""Glow on 32x32 colour images, at paper size (K = 32, L = 3, width 512).

Paper: Kingma & Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions", table 4
Parameters: 44,052,816
Command: jaxgen train flow/glow_cifar10
Hardware: one accelerator with 40 GB or more
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, exact_likelihood, flow_sampler, optimizer, smoke_flow


def get_config(arg=""):
    c = base("cifar10")
    c.data.flip = True
    c.method = exact_likelihood()
    c.nets.flow = dict(name="glow", levels=3, steps=32, width=512)
    c.optim = optimizer(name="adamax", lr=1e-3, warmup=8000, clip=30000.0, ema=constant_ema(0.9995))
    c.sampler = flow_sampler(temperature=0.7)
    c.train.update(steps=400000, batch_size=64, log_every=100, sample_every=5000, checkpoint_every=5000)
    if arg == "smoke":
        c.data.update(name="shapes", size=8)
        smoke_flow(c, levels=2, steps=2, width=8)
    return c
