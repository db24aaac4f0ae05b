"""EDM on the 8x8 digits.

Paper: Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models
Parameters: 2,123,200
Command: jaxgen train diffusion/edm_digits
Hardware: 2 CPU cores
Time: about 4 minutes (28 steps/s beside one other job)
Score: precision 0.955, recall 0.828 (held-out 0.910, 0.922); 72.7 % of samples judged with probability >= 0.9
  (held-out 93.2 %). `jaxgen evaluate diffusion/edm_digits`, seed 0
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer


def get_config(arg=""):
    c = base()
    c.method = denoising("edm", "edm")
    c.method.process.data_std = 0.75
    c.net = dict(name="mlp_denoiser", width=384, layers=4)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=200, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="heun", steps=25, grid="karras")
    c.train.update(steps=6000, batch_size=128, log_every=100, sample_every=2000, checkpoint_every=2000)
    c.train.steps_per_call = 20
    if arg == "smoke":
        c.net.update(width=8, layers=1)
        c.optim.update(warmup=2)
        c.sampler.steps = 3
        c.train.update(steps=4, batch_size=8, samples=4, log_every=1)
        c.train.steps_per_call = 1
    return c
