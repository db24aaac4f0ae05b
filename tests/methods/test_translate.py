"""Translation: losses by hand on constant networks, the pools inside a step, replicas, and a known answer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import optim
from jaxgen.core import UserError, replicas, weights
from jaxgen.methods import translate
from jaxgen.methods.translate import CycleWeights, cyclegan, pix2pix
from jaxgen.nets.roles import Net, functional
from jaxgen.nets.translation.patch import PatchCritic
from jaxgen.nets.translation.residual import ResidualTranslator
from jaxgen.nets.translation.unet import UNetTranslator
from jaxgen.objectives.adversarial import least_squares, non_saturating
from jaxgen.ops import pool as pools
from jaxgen.ops.images import to_float

SHAPE = (4, 4, 1)
FORGETFUL = optax.sgd(0.0)


def scale(start):
    """A translator that multiplies by its only weight: x -> w x."""
    return Net(
        lambda rng, x, cond: ({"w": jnp.float32(start)}, {}),
        lambda p, s, x, cond, train=False, rng=None: (p["w"] * x, s),
    )


def sums(start):
    """A critic whose logit is v times the mean of the image (and of the image it is a translation of)."""

    def apply(p, s, x, cond, train=False, rng=None):
        both = x + cond.get("image", 0.0)
        return ([p["v"] * both.mean(axis=(1, 2, 3))[:, None]], [both]), s

    return Net(lambda rng, x, cond: ({"v": jnp.float32(start)}, {}), apply)


def flat(levels):
    return jnp.asarray(levels, jnp.uint8)[:, None, None, None] * jnp.ones((1, *SHAPE), jnp.uint8)


# 255 -> 1 and 0 -> -1: a is all ones, b all minus ones.
ONES = {"image": flat([255, 255]), "target": flat([0, 0])}


def stepped(method, batch=ONES, steps=1, seed=0):
    state = method.init(jax.random.key(seed), batch, {})
    step = jax.jit(method.step)
    for _ in range(steps):
        state, metrics = step(state, batch)
    return state, {name: float(value) for name, value in metrics.items()}


def test_the_losses_of_cyclegan_on_constant_networks():
    """G = F = w and D = v mean(x), a = 1, b = -1, so that every term is a number: w = 1/2, v = 2.

    G(a) = 1/2, F(b) = -1/2, logits 1 and -1; F(G(a)) = 1/4, so |.| = 3/4; G(b) = -1/2, so |.| = 1/2, likewise for F.
    """
    method = cyclegan(
        scale(0.5),
        sums(2.0),
        image_shape=SHAPE,
        generator_tx=FORGETFUL,
        critic_tx=FORGETFUL,
        weights=CycleWeights(3.0, 10.0, 5.0),
        pool=0,
    )
    _, found = stepped(method)
    adversarial = 0.5 * (1 - 1) ** 2 + 0.5 * (-1 - 1) ** 2
    cycle, identity = 0.75 + 0.75, 0.5 + 0.5
    assert found["generator/loss"] == pytest.approx(3 * adversarial + 10 * cycle + 5 * identity)
    assert found["generator/cycle"] == pytest.approx(cycle / 2)
    assert found["generator/identity"] == pytest.approx(identity / 2)
    # Logits: D_B real -2, fake 1; D_A real 2, fake -1; real should be 1, fake 0.
    critic = 0.5 * (-2 - 1) ** 2 + 0.5 * 1**2 + 0.5 * (2 - 1) ** 2 + 0.5 * (-1) ** 2
    assert found["discriminator/loss"] == pytest.approx(critic)
    assert found["discriminator/real"] == pytest.approx(0.0)
    # The gradient of (1) in w, where both networks are w: the paper's formula by hand.
    # G: adversarial v (D_B(G(a)) - 1) = 0, cycle -w for |F(G(a)) - a| and for |G(F(b)) - b|, identity -1.
    assert found["generator/grad_norm"] == pytest.approx(
        np.hypot(3 * 0 - 10 * 2 * 0.5 - 5, 3 * (-1 - 1) * 2 * -1 - 10 * 2 * 0.5 - 5), rel=1e-5
    )


def test_leaving_the_identity_term_out():
    settings = dict(image_shape=SHAPE, generator_tx=FORGETFUL, critic_tx=FORGETFUL, pool=0)
    _, found = stepped(cyclegan(scale(0.5), sums(2.0), weights=CycleWeights(0.0, 1.0, 0.0), **settings))
    assert found["generator/loss"] == pytest.approx(1.5)
    assert "generator/identity" not in found


def test_the_losses_of_pix2pix_on_constant_networks():
    """w = 1/2, v = 2, a = 1, b = -1: G(a) = 1/2, logits 2 (1/2 + 1) = 3 of the pair (a, G(a)) and 0 of (a, b)."""
    method = pix2pix(
        scale(0.5),
        sums(2.0),
        image_shape=SHAPE,
        generator_tx=FORGETFUL,
        critic_tx=FORGETFUL,
        objective=non_saturating,
        reconstruction=100.0,
    )
    _, found = stepped(method)
    assert found["generator/distance"] == pytest.approx(1.5)
    assert found["generator/loss"] == pytest.approx(np.log1p(np.exp(-3)) + 100 * 1.5, rel=1e-5)
    assert found["discriminator/loss"] == pytest.approx(np.log(2) + np.log1p(np.exp(3)), rel=1e-5)
    # d/dw: -v s(-3) from the critic, 100 from the distance, since G(a) lies above b.
    assert found["generator/grad_norm"] == pytest.approx(100 - 2 / (1 + np.exp(3)), rel=1e-5)


def test_critics_see_what_the_pools_return():
    """Three steps whose images differ; the pools, and what the critics were shown, as a plain list would have it."""
    places, size = 4, 3
    method = cyclegan(
        scale(1.0), sums(1.0), image_shape=SHAPE, generator_tx=FORGETFUL, critic_tx=FORGETFUL, pool=places
    )
    state = method.init(jax.random.key(0), {"image": flat([0] * size), "target": flat([0] * size)}, {})
    step = jax.jit(method.step)
    kept: list[float] = []
    for number in range(6):
        levels = [20 * number + 60 * i for i in range(size)]
        batch = {"image": flat(levels), "target": flat([128] * size)}
        pool_rng = jax.random.split(jax.random.fold_in(state.rng, state.step), 3)[2]
        # Kinds in the order of the alphabet: 0 is source, 1 is target.
        keys = replicas.keys(jax.random.fold_in(pool_rng, 1), size, None)
        shown = []
        for level, key in zip(levels, keys, strict=True):
            value = float(to_float(jnp.uint8(level)))
            swap, place = (x.item() for x in pools.draw(key, places))
            if len(kept) < places:
                kept.append(value)
            elif swap:
                value, kept[place] = kept[place], value
            shown.append(value)
        state, metrics = step(state, batch)
        np.testing.assert_allclose(state.memory["target"].images[: len(kept), 0, 0, 0], kept, rtol=1e-6)
        at_source = float(to_float(jnp.uint8(128)))
        assert float(metrics["discriminator/fake"]) == pytest.approx((np.mean(shown) + at_source) / 2, abs=1e-6)
    assert int(state.memory["target"].taken) == places


NETS = {
    "cyclegan": lambda axis=None: (
        functional(ResidualTranslator((8, 8, 1), (4, 4), blocks=1, padding="zeros", norm="batch", axis_name=axis)),
        functional(PatchCritic((8, 8, 1), (4, 4), norm="batch", axis_name=axis)),
    ),
    "pix2pix": lambda axis=None: (
        functional(UNetTranslator((8, 8, 1), (4, 4), dropouts=1, norm="batch", axis_name=axis)),
        functional(PatchCritic((8, 8, 1), (4, 4), norm="batch", axis_name=axis)),
    ),
}


def made(name, axis=None, **settings):
    build = {"cyclegan": cyclegan, "pix2pix": pix2pix}[name]
    base = dict(image_shape=(8, 8, 1), generator_tx=optax.sgd(0.05), critic_tx=optax.sgd(0.05), axis=axis)
    return build(*NETS[name](axis), **base | ({"pool": 6} if name == "cyclegan" else {}) | settings)


def random_batch(size=8):
    draw = jax.random.randint(jax.random.key(3), (2, size, 8, 8, 1), 0, 256).astype(jnp.uint8)
    return {"image": draw[0], "target": draw[1]}


@pytest.mark.parametrize("name", ["pix2pix", pytest.param("cyclegan", marks=pytest.mark.long)])
def test_replicas_walk_as_one_with_batch_statistics(name):
    """Pools, dropout and statistics: the whole state after two steps."""
    data = random_batch()
    # Small steps: where an absolute difference is near zero, rounding decides the sign of its gradient.
    rates = dict(generator_tx=optax.sgd(1e-3), critic_tx=optax.sgd(1e-3))
    whole, mapped = made(name, **rates), made(name, "data", **rates)
    state = jax.jit(whole.init)(jax.random.key(0), data, {})
    expected = split = state
    step, walk = jax.jit(whole.step), jax.jit(jax.vmap(mapped.step, (None, 0), (None, None), axis_name="data"))
    for _ in range(2):
        expected, _ = step(expected, data)
        split, _ = walk(split, jax.tree.map(lambda x: x.reshape(4, 2, *x.shape[1:]), data))
    for part in ("params", "stats", "memory"):
        for a, b in zip(jax.tree.leaves(getattr(expected, part)), jax.tree.leaves(getattr(split, part)), strict=True):
            assert np.linalg.norm(a - b) <= 1e-3 * np.linalg.norm(a) + 1e-5, part


def test_micro_batches_give_the_same_step():
    def build(micro):
        rates = dict(generator_tx=optax.sgd(0.02), critic_tx=optax.sgd(0.02))
        return cyclegan(scale(0.7), sums(0.5), image_shape=(8, 8, 1), pool=6, micro=micro, **rates)

    (one, _), (two, _) = (stepped(build(micro), random_batch(), steps=3) for micro in (1, 4))
    for a, b in zip(jax.tree.leaves((one.params, one.memory)), jax.tree.leaves((two.params, two.memory)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert float(one.params["generator"]["forward"]["w"]) != pytest.approx(0.7, abs=1e-3)


def test_tasks_go_the_ways_their_names_say():
    method = cyclegan(scale(0.5), sums(1.0), image_shape=SHAPE, generator_tx=FORGETFUL, critic_tx=FORGETFUL, pool=0)
    state = method.init(jax.random.key(0), ONES, {})
    players = {**state.params, "generator": {"forward": {"w": 0.5}, "backward": {"w": 0.25}}}
    served, keys = weights(state.replace(params=players)), jax.random.split(jax.random.key(0), 2)
    x = jnp.full((2, *SHAPE), 0.8)
    for task, name, factor in (
        ("translate", "image", 0.5),
        ("translate_back", "target", 0.25),
        ("reconstruct", "image", 0.125),
    ):
        assert list(method.tasks[task].inputs) == [name]
        np.testing.assert_allclose(method.tasks[task].fn(served, keys, {name: x})["image"], factor * x, rtol=1e-6)


def test_tasks_use_the_averages():
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.9}})
    method = pix2pix(
        scale(0.5),
        sums(1.0),
        image_shape=SHAPE,
        generator_tx=optax.sgd(0.01),
        critic_tx=FORGETFUL,
        objective=least_squares,
        averages=averages,
    )
    state, _ = stepped(method, steps=3)
    kept = float(state.ema["generator"]["ema"]["params"]["w"])
    assert kept != float(state.params["generator"]["w"])
    x = jnp.ones((1, *SHAPE))
    out = method.tasks["translate"].fn(weights(state), jax.random.split(jax.random.key(0), 1), {"image": x})
    np.testing.assert_allclose(out["image"], kept, rtol=1e-6)


def test_a_negative_pool_is_refused():
    with pytest.raises(UserError, match=r"method.pool is -1"):
        cyclegan(scale(1.0), sums(1.0), image_shape=SHAPE, generator_tx=FORGETFUL, critic_tx=FORGETFUL, pool=-1)


def test_cyclegan_recovers_the_gap_between_two_kinds_without_pairs():
    """a is dark, b bright: translators that add one number each must learn the gap."""

    def shift():
        return Net(
            lambda rng, x, cond: ({"m": jnp.float32(0.0)}, {}),
            lambda p, s, x, cond, train=False, rng=None: (x + p["m"], s),
        )

    def apply(p, s, x, cond, train=False, rng=None):
        mean = x.mean(axis=(1, 2, 3))[:, None]
        return ([p["v"] * mean + p["c"]], [mean]), s

    line = Net(lambda rng, x, cond: ({"v": jnp.float32(0.0), "c": jnp.float32(0.0)}, {}), apply)
    method = cyclegan(
        shift(),
        line,
        image_shape=SHAPE,
        generator_tx=optax.adam(5e-3, b1=0.0),
        critic_tx=optax.adam(2e-2, b1=0.0),
        weights=CycleWeights(2.0, 1.0, 0.0),
        pool=16,
    )

    def batch(step):
        rng = jax.random.fold_in(jax.random.key(1), step)
        noise = 20 * jax.random.normal(rng, (2, 16, *SHAPE))
        return {
            "image": (80 + noise[0]).clip(0, 255).astype(jnp.uint8),
            "target": (176 + noise[1]).clip(0, 255).astype(jnp.uint8),
        }

    state = method.init(jax.random.key(0), batch(0), {})
    state = jax.jit(lambda s: jax.lax.fori_loop(0, 1500, lambda i, s: method.step(s, batch(i))[0], s))(state)
    learnt = state.params[translate.G]
    gap = (176 - 80) * 2 / 255
    assert float(learnt["forward"]["m"]) == pytest.approx(gap, abs=0.15)
    assert float(learnt["backward"]["m"]) == pytest.approx(-gap, abs=0.15)
