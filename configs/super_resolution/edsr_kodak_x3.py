"""Small EDSR (8 blocks, 32 channels) enlarging photographs 3 times, trained on 20 of Kodak's.

Paper: Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution"
Parameters: 242,211
Command: jaxgen train super_resolution/edsr_kodak_x3 train.init_from=part:runs/super_resolution/edsr_kodak_x2
Hardware: 2 CPU cores
Time: 14 minutes on one core of an Intel Xeon 2.5 GHz, after those of x2
Score: PSNR-Y 30.49 dB on 7 held-out photographs (bicubic 29.15), SSIM 0.862 (0.825); seed 0
"""

from jaxgen.zoo.defaults import constant_ema, kodak_restoration, optimizer, smoke_restoration


def get_config(arg=""):
    c = kodak_restoration(scale=3, size=144, steps=1200, batch_size=8)
    c.nets.upscaler = dict(name="edsr", blocks=8, width=32)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.998))
    if arg == "smoke":
        smoke_restoration(c, blocks=1, width=4)
    return c
