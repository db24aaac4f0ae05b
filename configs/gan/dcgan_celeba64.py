"""DCGAN on faces at 64 px, at the paper's size

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Parameters: 36,087,940
Command: jaxgen train gan/dcgan_celeba64
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("celeb_a")
    c.data.update(size=64, flip=True)
    c.method = adversarial(latent=100, prior="uniform")
    c.nets.generator = dict(name="dcgan_generator", widths=(1024, 512, 256, 128), kernel=5)
    c.nets.discriminator = dict(name="dcgan_critic", widths=(128, 256, 512, 1024), kernel=5)
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=40000, batch_size=128, sample_every=1000, checkpoint_every=2000)
    if arg == "smoke":
        c.data.size = 8
        smoke_gan(c)
    return c
