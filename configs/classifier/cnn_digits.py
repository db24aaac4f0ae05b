"""A small convolutional network on scikit-learn's 8x8 digits, to judge samples

Paper: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition"
Parameters: 53,002
Command: jaxgen train classifier/cnn_digits
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import cnn_classifier, smoke_classifier


def get_config(arg=""):
    c = cnn_classifier("digits", widths=(32, 64), lr=2e-3, steps=1500, batch_size=64)
    if arg == "smoke":
        smoke_classifier(c, widths=(4, 8), features=8)
    return c
