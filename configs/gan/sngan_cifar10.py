"""SN-GAN on CIFAR-10 with the paper's residual networks, hinge loss and projection critic

Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637
Parameters: 5,357,188
Command: jaxgen train gan/sngan_cifar10
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("cifar10")
    c.data.flip = True
    c.method = adversarial(latent=128, objective="hinge", n_critic=5, conditional=True)
    c.nets.generator = dict(name="sngan_generator", widths=(256, 256, 256))
    c.nets.discriminator = dict(name="sngan_critic", widths=(128, 128, 128, 128), halvings=2)
    c.optim = adversaries(lr=2e-4, b1=0.0, b2=0.9, schedule="linear", ema=constant_ema(0.9999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=100000, batch_size=64, sample_every=2000, checkpoint_every=5000)
    if arg == "smoke":
        c.method.update(latent=8, n_critic=2)
        c.nets.discriminator.halvings = 1
        smoke_gan(c, generator=(4,), discriminator=(4, 4))
    return c
