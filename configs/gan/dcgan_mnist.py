"""DCGAN on MNIST at its native 28 px, sized for two CPU cores

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Parameters: 270,754
Command: jaxgen train gan/dcgan_mnist
Hardware: 2 CPU cores
Time: 21 minutes beside one to two other jobs (17 minutes of CPU time)
Score: 65.7 % of 1,000 samples judged with probability >= 0.9 (held-out 97.0 %), precision 0.430, recall 0.690
  (held-out 0.858, 0.867). `jaxgen evaluate gan/dcgan_mnist`, seed 0
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import adversarial, base, constant_ema, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.name = "mnist"
    c.method = adversarial(latent=64)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="dcgan_generator", widths=(64, 32)),
            discriminator=dict(name="dcgan_critic", widths=(32, 64)),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=2e-4, b1=0.5, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=2e-4, b1=0.5),
        )
    )
    c.sampler = ConfigDict(dict(interpolation=8))
    c.train.update(steps=12000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.data.update(name="digits")
        c.nets.generator.widths = (8, 4)
        c.nets.discriminator.widths = (4, 8)
    return c
