"""CycleGAN between two parts of the body in computed tomography at 32 px: chest and abdomen, no pairs anywhere

Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Parameters: 753,796
Command: jaxgen train translation/cyclegan_mednist
Hardware: 2 CPU cores
Time: 26 minutes on one core of an Intel Xeon 2.5 GHz
Score: a classifier takes 100 % of the held-out translations for abdomens, kernel distance 0.09 (inputs 3.88); seed 0

Data: the folders ChestCT and AbdomenCT of mednist-6000.zip (MedNIST, CC BY-SA 4.0) below $JAXGEN_DATA.
"""

from jaxgen.zoo.defaults import adversaries, base, constant_ema, cyclegan, pairs, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(pairs(name="unpaired", path="mednist-6000.zip/ChestCT", target="mednist-6000.zip/AbdomenCT"))
    c.data.update(size=32, channels=1)
    c.method = cyclegan(identity=2.0)
    c.nets.generator = dict(name="residual_translator", widths=(16, 32, 64), blocks=4, padding="zeros")
    c.nets.discriminator = dict(name="patch_critic", widths=(32, 64))
    c.optim = adversaries(lr=2e-4, b1=0.5, schedule="late_linear", ema=constant_ema(0.999))
    c.optim.generator.lr = 4e-4
    c.train.update(steps=6000, batch_size=8, sample_every=1000, checkpoint_every=1000, samples=24)
    if arg == "smoke":
        smoke_translation(c, widths=(4,), blocks=1)
    return c
