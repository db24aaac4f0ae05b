"""SRCNN (9-1-5) enlarging photographs 2 times, trained on 20 of Kodak's.

Paper: Dong et al. 2014, "Learning a Deep Convolutional Network for Image Super-Resolution"
Parameters: 20,099
Command: jaxgen train super_resolution/srcnn_kodak_x2
Hardware: 2 CPU cores
Time: 17 min on an Intel Xeon 2.5 GHz beside other jobs, 12 min of CPU time
Score: PSNR-Y 32.56 dB on 7 held-out photographs; bicubic 31.68 dB
"""

from jaxgen.zoo.defaults import constant_ema, kodak_restoration, optimizer, smoke_restoration


def get_config(arg=""):
    c = kodak_restoration(scale=2, size=48, steps=4000, batch_size=16)
    c.nets.upscaler = dict(name="srcnn", kernels=(9, 1, 5), channels=(64, 32))
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.995))
    if arg == "smoke":
        smoke_restoration(c, channels=(4, 4), kernels=(5, 1, 3))
    return c
