"""A small VGG on CIFAR-10 as JPEG files: the encoder of style transfer where VGG-19's weights are not at hand.

Paper: Simonyan, Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
Parameters: 538,570
Command: jaxgen train classifier/vgg_cifar10_jpeg
Hardware: any; written for 2 CPU cores
Time: 3.5 minutes beside other jobs, 175 s of CPU time (Intel Xeon 2.5 GHz)
Score: 58.7 % of held-out images right. `jaxgen evaluate classifier/vgg_cifar10_jpeg`, seed 0
"""

from jaxgen.zoo.defaults import base, classification, optimizer, smoke_classifier


def get_config(arg=""):
    c = base("folder")
    c.data.update(path="cifar10-jpeg-12k.zip", size=32, channels=3, flip=True, random_crop=4)
    c.method = classification()
    c.net = dict(name="vgg_classifier", widths=(32, 64, 128, 256), depths=(1, 1, 2, 1), dropout=0.2)
    del c.nets
    c.optim = optimizer(lr=2e-3, schedule="cosine", warmup=50, clip=1.0)
    c.train.update(steps=800, batch_size=64, log_every=100, sample_every=0, checkpoint_every=400)
    if arg == "smoke":
        c.data.update(name="shapes", path="", size=8, flip=False, random_crop=0)
        smoke_classifier(c, widths=(4, 8), depths=(1, 1))
    return c
