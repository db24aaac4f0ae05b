"""EDSR at paper size (32 blocks, 256 channels) enlarging photographs twice, trained on DIV2K.

Paper: Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution"
Parameters: 40,729,603
Command: jaxgen train super_resolution/edsr_div2k_x2 data.path=DIV2K_train_HR data.test_path=DIV2K_valid_HR
Hardware: one accelerator with 16 GB or more
Time: not measured yet
Score: not measured yet

The paper halves the learning rate every 200,000 steps; here it falls along a cosine.
`train.micro=4` fits smaller memories.
"""

from jaxgen.zoo.defaults import (
    base,
    constant_ema,
    optimizer,
    photographs,
    restoration,
    restoration_sampler,
    smoke_restoration,
)


def get_config(arg=""):
    c = base()
    c.data.update(photographs("DIV2K_train_HR", test_path="DIV2K_valid_HR", size=96, turn=True, flip=True))
    c.data.update(workers=8, memory_mb=16384)
    c.method = restoration(scale=2)
    c.nets.upscaler = dict(name="edsr", blocks=32, width=256, residual_scale=0.1)
    c.optim = optimizer(lr=1e-4, schedule="cosine", ema=constant_ema(0.999))
    c.sampler = restoration_sampler()
    c.train.update(steps=300000, batch_size=16, log_every=100, sample_every=10000, checkpoint_every=5000, samples=16)
    if arg == "smoke":
        smoke_restoration(c, blocks=1, width=4)
    return c
