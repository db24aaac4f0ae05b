"""A diffusion transformer on the latents of MNIST, seen through the autoencoder of vae/kl_mnist: 49 tokens.

Train `vae/kl_mnist` first; `frozen.autoencoder` names its run.

Paper: Peebles & Xie 2023, Scalable Diffusion Models with Transformers; Rombach et al. 2022 for the latents
Parameters: 1,272,324
Command: jaxgen train diffusion/latent_dit_mnist
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("mnist")
    c.method = denoising("linear", "v", conditional=True, latents=dict(scale=1.0))
    c.net = dict(name="dit", width=128, depth=4, heads=4, patch=1)
    c.nets.autoencoder = dict(name="kl_autoencoder", channels=1, latent=4, widths=(16, 32, 32), blocks=1, groups=8)
    c.frozen = dict(autoencoder="run:runs/vae/kl_mnist")
    c.optim = optimizer(lr=5e-4, schedule="cosine", warmup=200, ema=constant_ema(0.999))
    c.sampler = denoising_sampler(name="ddim", steps=50, eta=1.0, guidance=1.5)
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.data.name = "digits"
        c.nets.autoencoder.update(latent=2, widths=(4, 4))
        c.frozen.autoencoder = "random:0"
        smoke_denoising(c, width=8, depth=1, heads=2)
    return c
