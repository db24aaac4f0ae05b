"""SN-GAN on CIFAR-10 with the paper's residual networks, hinge loss and projection critic

Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637
Parameters: 5,359,492
Command: jaxgen train gan/sngan_cifar10
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(name="cifar10", flip=True)
    c.method = adversarial(latent=128, objective="hinge", n_critic=5, conditional=True)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="sngan_generator", widths=(256, 256, 256)),
            discriminator=dict(name="sngan_critic", widths=(128, 128, 128, 128), halvings=2),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=2e-4, b1=0.0, b2=0.9, schedule="linear", ema=constant_ema(0.9999)),
            discriminator=optimizer(lr=2e-4, b1=0.0, b2=0.9, schedule="linear"),
        )
    )
    c.sampler = ConfigDict(dict(interpolation=8))
    c.train.update(steps=100000, batch_size=64, sample_every=2000, checkpoint_every=5000)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.data.update(name="digits", flip=False)
        c.method.update(latent=8, n_critic=2)
        c.nets.discriminator.halvings = 1
        c.nets.generator.widths = (4,)
        c.nets.discriminator.widths = (4, 4)
    return c
