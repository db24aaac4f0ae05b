"""Normalizing flows as a method: recovery of a known density, dequantisation bounds, tasks, settings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import scipy.stats

from jaxgen.core import UserError, weights
from jaxgen.methods.flow import flow
from jaxgen.nets.flow.dequantizer import FlowDequantizer
from jaxgen.nets.flow.glow import Glow
from jaxgen.nets.flow.realnvp import RealNVP
from jaxgen.nets.roles import Net, functional
from jaxgen.ops.images import to_float

KEY = jax.random.key(0)
IMAGE = (4, 4, 1)
DATA = {
    "image": jnp.asarray(np.random.default_rng(0).integers(0, 256, (8, *IMAGE)), jnp.uint8),
    "label": jnp.arange(8) % 3,
}


def small(classes=0, dequantizer=False, **settings):
    proposal = functional(FlowDequantizer(IMAGE, couplings=1, width=8)) if dequantizer else None
    return flow(
        functional(RealNVP(IMAGE, scales=2, couplings=1, width=8, blocks=1, classes=classes)),
        optax.adam(1e-2),
        image=IMAGE,
        dequantizer=proposal,
        classes=classes,
        sampler=dict(steps=3),
        **settings,
    )


def trained(method, steps, data):
    state = jax.jit(method.init)(KEY, data, {})
    return jax.jit(lambda s: jax.lax.scan(lambda s, _: method.step(s, data), s, None, steps))(state)


def run(method, state, name, count=8, key=KEY, **inputs):
    return jax.jit(method.tasks[name].fn)(weights(state), jax.random.split(key, count), inputs)


def normal(shape, deviation):
    """A bijection that only divides by a fixed deviation: the model is N(0, deviation^2) for every pixel."""
    size = int(np.prod(shape))

    def apply(params, stats, x, cond, train=False, rng=None, method=None):
        if method == "inverse":
            return (x * deviation).reshape(-1, *shape), stats
        z = x.reshape(x.shape[0], size) / deviation
        return (z, jnp.full(x.shape[:1], -size * np.log(deviation)) + 0.0 * params["none"]), stats

    return Net(lambda rng, *args, method=None: ({"none": jnp.zeros(())}, {}), apply)


@pytest.mark.parametrize("logit", [0.0, 0.1])
def test_likelihoods_of_a_known_density_are_its_masses_of_the_levels(logit):
    # With enough draws the bound is tight: every level has the mass that the normal gives its interval.
    method = flow(
        normal((1, 1, 1), 0.8),
        optax.sgd(0.1),
        image=(1, 1, 1),
        bits=3,
        logit=logit,
        sampler=dict(importance=4000),
    )
    image = jnp.asarray(np.arange(8) * 32 + 5, jnp.uint8).reshape(8, 1, 1, 1)
    state = jax.jit(method.init)(KEY, {"image": image}, {})
    found = run(method, state, "log_prob", image=to_float(image))
    edges = np.arange(9) / 8
    edges = scipy.special.logit(logit + (1 - 2 * logit) * edges) if logit else 2 * edges - 1
    want = np.log(np.diff(scipy.stats.norm(0, 0.8).cdf(edges)))
    np.testing.assert_allclose(found["log_prob"], want, atol=0.03)
    np.testing.assert_allclose(found["bits_per_dim"], -want / np.log(2), atol=0.05)


def test_training_recovers_a_mixture_of_two_gaussians():
    # 2x2 images from two correlated clusters: no flow can beat the mixture's own log-likelihood.
    rng, count = np.random.default_rng(0), 2048
    factor = np.array([[0.1, 0, 0, 0], [0.06, 0.08, 0, 0], [0, 0.05, 0.1, 0], [0.03, 0, 0.02, 0.12]])
    centres = np.array([[0.4, 0.3, -0.2, 0.1], [-0.3, -0.2, 0.3, -0.3]])

    def draw():
        x = centres[rng.integers(0, 2, count)] + rng.normal(size=(count, 4)) @ factor.T
        image = np.clip(np.floor((x + 1) * 128), 0, 255).astype(np.uint8)
        logs = [scipy.stats.multivariate_normal(c, factor @ factor.T).logpdf(x) for c in centres]
        return jnp.asarray(image).reshape(count, 2, 2, 1), np.logaddexp(*logs).mean() - np.log(2) - 4 * np.log(128)

    train, _ = draw()
    method = flow(
        functional(Glow((2, 2, 1), levels=1, steps=6, width=16, scale="tanh", clamp=2.0)),
        optax.adam(optax.cosine_decay_schedule(5e-3, 500)),
        image=(2, 2, 1),
    )

    def step(state, i):
        return method.step(state, {"image": jax.lax.dynamic_slice_in_dim(train, (i % 16) * 128, 128)})

    state = jax.jit(method.init)(KEY, {"image": train[:128]}, {})
    state, _ = jax.jit(lambda s: jax.lax.scan(step, s, jnp.arange(500)))(state)
    test, best = draw()
    found = np.mean(run(method, state, "log_prob", count, image=to_float(test))["log_prob"])
    assert found <= best + 0.05
    np.testing.assert_allclose(found, best, atol=0.15)
    drawn = np.asarray(run(method, state, "sample", count)["image"]).reshape(count, 4)
    nearer = np.square(drawn[:, None] - centres).sum(-1).argmin(1)
    assert 0.4 < nearer.mean() < 0.6
    np.testing.assert_allclose(np.cov(drawn[nearer == 0].T), factor @ factor.T, atol=0.006)


@pytest.mark.long
def test_variational_noise_closes_the_gap_to_the_mass_of_a_level():
    # Two levels under a narrow normal: each has mass 1/2, but its density is far from flat, so uniform noise loses
    # 2.2 - 0.7 nats a pixel. Only the proposal can learn here.
    shape, deviation = (2, 2, 1), 0.25
    image = jnp.asarray(np.random.default_rng(0).integers(0, 2, (32, *shape)) * 255, jnp.uint8)
    mass = 4 * np.log(0.5)
    method = flow(
        normal(shape, deviation),
        optax.adam(2e-2),
        image=shape,
        bits=1,
        dequantizer=functional(FlowDequantizer(shape, couplings=2, width=8)),
    )
    _, metrics = trained(method, 200, {"image": image})
    losses = np.asarray(metrics["model/loss"])
    np.testing.assert_allclose(losses[-20:].mean(), -mass, atol=0.4)
    assert losses[-50:].mean() >= -mass - 0.1


@pytest.mark.parametrize(
    "settings",
    [pytest.param({}, marks=pytest.mark.long), {"classes": 3, "dequantizer": True, "bits": 4, "logit": 0.05}],
)
def test_tasks_keep_their_declared_shapes_and_undo_what_they_do(settings):
    method = small(**settings)
    state = jax.jit(method.init)(KEY, DATA, {})
    x = to_float(DATA["image"])
    given = {"image": x, "other": x[::-1], "label": DATA["label"]}
    assert set(method.tasks) == {"sample", "reconstruct", "interpolate", "log_prob"}
    outputs = {}
    for name, task in method.tasks.items():
        outputs[name] = run(method, state, name, **{key: given[key] for key in task.inputs})
        for key, spec in task.outputs.items():
            assert outputs[name][key].shape == (8, *spec.shape)
            assert np.all(np.isfinite(outputs[name][key]))
            if spec.kind == "image":
                assert np.abs(outputs[name][key]).max() <= 1.0
    bits = settings.get("bits", 8)
    kept = np.asarray(DATA["image"]) // 2 ** (8 - bits) * 2.0 / (2**bits - 1) - 1.0
    np.testing.assert_allclose(outputs["reconstruct"]["image"], kept, atol=1e-5)
    strip = outputs["interpolate"]["image"]
    np.testing.assert_allclose(strip[:, :, :4], kept, atol=1e-5)
    if not settings.get("classes"):
        np.testing.assert_allclose(strip[:, :, -4:], kept[::-1], atol=1e-5)


@pytest.mark.long
def test_labels_decide_what_a_conditional_model_draws():
    shape, levels, rng = (2, 2, 1), np.array([40, 128, 220]), np.random.default_rng(0)
    label = jnp.arange(48) % 3
    image = levels[np.arange(48) % 3][:, None, None, None] + rng.integers(-12, 13, (48, *shape))
    data = {"image": jnp.asarray(image, jnp.uint8), "label": label}
    net = functional(Glow(shape, levels=1, steps=2, width=8, classes=3))
    method = flow(net, optax.adam(2e-2), image=shape, classes=3)
    state, _ = trained(method, 300, data)
    drawn = np.mean(run(method, state, "sample", 48, label=label)["image"], (1, 2, 3))
    want = np.asarray(to_float(jnp.asarray(levels, jnp.uint8)))
    assert np.mean(np.abs(drawn[:, None] - want).argmin(1) == np.asarray(label)) >= 0.9


def test_temperature_zero_draws_the_same_image_every_time():
    for temperature, same in ((0.0, True), (1.0, False)):
        method = flow(normal(IMAGE, 0.5), optax.sgd(0.1), image=IMAGE, sampler=dict(temperature=temperature))
        drawn = run(method, jax.jit(method.init)(KEY, DATA, {}), "sample")["image"]
        assert bool((drawn == drawn[:1]).all()) == same


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (dict(bits=9), "bits"),
        (dict(logit=0.5), "logit"),
        (dict(sampler=dict(temprature=1.0)), "temperature"),
        (dict(sampler=dict(importance=0)), "importance"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, word):
    with pytest.raises(UserError, match=word):
        flow(normal(IMAGE, 0.5), optax.sgd(0.1), image=IMAGE, **settings)
