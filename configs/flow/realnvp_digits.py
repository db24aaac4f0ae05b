"""RealNVP on 8x8 digits with variational dequantisation.

Paper: Dinh et al. 2017, "Density estimation using Real NVP"
Parameters: 217,880
Command: jaxgen train flow/realnvp_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, exact_likelihood, flow_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = exact_likelihood(bits=4, logit=0.05)
    c.nets.flow = dict(name="realnvp", scales=2, couplings=3, width=32, blocks=1)
    c.nets.dequantizer = dict(name="flow_dequantizer", couplings=2, width=16, blocks=1)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=200.0, ema=constant_ema(0.998))
    c.sampler = flow_sampler()
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.nets.flow.update(scales=1, couplings=1, width=8)
        c.nets.dequantizer.update(couplings=1, width=8)
        c.optim.warmup = 1
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
