"""The autoregressive method: total probability, recovery of a known distribution, tasks, settings."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import weights
from jaxgen.methods.autoregressive import autoregressive
from jaxgen.nets.autoregressive.pixelcnn import PixelCNN
from jaxgen.nets.autoregressive.pixelcnn_pp import PixelCNNPP
from jaxgen.nets.roles import functional
from jaxgen.objectives.pixels import categorical, logistic_mixture
from jaxgen.ops.images import to_float, to_uint8
from jaxgen.ops.levels import from_index

KEY = jax.random.key(0)


def build(pixels, image, network=PixelCNN, classes=0, lr=1e-2, width=8, **settings):
    own = (
        dict(width=width, layers=3, first=3) if network is PixelCNN else dict(width=4, levels=1, blocks=1, dropout=0.0)
    )
    net = functional(network(image_shape=image, outputs=pixels.parameters, classes=classes, **own))
    return autoregressive(net, pixels, optax.adam(lr), image=image, classes=classes, **settings)


def every(levels, height, width):
    """All images, uint8 [levels^(H W), H, W, 1]."""
    grid = np.array(list(itertools.product(range(levels), repeat=height * width)))
    return np.asarray(to_uint8(from_index(jnp.asarray(grid), levels))).reshape(-1, height, width, 1)


@pytest.mark.parametrize("network", [PixelCNN, PixelCNNPP])
@pytest.mark.parametrize("make", [categorical, logistic_mixture])
def test_probabilities_of_all_images_sum_to_one(network, make):
    images = every(3, 2, 3)
    method = build(make(1, levels=3), (2, 3, 1), network)
    state = jax.jit(method.init)(KEY, {"image": images[::97]}, {})
    moved = jax.tree.map(lambda w: w + 0.3 * jax.random.normal(KEY, w.shape), state.params)
    keys = jax.random.split(KEY, len(images))
    found = jax.jit(method.tasks["log_prob"].fn)(
        weights(state.replace(params=moved)), keys, {"image": to_float(jnp.asarray(images))}
    )
    np.testing.assert_allclose(np.exp(np.asarray(found["log_prob"], np.float64)).sum(), 1.0, atol=1e-4)
    np.testing.assert_allclose(found["bits_per_dim"], -found["log_prob"] / (6 * math.log(2.0)), rtol=1e-5)
