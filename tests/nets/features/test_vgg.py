"""VGG encoders: layers and sizes, pooling, borders, and the classifier that trains one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError, trees
from jaxgen.nets.features.vgg import VGG, VGGClassifier, average_pool, max_pool, reflected
from jaxgen.nets.roles import functional

SMALL = dict(widths=(4, 6, 8), depths=(2, 1, 1))


def test_layers_have_the_papers_names_and_sizes():
    net = functional(VGG(**SMALL))
    x = jax.random.uniform(jax.random.key(0), (2, 11, 8, 3), minval=-1.0)
    params, stats = net.init(jax.random.key(1), x)
    maps, _ = net.apply(params, stats, x)
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        "relu1_1": (11, 8, 4),
        "relu1_2": (11, 8, 4),
        "relu2_1": (5, 4, 6),
        "relu3_1": (2, 2, 8),
    }
    assert all(float(value.min()) >= 0 for value in maps.values())


def test_vgg19_has_the_published_number_of_weights():
    """The 16 convolutions of configuration E: 20,024,384 weights and biases."""
    net = functional(VGG())
    params = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))[0])
    assert trees.size(params) == 20_024_384
    assert len(params) == 16


def test_imagenets_mean_is_what_the_first_layer_sees_as_zero():
    net = functional(VGG(**SMALL))
    grey = jnp.broadcast_to(jnp.array([0.485, 0.456, 0.406]) * 2 - 1, (1, 8, 8, 3))
    params, stats = net.init(jax.random.key(1), grey)
    maps, _ = net.apply(params, stats, grey)
    assert max(float(jnp.abs(value).max()) for value in maps.values()) < 1e-5


def test_pooling_drops_odd_borders():
    x = jnp.arange(15.0).reshape(1, 3, 5, 1)
    np.testing.assert_array_equal(max_pool(x)[0, ..., 0], [[6.0, 8.0]])
    np.testing.assert_array_equal(average_pool(x)[0, ..., 0], [[3.0, 5.0]])


def test_reflected_borders_show_no_zeros():
    """A constant picture has constant maps up to the border with reflection, and not with zeros."""
    x = jnp.full((1, 8, 8, 3), 0.7)
    spread = {}
    for padding in ("reflect", "zeros"):
        net = functional(VGG(**SMALL, padding=padding))
        params, stats = net.init(jax.random.key(1), x)
        maps, _ = net.apply(params, stats, x)
        spread[padding] = max(float(np.ptp(value, axis=(1, 2)).max()) for value in maps.values())
    assert spread["reflect"] < 1e-5 < 1e-2 < spread["zeros"]
    np.testing.assert_array_equal(
        reflected(jnp.array([[[[1.0]], [[2.0]]]]))[0, :, :, 0], [[2] * 3, [1] * 3, [2] * 3, [1] * 3]
    )


def test_classifiers_trunk_is_an_encoder():
    x = jax.random.uniform(jax.random.key(0), (2, 8, 8, 3), minval=-1.0)
    net = functional(VGGClassifier(classes=5, **SMALL))
    params, stats = net.init(jax.random.key(1), x)
    (logits, features), _ = net.apply(params, stats, x)
    assert logits.shape == (2, 5)
    maps, _ = functional(VGG(**SMALL)).apply(params["trunk"], {}, x)
    np.testing.assert_allclose(features, maps["relu3_1"].mean((1, 2)), atol=1e-5)


@pytest.mark.parametrize("wrong", [dict(pooling="median"), dict(padding="circular")])
def test_unknown_settings_are_named(wrong):
    with pytest.raises(UserError, match="Unknown"):
        jax.eval_shape(lambda: functional(VGG(**SMALL, **wrong)).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3))))
