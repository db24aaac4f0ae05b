"""Least-squares GAN on 8x8 digits

Paper: Mao et al. 2017, https://arxiv.org/abs/1611.04076
Parameters: 281,794
Command: jaxgen train gan/lsgan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32, objective="least_squares")
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 64))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(64, 128))
    c.optim = adversaries(lr=5e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=5000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c)
    return c
