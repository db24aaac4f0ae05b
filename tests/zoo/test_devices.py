"""A convolutional GAN whose weights are divided comes out as on one device, however they are."""

import jax
import numpy as np
import pytest

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.zoo import configs, devices, methods

NAME = "gan/dcgan_digits:smoke"
STEADY = ["optim.generator.eps=1e-3", "optim.discriminator.eps=1e-3"]
CHANNELS = "mesh.rules=(('kernel$', (None, None, None, 'tensor')), ('kernel$', (None, 'tensor')))"


def after_a_step(*changes, count=None):
    """The state as path -> numpy, and the largest number of parts in which a weight is held."""
    config = configs.load(NAME, [*STEADY, *changes])
    source = data.load(config.data)
    method = methods.build(config, source.info)
    strategy = devices.strategy(config, method, jax.devices()[:count])
    batch = source.batches("train", 8, 0, per_step=method.batches_per_step, rows=strategy.rows(8))
    state = strategy.init(jax.random.key(0), batch(0), {})
    state, _ = strategy.step(state, strategy.put(batch(0)))
    kept = jax.tree_util.tree_leaves_with_path(state.replace(rng=jax.random.key_data(state.rng)))
    parts = max(x.size // x.addressable_shards[0].data.size for x in jax.tree.leaves(state.params))
    return {jax.tree_util.keystr(path): np.asarray(x, np.float64) for path, x in kept}, parts


@pytest.fixture(scope="module")
def one():
    return after_a_step(count=1)[0]


@pytest.mark.parametrize(
    "sizes",
    [
        ("mesh.data=2", "mesh.fsdp=2", "mesh.small=16"),
        ("mesh.data=2", "mesh.tensor=2", CHANNELS),
        pytest.param(
            ("mesh.data=1", "mesh.fsdp=2", "mesh.tensor=2", "mesh.small=16", CHANNELS), marks=pytest.mark.long
        ),
    ],
    ids=["fsdp", "tensor", "both"],
)
def test_divided_weights(one, sizes):
    got, parts = after_a_step(*sizes)
    assert parts == 2
    for name, x in one.items():
        assert np.linalg.norm(got[name] - x) <= 1e-4 * np.linalg.norm(x) + 1e-6, name


def test_an_unknown_strategy():
    config = configs.load(NAME, ["train.strategy=many"])
    with pytest.raises(UserError, match=r"train.strategy is jit or pmap, not 'many'"):
        devices.strategy(config, methods.build(config, data.load(config.data).info))
