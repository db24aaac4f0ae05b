"""The diffusion method: its step for every combination, its tasks, and a toy with a known answer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import UserError, weights
from jaxgen.methods.diffusion import diffusion
from jaxgen.nets.diffusion.mlp import MLP
from jaxgen.nets.roles import Net, functional
from jaxgen.processes import PREDICTIONS, PROCESSES, edm, rectified_flow, vp_cosine, vp_linear
from jaxgen.samplers.settings import Settings

SHAPE = (2, 2, 1)


def build(process, classes=0, lr=1e-3, width=8, layers=1, steps=4, shape=SHAPE, **settings):
    net = functional(MLP(classes=classes, width=width, layers=layers))
    settings.setdefault("sampler", Settings(steps=steps, grid="logsnr"))
    return diffusion(net, process, optax.adam(lr), image_shape=shape, classes=classes, **settings)


def batch(size=8, shape=SHAPE):
    random = np.random.default_rng(0)
    return {
        "image": random.integers(0, 256, (size, *shape), dtype=np.uint8),
        "label": random.integers(0, 3, size).astype(np.int32),
    }


def keys_of(count):
    return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(0), i))(jnp.arange(count))


def affine():
    """The smallest network: a factor, a shift, and what the label adds."""

    def apply(params, stats, x, time, cond, **_):
        label = cond.get("label", jnp.zeros(len(x))).reshape(-1, 1, 1, 1)
        return x * params["factor"] + params["shift"] + 0.1 * label, stats

    return Net(lambda *_: ({"factor": jnp.ones(()), "shift": jnp.zeros(SHAPE)}, {}), apply)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", PROCESSES)
def test_every_combination_steps(name, prediction):
    choices = dict(prediction=prediction, weighting=prediction)
    method = diffusion(affine(), PROCESSES[name](), optax.adam(1e-3), image_shape=SHAPE, **choices)
    after, metrics = jax.jit(lambda b: method.step(method.init(jax.random.key(0), b, {}), b))(batch())
    assert np.isfinite(metrics["model/loss"])
    assert metrics["model/grad_norm"] > 0
    assert int(after.step) == 1


def test_micro_batches_change_nothing():
    ends = []
    for micro in (1, 4):
        method = diffusion(affine(), vp_linear(), optax.adam(1e-3), image_shape=SHAPE, classes=3, micro=micro)
        one = jax.jit(lambda b, m=method: m.step(m.init(jax.random.key(0), b, {}), b))
        ends.append(one(batch())[1]["model/loss"])
    np.testing.assert_allclose(*ends, rtol=1e-5)


def test_labels_are_dropped_example_by_example():
    def apply(params, stats, x, time, cond, **_):
        # What the network was told leaves as its statistics.
        return x * params, {"label": cond["label"]}

    net = Net(lambda *_: (jnp.ones(()), {"label": jnp.zeros(4000, jnp.int32)}), apply)
    method = diffusion(net, vp_linear(), optax.sgd(0.0), image_shape=SHAPE, classes=3, drop=0.25)
    some = {"image": np.zeros((4000, *SHAPE), np.uint8), "label": np.zeros(4000, np.int32)}
    after, _ = jax.jit(lambda b: method.step(method.init(jax.random.key(0), b, {}), b))(some)
    label = np.asarray(after.stats["model"]["label"])
    assert set(label.tolist()) == {0, 3}
    assert (label == 3).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("name", "classes"), [("ddpm", 0), ("ddim", 3), ("euler", 0), ("heun", 3), ("dpmpp_2m", 3)])
def test_tasks(name, classes):
    guidance = 2.0 if classes else 1.0
    method = build(vp_cosine(), classes, sampler=Settings(name, steps=3, guidance=guidance, clip="static"))
    state = jax.jit(lambda b: method.init(jax.random.key(0), b, {}))(batch())
    sample, inpaint = (jax.jit(method.tasks[task].fn) for task in ("sample", "inpaint"))
    label = {"label": jnp.array([0, 1, 2, 0])} if classes else {}
    image = sample(weights(state), keys_of(4), label)["image"]
    assert image.shape == (4, *SHAPE)
    assert float(jnp.abs(image).max()) <= 1.0
    one = {name: value[2:3] for name, value in label.items()}
    again = sample(weights(state), keys_of(4)[2:3], one)["image"]
    np.testing.assert_allclose(again, image[2:3], atol=1e-5)
    known = jnp.linspace(-1, 1, 16).reshape(4, *SHAPE)
    mask = jnp.array([1.0, 0.0, 0.0, 1.0]).reshape(1, *SHAPE).repeat(4, axis=0)
    filled = inpaint(weights(state), keys_of(4), {"image": known, "mask": mask, **label})["image"]
    np.testing.assert_array_equal(np.where(mask > 0, filled, 0), np.where(mask > 0, known, 0))
    assert set(method.tasks["inpaint"].inputs) == {"image", "mask", *label}


def test_sampler_settings_do_not_touch_the_state():
    a, b = (build(vp_linear(), sampler=Settings(name, steps=n)) for name, n in (("ddim", 3), ("heun", 2)))
    shapes = [jax.eval_shape(lambda m=m: m.init(jax.random.key(0), batch(), {})) for m in (a, b)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(prediction="noise"), "method.prediction"),
        (dict(weighting="snr"), "method.weighting"),
        (dict(sampler=Settings(guidance=2.0)), "needs a model with labels"),
        (dict(classes=3, drop=0.0, sampler=Settings(guidance=2.0)), "without labels"),
        (dict(sampler=Settings(steps=2000)), "lower sampler.steps"),
        (dict(sampler=Settings(clip="hard")), "sampler.clip"),
    ],
)
def test_mistakes_are_explained(settings, message):
    with pytest.raises(UserError, match=message):
        build(vp_linear(), **settings)


@pytest.mark.long
@pytest.mark.parametrize(
    ("process", "prediction"),
    [(vp_linear(), "eps"), (vp_cosine(), "v"), (edm(sigma_max=20.0), "edm"), (rectified_flow(), "velocity")],
    ids=["linear-eps", "cosine-v", "edm", "flow"],
)
def test_two_modes_are_learned(process, prediction):
    """Two pixels, two modes: three quarters dark-bright, one quarter bright-dark."""
    random = np.random.default_rng(0)
    side = random.random((512, 1)) < 0.75
    pixels = np.where(side, [[60, 200]], [[200, 60]]) + random.normal(0, 6, (512, 2))
    data = {"image": pixels.round().astype(np.uint8).reshape(512, 1, 2, 1)}
    method = build(
        process, lr=2e-3, width=64, layers=2, steps=40, shape=(1, 2, 1), prediction=prediction, weighting=prediction
    )
    state = jax.jit(method.init)(jax.random.key(0), data, {})
    state, _ = jax.jit(lambda s: jax.lax.scan(lambda s, _: method.step(s, data), s, length=3000))(state)
    image = jax.jit(method.tasks["sample"].fn)(weights(state), keys_of(2000), {})["image"]
    levels = (np.asarray(image).reshape(-1, 2) + 1) * 127.5
    dark_first = levels[:, 0] < levels[:, 1]
    assert dark_first.mean() == pytest.approx(side.mean(), abs=0.06)
    np.testing.assert_allclose(np.median(levels[dark_first], axis=0), [60, 200], atol=6)
    np.testing.assert_allclose(np.median(levels[~dark_first], axis=0), [200, 60], atol=6)
    assert levels[dark_first].std(axis=0).max() < 15
