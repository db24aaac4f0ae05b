"""Wasserstein GAN with weight clipping on 8x8 digits

Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875
Parameters: 281,794
Command: jaxgen train gan/wgan_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32, objective="wasserstein", penalty=dict(name="clip", limit=0.01), n_critic=5)
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 64))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(64, 128))
    c.optim = adversaries(name="rmsprop", lr=5e-4, b2=0.9, ema=constant_ema(0.995))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=4000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.method.n_critic = 2
        smoke_gan(c)
    return c
