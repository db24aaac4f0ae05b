"""Small EDSR (8 blocks, 32 channels) enlarging photographs 2 times, trained on 20 of Kodak's.

Paper: Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution"
Parameters: 195,971
Command: jaxgen train super_resolution/edsr_kodak_x2
Hardware: 2 CPU cores
Time: 162 min on an Intel Xeon 2.5 GHz beside other jobs, about 63 min of CPU time
Score: PSNR-Y 33.86 dB on 7 held-out photographs; bicubic 31.68 dB
"""

from jaxgen.zoo.defaults import constant_ema, kodak_restoration, optimizer, smoke_restoration


def get_config(arg=""):
    c = kodak_restoration(scale=2, size=96, steps=6000, batch_size=8)
    c.nets.upscaler = dict(name="edsr", blocks=8, width=32)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.998))
    if arg == "smoke":
        smoke_restoration(c, blocks=1, width=4)
    return c
