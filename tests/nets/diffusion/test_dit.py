"""The diffusion transformer: its published sizes, its start, scanned and rematerialised blocks, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_weights import random_weights

from jaxgen.core import UserError, trees
from jaxgen.layers.embeddings import place_sinusoids
from jaxgen.layers.remat import POLICIES
from jaxgen.nets.diffusion.dit import DiT

SMALL = dict(width=16, depth=3, heads=2, patch=2)
TIME = {"t": jnp.array([3.0, 700.0])}
X = jax.random.normal(jax.random.key(2), (2, 4, 6, 3))
COND = {"label": jnp.array([0, 4])}


def net(**changes):
    return DiT((4, 6, 3), classes=5, **SMALL | changes)


def made(module):
    return random_weights(lambda key: module.init(key, X, TIME, COND, train=False), jax.random.key(0))


def bytes_kept(loss, variables):
    """Of what the forward pass hands to the backward pass."""
    shapes = jax.eval_shape(lambda v: jax.vjp(loss, v)[1], variables)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def stacked(variables):
    """Weights of unrolled blocks as those of scanned ones."""
    params = dict(variables["params"])
    blocks = [params.pop(f"block_{i}") for i in range(SMALL["depth"])]
    return {"params": params | {"blocks": jax.tree.map(lambda *x: jnp.stack(x), *blocks)}}


@pytest.mark.parametrize(
    ("width", "depth", "heads", "patch", "millions"),
    [(384, 12, 6, 2, 33), (768, 12, 12, 4, 130), (1024, 24, 16, 2, 458), (1152, 28, 16, 2, 675)],
    ids=["S/2", "B/4", "L/2", "XL/2"],
)
def test_published_sizes(width, depth, heads, patch, millions):
    """Peebles & Xie 2023, table 4. The paper's networks also put out variances: 8 channels for 4, a negligible part."""
    chosen = DiT((32, 32, 4), 1000, width, depth, heads, patch, scan=True)
    x, t = jnp.zeros((1, 32, 32, 4)), {"t": jnp.zeros(1)}
    shapes = jax.eval_shape(lambda: chosen.init(jax.random.key(0), x, t, {}, train=False))
    assert round(trees.size(shapes) / 1e6) == pytest.approx(millions, abs=0.5)


@pytest.mark.parametrize("scan", [False, True], ids=["unrolled", "scanned"])
def test_starts_at_zero_with_blocks_that_do_nothing(scan):
    module = net(scan=scan)
    variables = jax.jit(lambda key: module.init(key, X, TIME, COND, train=False))(jax.random.key(0))
    np.testing.assert_array_equal(module.apply(variables, X, TIME, COND, train=False), jnp.zeros_like(X))
    # With a random last layer in place the output shows the tokens: no block has changed them, whatever the label says.
    params = variables["params"]
    params["pixels"]["kernel"] = jax.random.normal(jax.random.key(1), params["pixels"]["kernel"].shape)
    shown = [module.apply(variables, X, TIME, {"label": jnp.array(x)}, train=False) for x in ([0, 4], [3, 1])]
    assert float(jnp.abs(shown[0]).max()) > 0.1
    np.testing.assert_array_equal(*shown)


def test_scanned_blocks_are_the_unrolled_ones():
    variables = made(net())
    unrolled = net().apply(variables, X, TIME, COND, train=False)
    scanned = net(scan=True).apply(stacked(variables), X, TIME, COND, train=False)
    assert float(jnp.abs(unrolled).max()) > 0.1
    np.testing.assert_allclose(scanned, unrolled, atol=1e-5 * float(jnp.abs(unrolled).max()))


@pytest.mark.parametrize(("policy", "scan"), [("full", False), ("dots", True)], ids=["unrolled", "scanned"])
def test_rematerialisation_changes_memory_and_no_numbers(policy, scan):
    variables = stacked(made(net())) if scan else made(net())

    def grad(policy):
        module = net(scan=scan, remat=policy)
        loss = lambda v: jnp.sum(jnp.square(module.apply(v, X, TIME, COND, train=True)))  # noqa: E731
        return jax.jit(jax.grad(loss)), loss

    (plain, plain_loss), (spare, spare_loss) = grad("none"), grad(policy)
    assert bytes_kept(spare_loss, variables) < bytes_kept(plain_loss, variables)
    for a, b in zip(jax.tree.leaves(spare(variables)), jax.tree.leaves(plain(variables)), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5 * float(jnp.abs(b).max()))


def test_the_more_a_policy_keeps_the_more_memory_it_takes():
    variables = stacked(made(net()))

    def kept(policy):
        module = net(scan=True, remat=policy)
        return bytes_kept(lambda v: jnp.sum(module.apply(v, X, TIME, COND, train=True)), variables)

    sizes = [kept(policy) for policy in ("full", "dots", "all_dots", "none")]
    assert sizes == sorted(sizes)
    assert set(POLICIES) == {"full", "dots", "all_dots", "none"}
    assert len(set(sizes)) == 4


def test_every_token_hears_time_label_and_all_others():
    variables = made(net())
    run = jax.jit(lambda x, t, label: net().apply(variables, x, {"t": t}, {"label": label}, train=False))
    out = run(X, TIME["t"], COND["label"])
    assert out.shape == X.shape
    assert out.dtype == jnp.float32
    for other in (
        run(X, TIME["t"][::-1], COND["label"]),
        run(X, TIME["t"], jnp.array([1, 2])),
        run(X.at[:, 0, 0].add(1.0), TIME["t"], COND["label"]),
    ):
        assert float(jnp.abs(other - out).min(axis=(1, 2, 3)).min()) > 0
    none = net().apply(variables, X, TIME, {}, train=False)
    np.testing.assert_array_equal(none, net().apply(variables, X, TIME, {"label": jnp.array([5, 5])}, train=False))


def test_half_precision_stays_close_and_keeps_float32_weights():
    variables = made(net(dtype=jnp.bfloat16))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full, half = (net(dtype=d).apply(variables, X, TIME, COND, train=False) for d in (jnp.float32, jnp.bfloat16))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, full, atol=0.05 * float(jnp.abs(full).max()))


def test_places_differ_and_their_products_tell_distances():
    table = np.asarray(place_sinusoids(3, 5, 16))
    assert table.shape == (15, 16)
    near = table @ table.T
    np.testing.assert_allclose(np.diag(near), 8.0, rtol=1e-5)  # sines and cosines in pairs
    np.testing.assert_allclose(near[0, 1], near[7, 8], rtol=1e-5)  # one column on, wherever it begins
    np.testing.assert_allclose(near[0, 5], near[4, 9], rtol=1e-5)  # one row on
    assert len(np.unique(table.round(5), axis=0)) == 15


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(patch=4), "4x4 .* do not divide images of 4x6"),
        (dict(heads=3), "multiple of 4 and of net.heads = 3"),
        (dict(remat="dot"), "Did you mean 'dots'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(changes, says):
    with pytest.raises(UserError, match=says):
        jax.eval_shape(lambda: net(**changes).init(jax.random.key(0), X, TIME, COND, train=False))
