"""Neural style transfer by optimised pixels, 256x192, with an encoder that jaxgen trained itself.

Paper: Gatys, Ecker, Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"
Parameters: 147,456
Command: jaxgen train style/gatys_photo data.path=content.jpg data.style=painting.jpg
Hardware: any; written for 2 CPU cores
Time: 3.5 minutes beside other jobs, 109 s of CPU time (Intel Xeon 2.5 GHz)
Score: style loss 16.42 -> 0.049 at a content loss of 2.97 (the painting itself: 3.35); 200 steps, seed 0
"""

from jaxgen.zoo.defaults import base, optimised_style, optimizer, smoke_style, style_pairs


def get_config(arg=""):
    c = base()
    c.data.update(
        style_pairs(path="kodak24.zip/kodim23.png", style="style-public-domain.zip/starry_night.jpg", shape=(192, 256))
    )
    c.method = optimised_style(
        content_layers=("relu4_1",),
        style_layers=("relu1_1", "relu2_1", "relu3_1", "relu3_2", "relu4_1"),
        style_weight=3000.0,
        variation_weight=20.0,
    )
    c.nets.encoder = dict(name="vgg", widths=(32, 64, 128, 256), depths=(1, 1, 2, 1), pooling="average")
    c.frozen = dict(encoder="run:runs/classifier/vgg_cifar10_jpeg")
    c.optim = optimizer(name="lbfgs", lr=0.03)  # adam reads lr
    c.train.update(steps=200, batch_size=1, samples=1, log_every=20, sample_every=50, checkpoint_every=200)
    if arg == "smoke":
        c.optim.name = "adam"
        smoke_style(c, shape=(8, 12), widths=(4, 6), depths=(1, 1))
    return c
