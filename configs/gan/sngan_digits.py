"""SN-GAN on 8x8 digits: residual networks, hinge loss, spectral normalisation, projection critic

Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637
Parameters: 360,578
Command: jaxgen train gan/sngan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.method = adversarial(latent=32, objective="hinge", n_critic=2, conditional=True)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="sngan_generator", widths=(64, 64)),
            discriminator=dict(name="sngan_critic", widths=(64, 64, 64), halvings=2),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=5e-4, b1=0.0, b2=0.9, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=5e-4, b1=0.0, b2=0.9),
        )
    )
    c.sampler = ConfigDict(dict(interpolation=8))
    c.train.update(steps=3000, batch_size=64, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.nets.generator.widths = (4,)
        c.nets.discriminator.widths = (4, 4)
    return c
