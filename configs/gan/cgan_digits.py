"""Conditional GAN on 8x8 digits: a class on demand

Paper: Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784
Parameters: 299,650
Command: jaxgen train gan/cgan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32, conditional=True, penalty=dict(name="r1", weight=0.1))
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 64))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(64, 128), norm="none", conditioning="projection")
    c.optim = adversaries(lr=1e-3, b1=0.0, b2=0.99, schedule="linear", ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=4000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c)
    return c
