"""Small EDSR (8 blocks, 32 channels) enlarging photographs 2 times, trained on 20 of Kodak's.

Paper: Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution"
Parameters: 195,971
Command: jaxgen train super_resolution/edsr_kodak_x2
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
            "kodak24.zip", test_path="photos-skimage.zip", hold=("kodim2[1-4].png",), size=96, turn=True, flip=True
        )
    )
    c.method = restoration(scale=2)
    c.nets.upscaler = dict(name="edsr", blocks=8, width=32)
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=100, clip=1.0, ema=constant_ema(0.998))
    c.sampler = restoration_sampler()
    c.train.update(steps=6000, batch_size=8, log_every=50, sample_every=1000, checkpoint_every=500, samples=6)
    if arg == "smoke":
        c.data.update(name="shapes", path="", test_path="", hold=(), size=12)
        c.nets.upscaler.update(blocks=1, width=4)
        c.sampler.tile = 16
        c.optim.update(schedule="constant", warmup=0)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
    return c
