"""pix2pix from drawings to emoji at 32 px: lines where colours change, and the picture they were taken from

Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Parameters: 534,212
Command: jaxgen train translation/pix2pix_sketches
Hardware: 2 CPU cores
Time: 14.8 minutes beside other jobs, 7.2 minutes of CPU time (Intel Xeon 2.5 GHz)
Score: mean absolute error 31.85 grey levels, SSIM 0.425 on held-out emoji (the drawing in their colours: 60.57, 0.113)

Data: noto-emoji-64.zip (Google, Apache-2.0) below $JAXGEN_DATA; drawings are made as it is read. `data.drawing=grey`
learns to colour grey pictures instead; `data.name=outlines` needs no files.
"""

from jaxgen.zoo.defaults import adversaries, base, constant_ema, pix2pix, sketched, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(sketched(path="noto-emoji-64.zip"))
    c.data.update(size=32, channels=3, flip=True, random_crop=2)
    c.method = pix2pix()
    c.nets.generator = dict(name="unet_translator", widths=(32, 64, 128), dropout=0.0)
    c.nets.discriminator = dict(name="patch_critic", widths=(32, 64, 128))
    c.optim = adversaries(lr=2e-4, b1=0.5, schedule="late_linear", ema=constant_ema(0.999))
    c.optim.generator.lr = 5e-4
    c.train.update(steps=5000, batch_size=16, sample_every=1000, checkpoint_every=1000, samples=24)
    if arg == "smoke":
        smoke_translation(c)
    return c
