"""pix2pix between two designers' emoji at 32 px: Noto to Fx, joined on their code points

Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Parameters: 535,557
Command: jaxgen train translation/pix2pix_emoji
Hardware: 2 CPU cores
Time: 19.5 minutes beside other jobs, 4.4 minutes of CPU time (Intel Xeon 2.5 GHz)
Score: mean absolute error 39.65 grey levels, SSIM 0.272 on held-out pairs (the input itself: 45.19, 0.249)

Data: noto-emoji-64.zip (Google, Apache-2.0) and fxemoji-64.zip (Mozilla, CC BY 4.0) below $JAXGEN_DATA; 720 pairs to
learn from, 114 held out. `data.name=outlines` needs no files: outlines of shapes, to be filled.
"""

from jaxgen.zoo.defaults import adversaries, base, constant_ema, pairs, pix2pix, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(pairs(path="noto-emoji-64.zip", target="fxemoji-64.zip", common_names=True))
    c.data.update(size=32, channels=3, flip=True, random_crop=2, swap_channels=True)
    c.method = pix2pix()
    c.nets.generator = dict(name="unet_translator", widths=(32, 64, 128), dropout=0.0, norm="batch", masked=True)
    c.nets.discriminator = dict(name="patch_critic", widths=(32, 64, 128))
    c.optim = adversaries(lr=2e-4, b1=0.5, schedule="late_linear", ema=constant_ema(0.999))
    c.optim.generator.lr = 5e-4
    c.train.update(steps=2500, batch_size=16, sample_every=500, checkpoint_every=500, samples=24)
    if arg == "smoke":
        smoke_translation(c)
    return c
