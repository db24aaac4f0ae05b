"""Causal networks: what each output sees, and sampling from caches against sampling from whole passes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_weights import random_weights

from jaxgen.core import UserError
from jaxgen.nets.autoregressive.pixelcnn import PixelCNN
from jaxgen.nets.autoregressive.pixelcnn_pp import PixelCNNPP
from jaxgen.nets.roles import functional
from jaxgen.objectives.pixels import logistic_mixture
from jaxgen.samplers import autoregressive as samplers

KEY = jax.random.key(0)
NETS = {
    # name: network, image shape
    "pixelcnn": (partial(PixelCNN, width=6, layers=4, first=5), (5, 5, 1)),
    "pixelcnn_one_layer": (partial(PixelCNN, width=6, layers=1, first=3, dropout=0.5), (4, 5, 1)),
    "pixelcnn_pp": (partial(PixelCNNPP, width=4, levels=2, blocks=1), (4, 6, 1)),
    "pixelcnn_pp_colour": (partial(PixelCNNPP, width=3, levels=3, blocks=1), (8, 4, 3)),
}
SEEDS = range(4)
"""One draw of weights may leave a pixel with dead rectifiers only; all of them together do not."""
EVERY = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if "colour" in name else []) for name in NETS]
)


def made(name, classes=0, seed=0):
    """(net, random params, stats, cond, x, distribution)."""
    make, shape = NETS[name]
    pixels = logistic_mixture(shape[-1], levels=17, mixtures=2)
    net = functional(make(image_shape=shape, outputs=pixels.parameters, classes=classes))
    x = jax.random.uniform(jax.random.key(1), (2, *shape), minval=-1.0)
    cond = {"label": jnp.array([0, classes - 1])} if classes else {}
    params, stats = random_weights(net.init, KEY, x, cond, seed=seed)
    return net, params, stats, cond, x, pixels


@EVERY
def test_no_pixel_sees_itself_or_its_future(name):
    net, _, stats, cond, x, _ = made(name)
    height, width, channels = x.shape[1:]

    def one(image, params):
        return net.apply(params, stats, image[None], cond)[0][0].sum(-1)

    jacobian = jax.jit(jax.jacrev(one))
    total = sum(np.abs(jacobian(x[0], made(name, seed=seed)[1])) for seed in SEEDS)
    seen = total.reshape(height * width, height * width, channels).sum(-1) > 0
    assert not np.triu(seen).any()
    if name != "pixelcnn_one_layer":  # the others reach the whole past: there is no blind spot
        assert seen[np.tril_indices(height * width, -1)].all()


def test_the_reach_of_one_layer_is_its_kernel():
    net, _, stats, cond, x, _ = made("pixelcnn_one_layer")
    gradient = jax.jit(jax.grad(lambda x, params: net.apply(params, stats, x, cond)[0][0, 2, 2].sum()))
    total = sum(np.abs(gradient(x, made("pixelcnn_one_layer", seed=seed)[1])) for seed in SEEDS)
    seen = {tuple(map(int, where)) for where in np.argwhere(total[0].sum(-1) > 0)}
    assert seen == {(1, 1), (1, 2), (1, 3), (2, 1)}


@EVERY
def test_sampling_from_caches_is_sampling_from_whole_passes(name):
    net, params, stats, cond, x, pixels = made(name, classes=3)
    shape, keys = x.shape[1:], jax.random.split(KEY, 2)

    def call(*args, method=None):
        return net.apply(params, stats, *args, method=method)[0]

    steps = samplers.Steps(
        lambda: call(x, method="init_cache"),
        lambda cache, above, i: call(cache, above, i, cond, method="row"),
        lambda cache, before, i, j: call(cache, before, i, j, cond, method="step"),
    )
    mask = jnp.zeros((2, *shape[:2], 1)).at[:, 1:3].set(1.0)
    known = (jnp.round(x * 8) / 8, mask)
    quick = jax.jit(lambda keys: samplers.cached(steps, pixels.sample, keys, shape, known))(keys)
    slow = jax.jit(lambda keys: samplers.uncached(lambda x: call(x, cond), pixels.sample, keys, shape, known))(keys)
    np.testing.assert_allclose(quick, slow, atol=1e-6)
    np.testing.assert_array_equal(quick[:, 1:3], known[0][:, 1:3])
    assert np.abs(quick[0] - quick[1]).max() > 0


def test_labels_matter():
    net, params, stats, _, x, _ = made("pixelcnn", classes=3)
    a, b = (net.apply(params, stats, x, {"label": jnp.array([k, k])})[0] for k in (0, 1))
    assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize(
    ("net", "word"),
    [
        (PixelCNN((5, 5, 1), 2, kernel=4), "odd"),
        (PixelCNNPP((6, 6, 1), 2, levels=3), "divisible by 4"),
    ],
)
def test_what_does_not_fit_is_refused(net, word):
    with pytest.raises(UserError, match=word):
        net.init(KEY, jnp.zeros((1, *net.image_shape)), {}, train=False)
