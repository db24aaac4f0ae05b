"""SN-GAN on 8x8 digits: residual networks, hinge loss, spectral normalisation, projection critic

Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637
Parameters: 360,194
Command: jaxgen train gan/sngan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32, objective="hinge", n_critic=2, conditional=True)
    c.nets.generator = dict(name="sngan_generator", widths=(64, 64))
    c.nets.discriminator = dict(name="sngan_critic", widths=(64, 64, 64), halvings=2)
    c.optim = adversaries(lr=5e-4, b1=0.0, b2=0.9, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=3000, batch_size=64, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_gan(c, generator=(4,), discriminator=(4, 4))
    return c
