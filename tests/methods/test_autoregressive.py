"""The autoregressive method: total probability, recovery of a known distribution, tasks, settings."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import UserError, weights
from jaxgen.methods.autoregressive import SAMPLER, autoregressive
from jaxgen.nets.autoregressive.pixelcnn import PixelCNN
from jaxgen.nets.autoregressive.pixelcnn_pp import PixelCNNPP
from jaxgen.nets.roles import functional
from jaxgen.objectives.pixels import categorical, logistic_mixture
from jaxgen.ops.images import to_float, to_uint8
from jaxgen.ops.levels import from_index, static_coins

KEY = jax.random.key(0)


def build(pixels, image, network=PixelCNN, classes=0, lr=1e-2, width=8, **settings):
    own = (
        dict(width=width, layers=2, first=3) if network is PixelCNN else dict(width=4, levels=1, blocks=1, dropout=0.0)
    )
    net = functional(network(image_shape=image, outputs=pixels.parameters, classes=classes, **own))
    return autoregressive(net, pixels, optax.adam(lr), image=image, classes=classes, **settings)


def every(levels, height, width):
    """All images, uint8 [levels^(H W), H, W, 1]."""
    grid = np.array(list(itertools.product(range(levels), repeat=height * width)))
    return np.asarray(to_uint8(from_index(jnp.asarray(grid), levels))).reshape(-1, height, width, 1)


@pytest.mark.parametrize(("network", "make"), [(PixelCNN, logistic_mixture), (PixelCNNPP, categorical)])
def test_probabilities_of_all_images_sum_to_one(network, make):
    images = every(3, 2, 3)
    method = build(make(1, levels=3), (2, 3, 1), network)
    state = jax.jit(method.init)(KEY, {"image": images[::97]}, {})
    rng = np.random.default_rng(0)
    moved = jax.tree.map(lambda w: w + np.float32(0.3 * rng.normal(size=w.shape)), state.params)
    keys = jax.random.split(KEY, len(images))
    found = jax.jit(method.tasks["log_prob"].fn)(
        weights(state.replace(params=moved)), keys, {"image": to_float(jnp.asarray(images))}
    )
    np.testing.assert_allclose(np.exp(np.asarray(found["log_prob"], np.float64)).sum(), 1.0, atol=1e-4)
    np.testing.assert_allclose(found["bits_per_dim"], -found["log_prob"] / (6 * math.log(2.0)), rtol=1e-5)


def test_training_recovers_a_known_distribution_and_draws_from_it():
    # Binary 2 x 3 images with known probabilities: nats come down to their entropy, samples and completions follow.
    images, rng = every(2, 2, 3), np.random.default_rng(0)
    p = rng.dirichlet(np.full(64, 0.3))
    counts = np.floor(p * 128).astype(int)
    counts[counts.argmax()] += 128 - counts.sum()
    q = counts / 128
    entropy = -np.sum(q[q > 0] * np.log(q[q > 0]))
    data = {"image": jnp.asarray(np.repeat(images, counts, 0))}
    method = build(categorical(levels=2), (2, 3, 1), width=12, lr=optax.cosine_decay_schedule(2e-2, 400))
    state = jax.jit(method.init)(KEY, data, {})
    state, metrics = jax.jit(lambda s: jax.lax.scan(lambda s, _: method.step(s, data), s, None, 400))(state)
    assert metrics["model/loss"][-1] >= entropy - 1e-3
    np.testing.assert_allclose(metrics["model/loss"][-1], entropy, atol=0.05)

    drawn = np.asarray(jax.jit(method.tasks["sample"].fn)(weights(state), jax.random.split(KEY, 4000), {})["image"])
    bits = 2 ** np.arange(5, -1, -1)
    got = np.bincount(((drawn.reshape(-1, 6) > 0) @ bits).astype(int), minlength=64) / 4000
    assert np.abs(got - q).sum() / 2 < 0.08  # total variation; 4,000 exact draws are about 0.03 away

    top = images[int(q.argmax())]
    keys = jax.random.split(jax.random.key(5), 4000)
    given = jnp.broadcast_to(to_float(jnp.asarray(top)), (4000, 2, 3, 1))
    filled = np.asarray(jax.jit(method.tasks["complete"].fn)(weights(state), keys, {"image": given})["image"])
    np.testing.assert_array_equal(filled[:, 0], given[:, 0])
    same = (images[:, 0] == top[0]).all((1, 2))
    rows = np.bincount(((filled.reshape(-1, 6)[:, 3:] > 0) @ bits[3:]).astype(int), minlength=8) / 4000
    assert np.abs(rows - q[same] / q[same].sum()).sum() / 2 < 0.08


@pytest.mark.long
def test_labels_decide_what_is_drawn():
    label = jnp.arange(24) % 3
    image = from_index(jnp.broadcast_to(label[:, None, None, None], (24, 2, 2, 1)), 3)
    method = build(categorical(levels=3), (2, 2, 1), classes=3, lr=3e-2)
    data = {"image": to_uint8(image), "label": label}
    state = jax.jit(method.init)(KEY, data, {})
    state, _ = jax.jit(lambda s: jax.lax.scan(lambda s, _: method.step(s, data), s, None, 200))(state)
    drawn = jax.jit(method.tasks["sample"].fn)(weights(state), jax.random.split(KEY, 24), {"label": label})["image"]
    assert np.mean(np.asarray(drawn) == np.asarray(image)) > 0.97


@pytest.mark.parametrize("cached", [True, pytest.param(False, marks=pytest.mark.long)])
def test_tasks_keep_their_declared_shapes(cached):
    method = build(logistic_mixture(3, levels=256), (4, 4, 3), PixelCNNPP, classes=2, sampler={"cached": cached})
    rng = np.random.default_rng(0)
    data = {"image": jnp.asarray(rng.integers(0, 256, (4, 4, 4, 3)), jnp.uint8), "label": jnp.array([0, 1, 0, 1])}
    state = jax.jit(method.init)(KEY, data, {})
    given = {"image": to_float(data["image"]), "label": data["label"]}
    assert set(method.tasks) == {"sample", "complete", "log_prob"}
    for task in method.tasks.values():
        out = jax.jit(task.fn)(weights(state), jax.random.split(KEY, 4), {k: given[k] for k in task.inputs})
        for name, spec in task.outputs.items():
            assert out[name].shape == (4, *spec.shape)
            assert np.isfinite(out[name]).all()


def test_static_binarisation_is_the_same_for_every_key_and_dynamic_is_not():
    grey = to_float(jnp.full((2, 3, 3, 1), 128, jnp.uint8))
    for binarize, same in (("static", True), ("dynamic", False)):
        method = build(categorical(levels=2), (3, 3, 1), binarize=binarize, sampler={"keep": 1.0})
        state = jax.jit(method.init)(KEY, {"image": to_uint8(grey)}, {})
        a, b = (
            jax.jit(method.tasks["complete"].fn)(
                weights(state), jax.random.split(jax.random.key(s), 2), {"image": grey}
            )
            for s in (0, 1)
        )
        assert bool((a["image"] == b["image"]).all()) == same
        if same:
            np.testing.assert_array_equal(a["image"], static_coins(grey))


def test_settings_are_checked():
    pixels = categorical(levels=17)
    for wrong, word in (
        (dict(binarize="static"), "levels=2"),
        (dict(binarize="statc"), "static"),
        (dict(sampler={**SAMPLER, "temprature": 1.0}), "temperature"),
        (dict(sampler={"keep": 1.5}), "keep"),
    ):
        with pytest.raises(UserError, match=word):
            build(pixels, (4, 4, 1), **wrong)
