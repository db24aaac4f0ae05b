"""Conditional DCGAN on MNIST: labels embedded in the latent and as an image channel

Paper: Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784
Parameters: 379,778
Command: jaxgen train gan/cdcgan_mnist
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("mnist")
    c.method = adversarial(latent=64, conditional=True)
    c.nets.generator = dict(name="dcgan_generator", widths=(64, 32))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(32, 64), conditioning="concat")
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=12000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c)
    return c
