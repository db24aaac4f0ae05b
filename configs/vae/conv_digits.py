"""VAE with residual convolutional networks on 8x8 digits.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"; He et al. 2016 for the blocks
Parameters: 489,557
Command: jaxgen train vae/conv_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer, smoke_vae, variational, variational_sampler


def get_config(arg=""):
    c = base("digits")
    c.method = variational(latent=10)
    for side in ("encoder", "decoder"):
        c.nets[side] = dict(name=f"vae_conv_{side}", channels=(32, 64), blocks=1, stem=1, hidden=128)
    c.optim = optimizer(lr=1e-3, schedule="cosine", ema=constant_ema(0.999))
    c.sampler = variational_sampler()
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_vae(c, channels=(4, 8), blocks=1, hidden=8)
    return c
