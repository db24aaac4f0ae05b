"""The GAN step: every combination runs, each player moves alone, and a toy distribution is recovered."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import optim
from jaxgen.core import UserError, weights
from jaxgen.methods.gan import gan, slerp
from jaxgen.nets.gan.dcgan import DCGANCritic, DCGANGenerator
from jaxgen.nets.gan.mlp import MLPCritic, MLPGenerator
from jaxgen.nets.gan.sngan import SNGANCritic, SNGANGenerator
from jaxgen.nets.roles import functional
from jaxgen.objectives import penalties
from jaxgen.objectives.adversarial import OBJECTIVES

SHAPE = (4, 4, 1)
PENALTIES = {
    "none": dict(name="none"),
    "clip": dict(name="clip", limit=0.01),
    "gradient": dict(name="gradient", weight=10.0),
    "r1": dict(name="r1", weight=1.0),
    "lazy r1": dict(name="r1", weight=1.0, every=2),
}


def batch(*lead, shape=SHAPE):
    images = jax.random.randint(jax.random.key(5), (*lead, *shape), 0, 256).astype(jnp.uint8)
    return {"image": images, "label": jnp.broadcast_to(jnp.arange(lead[-1]) % 3, lead)}


def build(penalty="none", objective="non_saturating", nets=None, shape=SHAPE, **kw):
    g, d = nets or (MLPGenerator(shape, (8,)), MLPCritic(shape, (8,)))
    settings = dict(latent=5, generator_tx=optax.adam(1e-2), critic_tx=optax.adam(1e-2)) | kw
    return gan(
        functional(g),
        functional(d),
        image_shape=shape,
        objective=OBJECTIVES[objective],
        penalty=penalties.build(**PENALTIES[penalty]),
        **settings,
    )


def run(method, data, steps=2, seed=0):
    # Not compiled as a whole: its single operations are shared by all tests.
    state = method.init(jax.random.key(seed), data, {})
    step, made = jax.jit(method.step), []
    for _ in range(steps):
        state, metrics = step(state, data)
        made.append({name: float(value) for name, value in metrics.items()})
    return state, made


def finite(tree):
    return all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))


COMBINATIONS = [
    # Every objective and every penalty once; all of them together take their time.
    pytest.param(o, p, marks=[] if p == "none" or o == "non_saturating" else [pytest.mark.long])
    for o in sorted(OBJECTIVES)
    for p in PENALTIES
]


@pytest.mark.parametrize(("objective", "penalty"), COMBINATIONS)
def test_every_objective_combines_with_every_penalty(objective, penalty):
    method = build(penalty, objective)
    state, made = run(method, batch(8))
    assert finite((state.params, made))
    if penalty == "clip":
        assert max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(state.params["discriminator"])) <= 0.01001
    assert ("discriminator/penalty" in made[0]) == (penalty in ("gradient", "r1", "lazy r1"))


NETS = {
    "mlp": lambda: (
        MLPGenerator((8, 8, 1), (8,), norm="batch"),
        MLPCritic((8, 8, 1), (8, 8), norm="layer", dropout=0.3),
    ),
    "dcgan": lambda: (DCGANGenerator((8, 8, 1), (4, 4)), DCGANCritic((8, 8, 1), (4, 4))),
    "conditional dcgan": lambda: (
        DCGANGenerator((8, 8, 1), (4, 4), classes=3),
        DCGANCritic((8, 8, 1), (4, 4), norm="none", classes=3),
    ),
    "conditional sngan": lambda: (
        SNGANGenerator((8, 8, 1), (4,), classes=3),
        SNGANCritic((8, 8, 1), (4, 4), classes=3),
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.long] if n == "conditional dcgan" else []) for n in NETS]
)
def test_every_network_trains_and_serves_its_tasks(name):
    shape, classes = (8, 8, 1), 3 if "conditional" in name else 0
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.9}})
    # Differentiating twice is what costs here; the networks of two layouts and both kinds of norms have it.
    penalty = "gradient" if name in ("mlp", "conditional dcgan") else "none"
    method = build(penalty, nets=NETS[name](), shape=shape, classes=classes, averages=averages, interpolation=3)
    state, made = run(method, batch(4, shape=shape))
    assert finite((state.params, state.stats, state.ema, made))
    keys, served = jax.random.split(jax.random.key(1), 4), weights(state)
    assert served.params["generator"] is state.ema["generator"]["ema"]["params"]
    inputs = {"label": jnp.arange(4) % 3} if classes else {}
    for task, width in (("sample", 8), ("interpolate", 24)):
        assert set(method.tasks[task].inputs) == set(inputs)
        images = jax.jit(method.tasks[task].fn)(served, keys, inputs)["image"]
        assert images.shape == (4, *method.tasks[task].outputs["image"].shape) == (4, 8, width, 1)
        assert finite(images)


def test_the_critic_moves_n_times_on_different_batches():
    once, data = build(n_critic=1), batch(3, 8)
    method = build(n_critic=3)
    assert method.batches_per_step == 3
    state, _ = run(method, data, steps=1)
    assert [int(state.opt[p][0].count) for p in ("discriminator", "generator")] == [3, 1]
    assert once.batches_per_step == 1
    # The first two batches matter to the critic, not only the last.
    other, _ = run(method, {**data, "image": data["image"].at[0].set(0)}, steps=1)
    same = jax.tree.map(jnp.array_equal, state.params["discriminator"], other.params["discriminator"])
    assert not all(jax.tree.leaves(same))


def test_a_lazy_penalty_weighs_every_times_as_much_on_its_steps_and_rests_between():
    _, eager = run(build("r1"), batch(8), steps=1)
    _, lazy = run(build("lazy r1"), batch(8), steps=2)
    penalty, loss = eager[0]["discriminator/penalty"], eager[0]["discriminator/loss"]
    assert lazy[0]["discriminator/penalty"] == pytest.approx(penalty, rel=1e-5)
    assert lazy[0]["discriminator/loss"] == pytest.approx(loss + penalty, rel=1e-5)
    assert lazy[1]["discriminator/penalty"] == 0.0


def test_each_players_statistics_move_in_its_own_turn_only():
    method = build(nets=NETS["dcgan"](), shape=(8, 8, 1), generator_tx=optax.sgd(0.0), critic_tx=optax.sgd(0.0))
    data = batch(4, shape=(8, 8, 1))
    state, _ = run(method, data, steps=1)
    # With momentum 0.9 a mean moves by a tenth of the batch's per pass: one pass in G, two in D.
    first = method.init(jax.random.key(0), data, {})
    variance = state.stats["generator"]["batch_stats"]["norm_0"]["batch"]["var"]
    assert jnp.all(variance >= 0.9 * first.stats["generator"]["batch_stats"]["norm_0"]["batch"]["var"] - 1e-6)
    critic = state.stats["discriminator"]["batch_stats"]["norm_1"]["batch"]["var"]
    assert jnp.all(critic >= 0.81 - 1e-6)
    assert jnp.all(critic < 0.9)


def test_micro_batches_give_the_same_step():
    data = batch(8)
    (whole, _), (parts, _) = run(build("gradient"), data, 1), run(build("gradient", micro=4), data, 1)
    for a, b in zip(jax.tree.leaves(whole.params), jax.tree.leaves(parts.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_replicas_walk_as_one():
    nets = lambda axis: (  # noqa: E731
        DCGANGenerator((8, 8, 1), (4, 4), axis_name=axis),
        DCGANCritic((8, 8, 1), (4, 4), axis_name=axis),
    )
    make = functools.partial(build, shape=(8, 8, 1), generator_tx=optax.sgd(0.1), critic_tx=optax.sgd(0.1))
    data = batch(8, shape=(8, 8, 1))
    whole, mapped = make(nets=nets(None)), make(nets=nets("data"), axis="data")
    state = whole.init(jax.random.key(0), data, {})
    expected, _ = jax.jit(whole.step)(state, data)
    shards = jax.tree.map(lambda x: x.reshape(4, 2, *x.shape[1:]), data)
    split = jax.jit(jax.vmap(mapped.step, in_axes=(None, 0), axis_name="data"))
    got, _ = split(state, shards)
    for a, b in zip(jax.tree.leaves(expected.params), jax.tree.leaves(got.params), strict=True):
        np.testing.assert_allclose(a, b[0], rtol=1e-3, atol=1e-5)


def test_samples_depend_on_their_key_alone():
    method = build()
    state, _ = run(method, batch(4))
    keys = jax.random.split(jax.random.key(3), 6)
    all_six = method.tasks["sample"].fn(weights(state), keys, {})["image"]
    last_two = method.tasks["sample"].fn(weights(state), keys[4:], {})["image"]
    np.testing.assert_allclose(all_six[4:], last_two, rtol=1e-5, atol=1e-6)


def test_slerp_keeps_the_length_and_meets_its_ends():
    a, b = jnp.array([3.0, 0.0, 0.0]), jnp.array([0.0, 3.0, 0.0])
    path = slerp(a, b, jnp.linspace(0, 1, 5))
    np.testing.assert_allclose(jnp.linalg.norm(path, axis=1), 3.0, rtol=1e-5)
    np.testing.assert_allclose(path[2], jnp.array([1.0, 1.0, 0.0]) * 3 / np.sqrt(2), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(path[jnp.array([0, 4])], jnp.stack([a, b]), atol=1e-5)
    np.testing.assert_allclose(slerp(a, 2 * a, jnp.array([0.5]))[0], 1.5 * a, rtol=1e-5)


@pytest.mark.parametrize(("prior", "bound"), [("uniform", 1.0), ("normal", None)])
def test_the_prior_is_what_its_name_says(prior, bound):
    class Identity:
        init = staticmethod(lambda rng, z, cond: ({}, {}))
        apply = staticmethod(lambda p, s, z, cond, train=False, rng=None: (z.reshape(-1, 4, 4, 1), s))

    method = gan(
        Identity,
        Identity,
        image_shape=SHAPE,
        latent=16,
        prior=prior,
        generator_tx=optax.sgd(0.1),
        critic_tx=optax.sgd(0.1),
    )
    empty = type("W", (), {"params": {"generator": {}}, "stats": {"generator": {}}})
    z = method.tasks["sample"].fn(empty, jax.random.split(jax.random.key(0), 500), {})["image"]
    assert float(jnp.std(z)) == pytest.approx(1.0 if bound is None else 3**-0.5, rel=0.03)
    assert bound is None or float(jnp.max(jnp.abs(z))) <= bound


@pytest.mark.parametrize("settings", [dict(n_critic=0), dict(latent=0), dict(interpolation=1), dict(prior="norml")])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UserError):
        build(**settings)


def test_recovers_the_mean_and_deviation_of_a_normal():
    """One-pixel images from N(0.3, 0.5^2): the generated ones follow the same law."""
    shape = (1, 1, 1)
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.99}})
    method = gan(
        functional(MLPGenerator(shape, (16,), squash=False)),
        functional(MLPCritic(shape, (32, 32))),
        image_shape=shape,
        latent=4,
        penalty=penalties.build("r1", weight=0.1),
        generator_tx=optax.adam(2e-3, b1=0.5),
        critic_tx=optax.adam(5e-3, b1=0.5),
        averages=averages,
        to_data=lambda x: x,
    )

    def real(step):
        return {"image": 0.3 + 0.5 * jax.random.normal(jax.random.fold_in(jax.random.key(9), step), (256, *shape))}

    @jax.jit
    def train(state):
        return jax.lax.fori_loop(0, 1500, lambda i, s: method.step(s, real(i))[0], state)

    state = train(jax.jit(method.init)(jax.random.key(0), real(0), {}))
    keys = jax.random.split(jax.random.key(1), 4000)
    images = method.tasks["sample"].fn(weights(state), keys, {})["image"]
    assert float(jnp.mean(images)) == pytest.approx(0.3, abs=0.08)
    assert float(jnp.std(images)) == pytest.approx(0.5, abs=0.08)
