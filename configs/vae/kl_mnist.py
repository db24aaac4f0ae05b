"""A small KL autoencoder on MNIST: latents of 7x7 places and 4 channels, for diffusion/latent_dit_mnist.

A Gaussian likelihood of fixed width is the squared error of the paper's; its perceptual and adversarial terms are left
out. With a light KL term latents stay about N(0, I) and keep what a picture shows.

Paper: Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", appendix G
Parameters: 241,749
Command: jaxgen train vae/kl_mnist
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer, smoke_vae, variational, variational_sampler


def get_config(arg=""):
    c = base("mnist")
    c.method = variational(latent=4, beta=0.2, likelihood={"name": "gaussian", "sigma": 0.1, "floor": 0.01})
    for side in ("encoder", "decoder"):
        c.nets[side] = dict(name=f"kl_{side}", widths=(16, 32, 32), blocks=1, groups=8)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=100.0, ema=constant_ema(0.999))
    c.sampler = variational_sampler(importance=16, chunk=4)
    c.train.update(steps=1500, batch_size=64, log_every=100, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.data.name = "digits"
        smoke_vae(c, widths=(4, 4), blocks=1)
        c.method.latent = 2
    return c
