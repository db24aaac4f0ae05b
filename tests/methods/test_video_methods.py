"""Predictor and MoCoGAN: losses, what tasks return, what conditions change, refusals, and toys that are learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import data
from jaxgen.core import UserError, weights
from jaxgen.methods import mocogan as two_critics
from jaxgen.methods.mocogan import Sizes, mocogan
from jaxgen.methods.predictor import LOSSES, predictor
from jaxgen.nets.gan.mlp import MLPCritic, MLPGenerator
from jaxgen.nets.roles import functional
from jaxgen.nets.video.convlstm import ConvLSTMPredictor
from jaxgen.nets.video.mocogan import GRUMotion, VideoCritic
from jaxgen.objectives.adversarial import OBJECTIVES
from jaxgen.ops.images import to_float

SHAPE = (4, 4, 1)
KEYS = jax.vmap(jax.random.key)(jnp.arange(3))
VIDEO = jax.random.randint(jax.random.key(5), (6, 5, *SHAPE), 0, 256).astype(jnp.uint8)


def test_losses_are_least_where_the_frames_are_right():
    x = jnp.linspace(-0.98, 0.98, 13)
    for loss in LOSSES.values():
        y = jnp.linspace(-6, 6, 4001)
        best = y[jnp.argmin(loss.values(y[:, None], x), axis=0)]
        np.testing.assert_allclose(loss.frames(best), x, atol=4e-3)
    v, y = 0.3, 0.7
    wanted = -v * np.log(1 / (1 + np.exp(-y))) - (1 - v) * np.log(1 - 1 / (1 + np.exp(-y)))
    assert float(LOSSES["bce"].values(jnp.array(y), jnp.array(2 * v - 1))) == pytest.approx(wanted, rel=1e-6)


def forecaster(loss="mse", **net):
    net = ConvLSTMPredictor(SHAPE, future=2, hidden=(4,), patch=2, logits=loss == "bce", **net)
    return predictor(functional(net), optax.adam(1e-2), image_shape=SHAPE, context=3, future=2, loss=loss)


def test_forecasts_follow_their_context_and_stand_below_the_truth():
    method = forecaster(residual=True)
    state = method.init(jax.random.key(0), {"video": VIDEO}, {})
    tasks = method.tasks
    seen = to_float(VIDEO[:3, :3])
    made = tasks["predict"].fn(weights(state), KEYS, {"video": seen})["video"]
    assert made.shape == (3, *tasks["predict"].outputs["video"].shape)
    np.testing.assert_allclose(made, jnp.repeat(seen[:, -1:], 2, 1), atol=1e-6)
    whole = tasks["compare"].fn(weights(state), KEYS, {"video": to_float(VIDEO[:3])})["video"]
    assert whole.shape == (3, *tasks["compare"].outputs["video"].shape)
    np.testing.assert_array_equal(whole[:, :, :4], to_float(VIDEO[:3]))
    np.testing.assert_array_equal(whole[:, :, 4:], jnp.concatenate([seen, made], 1))
    _, metrics = jax.jit(method.step)(state, {"video": VIDEO})
    apart = (np.asarray(VIDEO, float)[:, 2:3] - np.asarray(VIDEO, float)[:, 3:]) / 255
    assert float(metrics["model/persistence"]) == pytest.approx(np.mean(apart**2), rel=1e-5)
    assert float(metrics["model/mse"]) == pytest.approx(np.mean(apart**2), rel=1e-5)


def test_forecasts_of_the_context_count_in_the_loss_but_not_in_the_error():
    """A fresh residual network forecasts persistence."""
    method = forecaster(residual=True, next_frame=True)
    state = method.init(jax.random.key(0), {"video": VIDEO}, {})
    _, metrics = jax.jit(method.step)(state, {"video": VIDEO})
    values = np.asarray(VIDEO, float) / 127.5 - 1
    before = values[:, [0, 1, 2, 2]]
    assert float(metrics["model/loss"]) == pytest.approx(np.mean((before - values[:, 1:]) ** 2), rel=1e-5)
    assert float(metrics["model/mse"]) == pytest.approx(np.mean((before - values[:, 1:])[:, 2:] ** 2) / 4, rel=1e-5)
    made = method.tasks["predict"].fn(weights(state), KEYS, {"video": to_float(VIDEO[:3, :3])})["video"]
    assert made.shape == (3, 2, *SHAPE)


def test_predictors_that_cannot_be():
    net = functional(ConvLSTMPredictor(SHAPE, future=2))
    with pytest.raises(UserError, match=r"method\.context"):
        predictor(net, optax.sgd(1), image_shape=SHAPE, context=0, future=2)
    with pytest.raises(UserError, match="l1_mse"):
        predictor(net, optax.sgd(1), image_shape=SHAPE, context=1, future=2, loss="l1_ms")


def clips_of(objective="hinge", **settings):
    told = settings.get("classes", 0) or settings.get("categories", 0)
    classes, categories = settings.get("classes", 0), settings.get("categories", 0)
    nets = (
        MLPGenerator(SHAPE, (8,), classes=told),
        GRUMotion(classes=told),
        MLPCritic(SHAPE, (8,), classes=classes),
        VideoCritic(SHAPE, (4,), time_kernel=2, classes=classes, categories=categories),
    )
    return mocogan(
        *(functional(net) for net in nets),
        image_shape=SHAPE,
        length=5,
        generator_tx=optax.adam(1e-2),
        critic_tx=optax.adam(1e-2),
        objective=OBJECTIVES[objective],
        sizes=Sizes(4, 3, 2),
        **settings,
    )


BATCH = {"video": VIDEO, "label": jnp.arange(6) % 3}


@pytest.fixture(scope="module")
def conditional():
    method = clips_of(classes=3, sample_frames=7, variants=3)
    return method, method.init(jax.random.key(0), BATCH, {})


def test_clips_may_be_longer_than_those_learnt_from(conditional):
    method, state = conditional
    inputs = {"label": jnp.arange(3)}
    made = method.tasks["sample"].fn(weights(state), KEYS, inputs)["video"]
    assert made.shape == (3, 7, *SHAPE)
    wide = method.tasks["recombine"].fn(weights(state), KEYS, inputs)["video"]
    assert wide.shape == (3, 7, 4, 12, 1)
    parts = jnp.split(wide, 3, axis=3)
    assert (parts[0] != parts[1]).any()


def test_content_stays_and_motion_moves(conditional):
    """With the motion codes' weights at zero all frames of a clip are one, and so are all variants of a content."""
    method, state = conditional
    params = state.params["generator"]
    kernel = params["frames"]["dense_0"]["kernel"].at[4:7].set(0.0)  # its inputs: content, motion, label
    still = {**params, "frames": {**params["frames"], "dense_0": {**params["frames"]["dense_0"], "kernel": kernel}}}
    frozen = weights(state.replace(params={**state.params, "generator": still}))
    made = method.tasks["recombine"].fn(frozen, KEYS, {"label": jnp.zeros(3, jnp.int32)})["video"]
    np.testing.assert_allclose(made, jnp.tile(made[:, :1, :, :4], (1, 7, 1, 3, 1)), atol=1e-6)
    assert (made[0] != made[1]).any()


