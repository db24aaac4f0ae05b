"""The original GAN on digits: fully connected networks, the non-saturating game

Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661
Parameters: 174,401
Command: jaxgen train gan/mlp_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32)
    c.nets.generator = dict(name="mlp_generator", widths=(256, 256), norm="batch")
    c.nets.discriminator = dict(name="mlp_critic", widths=(256, 256), norm="none", dropout=0.3)
    c.optim = adversaries(lr=5e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=5000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c, generator=(8, 8), discriminator=(8, 8))
    return c
