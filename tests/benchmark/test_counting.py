"""Operations and network evaluations of programs whose counts are known."""

import jax
import jax.numpy as jnp
import pytest

from jaxgen.benchmark.counting import count
from jaxgen.core import weights
from jaxgen.data import Info
from jaxgen.layers.convolution import Conv, ConvTranspose
from jaxgen.zoo import configs, methods

INFO = Info("digits", (8, 8, 1), tuple("0123456789"), {"train": 10, "test": 10})


def test_a_loop_counts_as_often_as_it_turns():
    w = jnp.ones((4, 4))
    loop = lambda x: jax.lax.scan(lambda x, _: (x @ w, None), x, None, length=7)[0]  # noqa: E731
    cost = count(loop, jnp.ones((3, 4)))
    assert cost.flops == 7 * 2 * 3 * 4 * 4
    assert cost.exact


def test_the_dearest_branch_counts_and_open_loops_are_told():
    w = jnp.ones((4, 4))
    branch = lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)  # noqa: E731
    assert count(branch, jnp.ones((3, 4))).flops == 2 * 2 * 3 * 4 * 4
    search = lambda x: jax.lax.while_loop(lambda x: x[0, 0] < 9, lambda x: x @ w, x)  # noqa: E731
    assert count(search, jnp.ones((3, 4)))[::2] == (2 * 3 * 4 * 4, False)


@pytest.mark.parametrize(
    ("layer", "flops"),
    [
        (Conv(5, 3, name="a"), 2 * 2 * 8 * 8 * 5 * 9 * 6),
        (Conv(5, 4, 2, name="a"), 2 * 2 * 4 * 4 * 5 * 16 * 6),
        # one product of every pixel with all taps
        (ConvTranspose(5, 4, 2, name="a"), 2 * 2 * 8 * 8 * 5 * 16 * 6),
    ],
    ids=["conv", "strided", "transposed"],
)
def test_convolutions(layer, flops):
    x = jnp.ones((2, 8, 8, 6))
    params = jax.eval_shape(layer.init, jax.random.key(0), x)
    assert count(layer.apply, params, x).flops == flops


@pytest.mark.parametrize(
    ("name", "settings", "evaluations"),
    [
        ("diffusion/ddpm_digits:smoke", {"name": "ddim", "steps": 5}, 5),
        ("diffusion/edm_digits:smoke", {"name": "heun", "steps": 5}, 9),
        ("diffusion/cfg_digits:smoke", {"name": "ddim", "steps": 5, "guidance": 3.0}, 10),
        ("gan/dcgan_digits:smoke", {}, 1),
        ("autoregressive/pixelcnn_digits:smoke", {}, 64),
    ],
)
def test_network_evaluations_of_samplers(name, settings, evaluations):
    config = configs.load(name, [f"sampler.{key}={value}" for key, value in settings.items()])
    method = methods.build(config, INFO)
    batch = {"image": jnp.zeros((4, 8, 8, 1), jnp.uint8), "label": jnp.zeros(4, jnp.int32)}
    if method.batches_per_step > 1:
        batch = jax.tree.map(lambda x: jnp.stack([x] * method.batches_per_step), batch)
    state = jax.eval_shape(method.init, jax.random.key(0), batch, {})
    task = method.tasks["sample"]
    inputs = {key: batch[key] for key in task.inputs}
    cost = count(task.fn, weights(state), jax.random.split(jax.random.key(0), 4), inputs)
    assert cost.examples / 4 == evaluations
    assert cost.flops > 0
    assert cost.exact
