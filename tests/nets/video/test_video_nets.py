"""Networks of video models: the scan against a plain loop, persistence at the start, shapes, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.layers.recurrent import ConvLSTM
from jaxgen.nets.roles import functional
from jaxgen.nets.video.convlstm import ConvLSTMPredictor
from jaxgen.nets.video.mocogan import GRUMotion, VideoCritic
from jaxgen.ops.resample import depth_to_space, space_to_depth

SHAPE = (6, 8, 1)
VIDEO = jax.random.uniform(jax.random.key(0), (2, 3, *SHAPE), minval=-1.0, maxval=1.0)


@pytest.mark.parametrize("settings", [{}, {"feedback": False, "peephole": True}, {"residual": True}, {"logits": True}])
def test_the_scan_is_a_loop_over_encoder_and_forecaster(settings):
    net = ConvLSTMPredictor(SHAPE, future=2, hidden=(3, 2), patch=2, **settings)
    params = net.init(jax.random.key(1), VIDEO, {}, train=False)["params"]
    params = jax.tree.map(lambda x: x + 0.2 * jax.random.normal(jax.random.key(2), x.shape), params)
    made = net.apply({"params": params}, VIDEO, {}, train=True)

    cells = [ConvLSTM(n, peephole=settings.get("peephole", False)) for n in (3, 2)]
    x = [space_to_depth(VIDEO[:, t], 2) for t in range(3)]
    states = [cell.zeros(x[0]) for cell in cells]

    def run(part, below):
        for i, cell in enumerate(cells):
            states[i] = cell.apply({"params": params[f"{part}_{i}"]}, below, states[i])
            below = states[i][0]
        return jnp.concatenate([h for h, _ in states], -1) @ params["head_kernel"] + params["head_bias"]

    for frame in x:
        run("encode", frame)
    before, wanted = x[-1], []
    for _ in range(2):
        y = run("forecast", before if settings.get("feedback", True) else jnp.zeros_like(before))
        y = y + before if settings.get("residual") else y
        before = 2 * jax.nn.sigmoid(y) - 1 if settings.get("logits") else y
        wanted.append(depth_to_space(y, 2))
    np.testing.assert_allclose(made, jnp.stack(wanted, 1), atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"peephole": True, "residual": True}, {"logits": True}])
def test_with_next_frame_one_stack_forecasts_every_frame_from_those_before_it(settings):
    net = ConvLSTMPredictor(SHAPE, future=2, hidden=(3, 2), patch=2, next_frame=True, **settings)
    params = net.init(jax.random.key(1), VIDEO, {}, train=False)["params"]
    params = jax.tree.map(lambda x: x + 0.2 * jax.random.normal(jax.random.key(2), x.shape), params)
    cells = [ConvLSTM(n, peephole=settings.get("peephole", False)) for n in (3, 2)]
    states = [cell.zeros(space_to_depth(VIDEO[:, 0], 2)) for cell in cells]
    x, wanted = VIDEO[:, 0], []
    for t in range(1, 5):
        below = known = space_to_depth(x, 2)
        for i, cell in enumerate(cells):
            states[i] = cell.apply({"params": params[f"encode_{i}"]}, below, states[i])
            below = states[i][0]
        y = jnp.concatenate([h for h, _ in states], -1) @ params["head_kernel"] + params["head_bias"]
        y = depth_to_space(y + known if settings.get("residual") else y, 2)
        wanted.append(y)
        forecast = 2 * jax.nn.sigmoid(y) - 1 if settings.get("logits") else y
        x = VIDEO[:, t] if t < 3 else forecast
    wanted = jnp.stack(wanted, 1)
    np.testing.assert_allclose(net.apply({"params": params}, VIDEO, {}, train=True), wanted, atol=1e-5)
    np.testing.assert_allclose(net.apply({"params": params}, VIDEO, {}, train=False), wanted[:, 2:], atol=1e-5)


def test_a_fresh_residual_predictor_is_persistence():
    net = functional(ConvLSTMPredictor(SHAPE, future=2, hidden=(3,), patch=2, residual=True))
    params, stats = net.init(jax.random.key(1), VIDEO, {})
    made, _ = net.apply(params, stats, VIDEO, {})
    np.testing.assert_allclose(made, jnp.repeat(VIDEO[:, -1:], 2, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"patch": 4}, "patches of 4"),
        ({"kernel": 2}, "odd kernel"),
        ({"logits": True, "residual": True}, "residual"),
        ({"next_frame": True, "feedback": False}, "feedback"),
    ],
)
def test_predictors_that_cannot_be(settings, says):
    net = ConvLSTMPredictor(SHAPE, future=2, hidden=(3,), **{"patch": 2, **settings})
    with pytest.raises(UserError, match=says):
        jax.eval_shape(lambda: net.init(jax.random.key(0), VIDEO, {}, train=False))


def test_the_video_critic_keeps_what_time_is_left():
    x = jnp.zeros((2, 5, 8, 8, 3))
    cond = {"label": jnp.arange(2)}
    for widths, kernel, left in (((4,), 2, 4), ((4, 4), 3, 1), ((4, 4, 4), 4, 1), ((4,), 1, 5)):
        net = VideoCritic((8, 8, 3), widths, time_kernel=kernel, classes=2, categories=6)
        (logits, features), _ = jax.eval_shape(
            lambda net=net: net.init_with_output(jax.random.key(0), x, cond, train=False)
        )
        assert [logit.shape for logit in logits] == [(2, left)]
        assert features[-1].shape == (2, 6)


def test_a_video_critic_of_one_frame_at_a_time_does_not_see_their_order():
    """And one of two frames does."""
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 4, 1))
    for kernel, same in ((1, True), (2, False)):
        net = functional(VideoCritic((4, 4, 1), (4,), time_kernel=kernel, norm="none"))
        params, stats = net.init(jax.random.key(1), x, {})
        (logits, _), _ = net.apply(params, stats, x, {})
        (turned, _), _ = net.apply(params, stats, x[:, ::-1], {})
        assert np.allclose(logits[0].mean(1), turned[0].mean(1), atol=1e-6) == same


def test_motion_is_causal_and_hears_its_label():
    net = functional(GRUMotion(classes=3))
    noise, first = jax.random.normal(jax.random.key(0), (2, 5, 4)), jnp.zeros((2, 6))
    params, stats = net.init(jax.random.key(1), noise, first, {"label": jnp.zeros(2, jnp.int32)})

    def path(noise, label):
        return np.asarray(net.apply(params, stats, noise, first, {"label": jnp.full(2, label)})[0])

    one = path(noise, 0)
    assert one.shape == (2, 5, 6)
    later = path(noise.at[:, 3].add(1.0), 0)
    np.testing.assert_array_equal(one[:, :3], later[:, :3])
    assert (one[:, 3:] != later[:, 3:]).any()
    assert (one != path(noise, 1)).any()
