"""Random fields recover the couplings of a known field, and clean pictures that were drawn from it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import UserError, weights
from jaxgen.methods.random_field import random_field
from jaxgen.objectives.fields import potts
from jaxgen.ops.images import to_float, to_uint8
from jaxgen.samplers.gibbs import gibbs

KEY = jax.random.key(0)
SHAPE = (4, 4)


def exact_samples(field, params, levels, count):
    """Draws from the enumerated distribution, as uint8 images [count, 4, 4, 1]."""
    cells = SHAPE[0] * SHAPE[1]
    states = np.indices((levels,) * cells, dtype=np.int8).reshape(cells, -1).T.reshape(-1, *SHAPE).astype(np.int32)
    score = np.asarray(jax.jit(field.score)(params, states), np.float64)
    p = np.exp(score - score.max())
    chosen = np.random.default_rng(0).choice(len(states), count, p=p / p.sum())
    return np.asarray(to_uint8(field.decode(jnp.asarray(states[chosen]))))


def fit(method, batch, steps):
    def all_steps():
        state = method.init(KEY, batch, {})
        return jax.lax.scan(lambda s, _: method.step(s, batch), state, None, length=steps)

    return jax.jit(all_steps)()


@pytest.mark.parametrize("objective", ["pseudo_likelihood", pytest.param("persistent", marks=pytest.mark.long)])
def test_couplings_of_a_known_ising_field_are_recovered(objective):
    known = {
        "field": jnp.asarray(np.random.default_rng(1).normal(size=(*SHAPE, 2)) * 0.3, jnp.float32),
        "couplings": jnp.asarray(np.random.default_rng(2).uniform(-1.0, 1.0, (2, *SHAPE)), jnp.float32),
    }
    field = potts(SHAPE)
    image = exact_samples(field, known, 2, 2000)
    tx = optax.adam(optax.cosine_decay_schedule(0.06, 150))
    method = random_field(field, tx, image=(*SHAPE, 1), objective=objective)
    state, _ = fit(method, {"image": image}, 150)
    found = state.params["field"]
    pairs = [(0, np.s_[:, :-1]), (1, np.s_[:-1, :])]
    error = np.concatenate([np.ravel(found["couplings"][o][s] - known["couplings"][o][s]) for o, s in pairs])
    # 2,000 examples give a coupling to about 0.1.
    assert np.sqrt(np.mean(error**2)) < 0.17
    lean = found["field"][..., 1] - found["field"][..., 0] - (known["field"][..., 1] - known["field"][..., 0])
    assert np.sqrt(np.mean(np.square(lean))) < 0.25
    gained = method.tasks["log_prob"].fn(weights(state), jax.random.split(KEY, 2000), {"image": to_float(image)})
    truth = field.score(known, field.encode(to_float(image))) - field.log_partition(known)
    assert float(np.mean(gained["log_prob"])) == pytest.approx(float(np.mean(truth)), abs=0.04)


def test_shared_potts_coupling_is_recovered():
    field = potts(SHAPE, shared=True)
    known = {"field": jnp.zeros((1, 1, 2)), "couplings": jnp.asarray([[[0.8]], [[-0.4]]])}
    image = exact_samples(field, known, 2, 3000)
    method = random_field(field, optax.adam(0.05), image=(*SHAPE, 1))
    state, _ = fit(method, {"image": image}, 150)
    np.testing.assert_allclose(state.params["field"]["couplings"].ravel(), [0.8, -0.4], atol=0.05)


def test_denoising_a_smooth_field_removes_most_of_the_noise():
    shape = (16, 16)
    field = potts(shape)
    known = {"field": jnp.zeros((*shape, 2)), "couplings": jnp.full((2, *shape), 1.6)}
    keys = jax.random.split(KEY, 32)
    clean, _ = jax.jit(lambda k: gibbs(lambda x, k: field.draw(known, x, k, None), field.begin(k), k, 100))(keys)
    image = field.decode(clean)
    method = random_field(field, optax.adam(1e-3), image=(*shape, 1), sampler=dict(noise=0.15, denoise_sweeps=40))
    state = jax.jit(method.init)(KEY, {"image": to_uint8(image)}, {})
    state = state.replace(params={"field": known})
    noisy = method.tasks["corrupt"].fn(weights(state), keys, {"image": image})["image"]
    found = jax.jit(method.tasks["denoise"].fn)(weights(state), keys, {"image": noisy})["image"]
    before, after = (float(np.mean(np.asarray(x) == np.asarray(image))) for x in (noisy, found))
    assert before == pytest.approx(0.85, abs=0.02)
    assert after > 0.93


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(objective="pseudolikelihood"), "pseudo_likelihood"),
        (dict(image=(4, 4, 3)), "data.channels=1"),
        (dict(sweeps=0), "sweeps"),
        (dict(sampler=dict(noise=0.0)), "noise"),
        (dict(sampler=dict(burn=60)), "burn"),
        (dict(sampler=dict(sweep=3)), "sweeps"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        random_field(potts(SHAPE), optax.adam(1e-3), **{**dict(image=(*SHAPE, 1)), **wrong})
