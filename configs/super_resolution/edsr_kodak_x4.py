"""Small EDSR (8 blocks, 32 channels) enlarging photographs 4 times, trained on 20 of Kodak's.

Paper: Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution"
Parameters: 232,963
Command: jaxgen train super_resolution/edsr_kodak_x4 train.init_from=part:runs/super_resolution/edsr_kodak_x2
Hardware: 2 CPU cores
Time: 23 minutes on one core of an Intel Xeon 2.5 GHz, after those of x2
Score: PSNR-Y 28.92 dB on 7 held-out photographs (bicubic 27.82), SSIM 0.809 (0.772); seed 0
"""

from jaxgen.zoo.defaults import constant_ema, kodak_restoration, optimizer, smoke_restoration


def get_config(arg=""):
    c = kodak_restoration(scale=4, size=192, steps=1200, batch_size=8)
    c.nets.upscaler = dict(name="edsr", blocks=8, width=32)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.998))
    if arg == "smoke":
        smoke_restoration(c, blocks=1, width=4)
    return c
