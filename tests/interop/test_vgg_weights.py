"""torchvision's names of VGG's weights become ours; what does not fit is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.interop.vgg import from_torchvision, numbers, to_torchvision
from jaxgen.nets.features.vgg import VGG
from jaxgen.nets.roles import functional

SMALL = {"widths": (4, 6), "depths": (2, 2)}
PARAMS = functional(VGG(**SMALL)).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))[0]
TENSORS = to_torchvision(PARAMS, SMALL["depths"])


def test_torchvisions_numbers_of_vgg19():
    """As listed by the model itself: convolutions stand at 0 2 | 5 7 | 10 12 14 16 | 19 21 23 25 | 28 30 32 34."""
    assert list(numbers((2, 2, 4, 4, 4)).values()) == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert numbers((2, 2, 4, 1))["conv4_1"] == 19


def test_there_and_back():
    assert TENSORS["features.0.weight"].shape == (4, 3, 3, 3)
    back = from_torchvision(TENSORS, SMALL)
    assert jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), back, dict(PARAMS)))


def test_the_classifier_and_later_layers_are_left_out():
    more = {"features.10.weight": np.zeros(1), "features.34.bias": np.zeros(1), "classifier.6.bias": np.zeros(1)}
    assert sorted(from_torchvision({**TENSORS, **more}, SMALL)) == sorted(PARAMS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features.0.weight": None}, "no features.0.weight"),
        ({"features.1.running_mean": np.zeros(4)}, "holds features.1.running_mean"),
        ({"head.weight": np.zeros(4)}, "holds head.weight"),
    ],
)
def test_what_does_not_fit_is_named(change, says):
    tensors = {key: value for key, value in {**TENSORS, **change}.items() if value is not None}
    with pytest.raises(UserError, match=says):
        from_torchvision(tensors, SMALL)
