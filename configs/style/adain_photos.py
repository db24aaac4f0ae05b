"""AdaIN on photographs and six paintings, with an encoder that jaxgen trained itself.

Paper: Huang, Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"
Parameters: 65,507
Command: jaxgen train style/adain_photos
Hardware: any; written for 2 CPU cores
Time: 17.8 minutes beside other jobs, 7.7 minutes of CPU time (Intel Xeon 2.5 GHz)
Score: style loss 0.78 on held-out photographs, which have 6.73 themselves
"""

from jaxgen.zoo.defaults import (
    base,
    constant_ema,
    feed_forward_style,
    optimizer,
    smoke_style,
    style_pairs,
    style_sampler,
)


def get_config(arg=""):
    c = base()
    c.data.update(style_pairs(path="kodak24.zip", style="style-public-domain.zip", shape=(64, 64), short=160))
    c.data.hold = ("kodim2[1-4].png",)
    # A small encoder keeps too little of a picture beyond its second block to decode it.
    c.method = feed_forward_style(layers=("relu1_1", "relu2_1"), style_weight=3.0)
    c.nets.encoder = dict(name="vgg", widths=(32, 64, 128, 256), depths=(1, 1, 2, 1), padding="reflect")
    c.nets.decoder = dict(name="mirrored_decoder", widths=(32, 64), depths=(2, 2))
    c.frozen = dict(encoder="run:runs/classifier/vgg_cifar10_jpeg")
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=50, clip=10.0, ema=constant_ema(0.99))
    c.sampler = style_sampler()
    c.train.update(steps=4000, batch_size=4, samples=16, log_every=100, sample_every=500, checkpoint_every=500)
    c.eval.samples = 24
    if arg == "smoke":
        c.data.hold = ("shapes0*",)
        c.optim.warmup = 1
        smoke_style(c, steps=4, widths=(4, 6), depths=(1, 1))
    return c
