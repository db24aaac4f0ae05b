"""Least-squares GAN on 8x8 digits

Paper: Mao et al. 2017, https://arxiv.org/abs/1611.04076
Parameters: 281,794
Command: jaxgen train gan/lsgan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.method = adversarial(latent=32, objective="least_squares")
    c.nets = ConfigDict(
        dict(
            generator=dict(name="dcgan_generator", widths=(128, 64)),
            discriminator=dict(name="dcgan_critic", widths=(64, 128)),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=5e-4, b1=0.5, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=5e-4, b1=0.5),
        )
    )
    c.sampler = ConfigDict(dict(interpolation=8))
    c.train.update(steps=5000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.nets.generator.widths = (8, 4)
        c.nets.discriminator.widths = (4, 8)
    return c
