"""The original GAN on digits: fully connected networks, the non-saturating game

Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661
Parameters: 174,401
Command: jaxgen train gan/mlp_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.method = adversarial(latent=32)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="mlp_generator", widths=(256, 256), norm="batch"),
            discriminator=dict(name="mlp_critic", widths=(256, 256), norm="none", dropout=0.3),
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
        c.nets.generator.widths = (8, 8)
        c.nets.discriminator.widths = (8, 8)
    return c
