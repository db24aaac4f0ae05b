"""DCGAN on faces at 64 px, at the paper's size

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Parameters: 36,087,940
Command: jaxgen train gan/dcgan_celeba64
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(name="celeb_a", size=64, flip=True)
    c.method = adversarial(latent=100, prior="uniform")
    c.nets = ConfigDict(
        dict(
            generator=dict(name="dcgan_generator", widths=(1024, 512, 256, 128), kernel=5),
            discriminator=dict(name="dcgan_critic", widths=(128, 256, 512, 1024), kernel=5),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=2e-4, b1=0.5, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=2e-4, b1=0.5),
        )
    )
    c.sampler = ConfigDict(dict(interpolation=8))
    c.train.update(steps=40000, batch_size=128, sample_every=1000, checkpoint_every=2000)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.data.update(name="digits", size=8, flip=False)
        c.nets.generator.widths = (8, 4)
        c.nets.discriminator.widths = (4, 8)
    return c
