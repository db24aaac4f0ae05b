"""Glow on 8x8 digits.

Paper: Kingma & Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions"
Parameters: 153,696
Command: jaxgen train flow/glow_digits
Hardware: any; written for 2 CPU cores
Time: 3.2 minutes beside another job (3.0 minutes of CPU time)
Score: 2.245 bits per dimension at 16 levels (355 held-out images, uniform dequantisation; 1.66 in training);
  precision 0.761, recall 0.841 (held-out 0.910, 0.922). `jaxgen evaluate flow/glow_digits`, seed 0
"""

from jaxgen.zoo.defaults import base, constant_ema, exact_likelihood, flow_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = exact_likelihood(bits=4, logit=0.05)
    c.nets.flow = dict(name="glow", levels=2, steps=8, width=64)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=200.0, ema=constant_ema(0.998))
    c.sampler = flow_sampler()
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.nets.flow.update(steps=1, width=8)
        c.optim.warmup = 1
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
