"""CycleGAN between two designers' emoji at 32 px, Noto and Fx, without being told which belong together

Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Parameters: 762,120
Command: jaxgen train translation/cyclegan_emoji
Hardware: 2 CPU cores
Time: 127 minutes beside other jobs, 53 minutes of CPU time (Intel Xeon 2.5 GHz)
Score: mean absolute error 43.04 grey levels, SSIM 0.271 on held-out pairs (the input itself: 45.19, 0.249)

Data: noto-emoji-64.zip (Google, Apache-2.0) and fxemoji-64.zip (Mozilla, CC BY 4.0) below $JAXGEN_DATA; 1,316 and 720
images to learn from, and 114 pairs held out, whose true translations are known.
"""

from jaxgen.zoo.defaults import adversaries, base, constant_ema, cyclegan, pairs, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(pairs(name="unpaired", path="noto-emoji-64.zip", target="fxemoji-64.zip", common_names=True))
    c.data.update(size=32, channels=3, flip=True)
    c.method = cyclegan()
    c.nets.generator = dict(name="residual_translator", widths=(16, 32, 64), blocks=4, padding="zeros")
    c.nets.discriminator = dict(name="patch_critic", widths=(32, 64))
    c.optim = adversaries(lr=2e-4, b1=0.5, schedule="late_linear", ema=constant_ema(0.999))
    c.optim.generator.lr = 4e-4
    c.train.update(steps=8000, batch_size=8, sample_every=1000, checkpoint_every=1000, samples=24)
    if arg == "smoke":
        smoke_translation(c, blocks=1)
    return c
