"""AdaIN on photographs and six paintings, with an encoder that jaxgen trained itself.

Paper: Huang, Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"
Parameters: 240,707
Command: jaxgen train style/adain_photos
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer
from jaxgen.zoo.defaults_style import feed_forward_style, style_pairs, style_sampler


def get_config(arg=""):
    c = base()
    c.data.update(
        style_pairs(
            path="kodak24.zip", style="style-public-domain.zip", shape=(96, 96), short=192, hold=("kodim2[1-4].png",)
        )
    )
    # A small encoder keeps too little of a picture beyond its third block to decode it.
    c.method = feed_forward_style(layers=("relu1_1", "relu2_1", "relu3_1", "relu3_2"), variation_weight=0.1)
    c.nets.encoder = dict(name="vgg", widths=(32, 64, 128, 256), depths=(1, 1, 2, 1), padding="reflect")
    c.nets.decoder = dict(name="mirrored_decoder", widths=(32, 64, 128), depths=(1, 1, 2))
    c.frozen = dict(encoder="run:runs/classifier/vgg_cifar10_jpeg")
    c.optim = optimizer(lr=1e-3, schedule="cosine", warmup=50, clip=10.0, ema=constant_ema(0.99))
    c.sampler = style_sampler()
    c.train.update(steps=2000, batch_size=8, samples=16, log_every=50, sample_every=500, checkpoint_every=500)
    c.eval.samples = 24
    if arg == "smoke":
        c.data.update(path="shapes", style="textures", shape=(8, 8), short=12, hold=("shapes0*",))
        c.method.layers = ("relu1_1", "relu2_1")
        for net in (c.nets.encoder, c.nets.decoder):
            net.update(widths=(4, 6), depths=(1, 1))
        c.frozen.encoder = "random:0"
        c.optim.warmup = 1
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.eval.samples = 8
    return c
