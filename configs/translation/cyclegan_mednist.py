"""CycleGAN between two parts of the body in computed tomography at 32 px: chest and abdomen, no pairs anywhere

Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Parameters: 753,796
Command: jaxgen train translation/cyclegan_mednist
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet

Data: the folders ChestCT and AbdomenCT of mednist-6000.zip (MedNIST, CC BY-SA 4.0) below $JAXGEN_DATA.
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import base, constant_ema, cyclegan, optimizer, pairs


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(pairs(name="unpaired", path="mednist-6000.zip/ChestCT", target="mednist-6000.zip/AbdomenCT"))
    c.data.update(size=32, channels=1)
    c.method = cyclegan(identity=2.0)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="residual_translator", widths=(16, 32, 64), blocks=4, padding="zeros"),
            discriminator=dict(name="patch_critic", widths=(32, 64)),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=4e-4, b1=0.5, schedule="late_linear", ema=constant_ema(0.999)),
            discriminator=optimizer(lr=2e-4, b1=0.5, schedule="late_linear"),
        )
    )
    c.train.update(steps=6000, batch_size=8, sample_every=1000, checkpoint_every=1000, samples=24)
    if arg == "smoke":
        c.train.update(steps=3, batch_size=8, samples=8)
        c.data.update(name="outlines", path="", target="", size=8)
        c.method.pool = 12
        c.nets.generator.update(widths=(4,), blocks=1)
        c.nets.discriminator.widths = (4,)
    return c