def test_categories_are_told_to_the_generator_alone():
    method = clips_of("wasserstein", categories=4, information=0.5)
    state = method.init(jax.random.key(0), {"video": VIDEO}, {})
    assert method.tasks["sample"].inputs["label"].high == 4
    state, metrics = jax.jit(method.step)(state, {"video": VIDEO})
    # Before anything is learnt Q knows nothing: its cross-entropy is about log 4.
    for player in ("generator", "discriminator"):
        assert float(metrics[f"{player}/information"]) == pytest.approx(np.log(4), abs=0.3)
    drawn = two_critics._whole_numbers(jax.vmap(jax.random.key)(jnp.arange(400)), 4)
    assert (np.bincount(drawn, minlength=4) > 60).all()
    assert len(np.bincount(drawn)) == 4


def test_mocogans_that_cannot_be():
    with pytest.raises(UserError, match="labels for categories"):
        clips_of(classes=2, categories=3)
    with pytest.raises(UserError, match=r"sampler\.variants"):
        clips_of(variants=1)


@pytest.mark.long
def test_a_predictor_learns_to_bounce():
    """One moving digit: three hundred steps halve the error of persistence.

    The digit has sixteen pixels to move in: with four, its places, whole pixels, hide most of its speed."""
    section = {"name": "moving_digits", "size": 24, "frames": 6, "digits": 1}
    batches = data.load(section).batches("train", 16, 0)
    shape = (24, 24, 1)
    net = ConvLSTMPredictor(shape, future=2, hidden=(32,), patch=4, residual=True)
    method = predictor(functional(net), optax.adam(5e-3), image_shape=shape, context=4, future=2)
    state, step = method.init(jax.random.key(0), batches(0), {}), jax.jit(method.step)
    made = []
    for i in range(300):
        state, metrics = step(state, {"video": batches(i)["video"]})
        made.append((float(metrics["model/mse"]), float(metrics["model/persistence"])))
    last = np.mean(made[-20:], axis=0)
    assert last[0] < 0.5 * last[1]
