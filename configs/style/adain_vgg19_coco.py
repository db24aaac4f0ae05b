"""AdaIN at paper size: VGG-19 to relu4_1, photographs of MS-COCO, paintings of WikiArt.

The two data sets are folders below the data folder, `coco` and `wikiart`; the weights are torchvision's state dict of
VGG-19 in a local file, .pth or .safetensors.

Paper: Huang, Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"
Parameters: 3,505,219
Command: jaxgen train style/adain_vgg19_coco frozen.encoder=file:vgg19.pth data.path=coco data.style=wikiart
Hardware: one accelerator with 16 GB or more
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, feed_forward_style, optimizer, smoke_style, style_pairs, style_sampler


def get_config(arg=""):
    c = base()
    c.data.update(style_pairs(path="coco", style="wikiart", shape=(256, 256), short=512))
    c.data.update(workers=8, memory_mb=16384)
    c.method = feed_forward_style()
    network = dict(widths=(64, 128, 256, 512), depths=(2, 2, 4, 1))
    c.nets.encoder = dict(name="vgg", padding="reflect", **network)
    c.nets.decoder = dict(name="mirrored_decoder", **network)
    c.frozen = dict(encoder="file:vgg19.pth")
    c.optim = optimizer(lr=1e-4)
    c.sampler = style_sampler()
    c.train.update(steps=160000, batch_size=8, samples=16, log_every=100, sample_every=5000, checkpoint_every=5000)
    c.eval.samples = 64
    if arg == "smoke":
        c.data.update(workers=0, memory_mb=64)
        c.sampler.update(styles=2, colour="match")
        smoke_style(c, widths=(4, 4), depths=(2, 1))
        c.frozen.encoder = "random:1"
    return c
