"""SRCNN (9-1-5) enlarging photographs 2 times, trained on 20 of Kodak's.

Paper: Dong et al. 2014, "Learning a Deep Convolutional Network for Image Super-Resolution"
Parameters: 20,099
Command: jaxgen train super_resolution/srcnn_kodak_x2
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer
from jaxgen.zoo.defaults_restore import photographs, restoration, restoration_sampler


def get_config(arg=""):
    c = base()
    c.data.update(
        photographs(
            "kodak24.zip", test_path="photos-skimage.zip", hold=("kodim2[1-4].png",), size=48, turn=True, flip=True
        )
    )
    c.method = restoration(scale=2)
    c.nets.upscaler = dict(name="srcnn", kernels=(9, 1, 5), channels=(64, 32))
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.995))
    c.sampler = restoration_sampler()
    c.train.update(steps=4000, batch_size=16, log_every=50, sample_every=1000, checkpoint_every=500, samples=6)
    if arg == "smoke":
        c.data.update(name="shapes", path="", test_path="", hold=(), size=12)
        c.nets.upscaler.update(channels=(4, 4), kernels=(5, 1, 3))
        c.sampler.tile = 16
        c.optim.update(schedule="constant", warmup=0)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
    return c
