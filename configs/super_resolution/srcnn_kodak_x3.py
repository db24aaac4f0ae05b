"""SRCNN (9-5-5) enlarging photographs 3 times, trained on 20 of Kodak's.

Paper: Dong et al. 2014, "Learning a Deep Convolutional Network for Image Super-Resolution"
Parameters: 69,251
Command: jaxgen train super_resolution/srcnn_kodak_x3
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import constant_ema, kodak_restoration, optimizer, smoke_restoration


def get_config(arg=""):
    c = kodak_restoration(scale=3, size=48, steps=3000, batch_size=16)
    c.nets.upscaler = dict(name="srcnn", kernels=(9, 5, 5), channels=(64, 32))
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.995))
    if arg == "smoke":
        smoke_restoration(c, channels=(4, 4), kernels=(5, 1, 3))
    return c
