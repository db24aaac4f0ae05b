"""A small convolutional network on MNIST, to judge samples

Paper: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition"
Parameters: 421,642
Command: jaxgen train classifier/cnn_mnist
Hardware: 2 CPU cores
Time: about 6 minutes of CPU time (both cores together)
Score: 99.09 % of the 10,000 test images (seed 0, 1,200 steps)
"""

from jaxgen.zoo.defaults import cnn_classifier, smoke_classifier


def get_config(arg=""):
    c = cnn_classifier("mnist", widths=(32, 64), lr=2e-3, steps=1200, batch_size=128)
    if arg == "smoke":
        c.data.name = "digits"
        smoke_classifier(c, widths=(4, 8), features=8)
    return c
