"""DDPM on CIFAR-10 at the size of the paper, 35.7 M parameters.

Paper: Ho et al. 2020, Denoising Diffusion Probabilistic Models
Parameters: 35,746,307
Command: jaxgen train diffusion/ddpm_cifar10
Hardware: 8 accelerators
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("cifar10")
    c.data.flip = True
    c.method = denoising("linear", "eps")
    c.net = dict(name="unet", width=128, multipliers=(1, 2, 2, 2), blocks=2, attention=(16,), dropout=0.1, eps=1e-6)
    c.optim = optimizer(lr=2e-4, warmup=5000, clip=1.0, ema=constant_ema(0.9999))
    c.sampler = denoising_sampler(name="ddpm", steps=1000, variance="large", clip="static")
    c.train.update(steps=800_000, batch_size=128, log_every=100, sample_every=10_000, checkpoint_every=10_000)
    c.eval.samples, c.eval.likelihood = 50_000, 64
    if arg == "smoke":
        c.data.update(name="digits", flip=False)
        smoke_denoising(c, width=8, multipliers=(1,), blocks=1, attention=(8,))
        c.eval.samples = 8
    return c
