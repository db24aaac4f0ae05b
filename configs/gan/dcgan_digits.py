"""DCGAN on 8x8 digits, with the R1 penalty and averaged weights

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434; R1 from Mescheder et al. 2018, https://arxiv.org/abs/1801.04406
Parameters: 281,666
Command: jaxgen train gan/dcgan_digits
Hardware: 2 CPU cores
Time: 3.6 minutes beside one to two other jobs
Score: precision 0.834, recall 0.846 (held-out 0.910, 0.922); 75.5 % of samples judged with probability >= 0.9
  (held-out 93.2 %). `jaxgen evaluate gan/dcgan_digits`, seed 0
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, smoke_gan


def get_config(arg=""):
    c = base("digits")
    c.method = adversarial(latent=32, penalty=dict(name="r1", weight=0.05))
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 64))
    c.nets.discriminator = dict(name="dcgan_critic", widths=(64, 128), norm="none")
    c.optim = adversaries(lr=1e-3, b1=0.0, b2=0.99, schedule="linear", ema=constant_ema(0.999))
    c.sampler = dict(interpolation=8)
    c.train.update(steps=7000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c)
    return c
