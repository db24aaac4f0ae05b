"""DCGAN on MNIST at its native 28 px, sized for two CPU cores

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Parameters: 270,754
Command: jaxgen train gan/dcgan_mnist
Hardware: 2 CPU cores
Time: 21 minutes beside one to two other jobs (17 minutes of CPU time)
Score: 65.7 % of 1,000 samples judged with probability >= 0.9 (held-out 97.0 %), precision 0.430, recall 0.690
  (held-out 0.858, 0.867). `jaxgen evaluate gan/dcgan_mnist`, seed 0
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("mnist")
    c.method = adversarial(latent=64)
    c.nets.generator = dict(name="dcgan_generator", widths=(64, 32))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(32, 64))
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=12000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c)
    return c
