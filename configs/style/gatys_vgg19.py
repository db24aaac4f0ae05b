"""Neural style transfer by L-BFGS over pixels with VGG-19's features, at paper size.

The weights are torchvision's state dict of VGG-19 in a local file, .pth or .safetensors.

Paper: Gatys, Ecker, Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"
Parameters: 589,824
Command: jaxgen train style/gatys_vgg19 frozen.encoder=file:vgg19.pth data.path=content.jpg data.style=painting.jpg
Hardware: one accelerator with 8 GB or more
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, optimised_style, optimizer, smoke_style, style_pairs


def get_config(arg=""):
    c = base()
    c.data.update(style_pairs(path="content.jpg", style="painting.jpg", shape=(384, 512)))
    c.method = optimised_style(style_weight=1000.0, start="noise")
    c.nets.encoder = dict(name="vgg", pooling="average")
    c.frozen = dict(encoder="file:vgg19.pth")
    c.optim = optimizer(name="lbfgs")
    c.train.update(steps=500, batch_size=1, samples=1, log_every=10, sample_every=100, checkpoint_every=500)
    if arg == "smoke":
        c.method.colour = "luminance"
        smoke_style(c, widths=(4, 4), depths=(1, 1))
    return c
