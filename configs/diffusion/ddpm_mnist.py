"""DDPM on MNIST, with 2x2 pixels folded into channels.

Paper: Ho et al. 2020, Denoising Diffusion Probabilistic Models
Parameters: 1,133,636
Command: jaxgen train diffusion/ddpm_mnist
Hardware: 2 CPU cores
Time: 79 CPU minutes (64 minutes beside other jobs; a step alone takes 0.52 s, 35 minutes)
Score: precision 0.711, recall 0.838 (held-out images 0.858, 0.867); 73.5 % judged with probability >= 0.9 (97.0 %)
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("mnist")
    c.method = denoising("linear", "eps")
    c.net = dict(name="unet", width=64, multipliers=(1, 1), blocks=1, attention=(7,), patch=2)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=200, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="ddim", steps=50, eta=1.0, clip="static")
    c.eval.likelihood = 64
    c.mesh.cpu = 4
    c.train.update(steps=4000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.data.name = "digits"
        smoke_denoising(c, width=8, multipliers=(1,), attention=())
    return c
