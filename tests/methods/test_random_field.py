"""Random fields recover the couplings of a known field, and clean pictures that were drawn from it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import chi2

from jaxgen.core import UserError, weights
from jaxgen.methods.random_field import random_field
from jaxgen.objectives.fields import gaussian, potts
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


def pairs(shape):
    """For the two nearest neighbours: offset, where its couplings stand, and the numbers of the pixels of each pair."""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    return [
        (0, np.s_[:, :-1], number[:, :-1].ravel(), number[:, 1:].ravel()),
        (1, np.s_[:-1, :], number[:-1].ravel(), number[1:].ravel()),
    ]


def known_gaussian(shape):
    """Parameters of a field whose values stay within [-1, 1]: deviations of about 0.15 around means up to 0.2."""
    rng = np.random.default_rng(3)
    return {
        "mean": rng.uniform(-0.2, 0.2, shape),
        "log_precision": np.log(25) + 0.2 * rng.normal(size=shape),
        "couplings": rng.uniform(0.2, 1.0, (2, *shape)) * rng.choice([-1, 1], (2, *shape), p=[0.3, 0.7]),
    }


def free(params):
    """Log-precisions, then the couplings of the pairs on the grid, as one vector."""
    couplings = [np.ravel(params["couplings"][o][s]) for o, s, *_ in pairs(params["mean"].shape)]
    return np.concatenate([np.ravel(params["log_precision"]), *couplings])


def precision(params):
    """The precision matrix Q [D, D] of the field, and its derivatives [P, D, D] along `free`."""
    scale = np.exp(0.5 * params["log_precision"]).ravel()
    unit = np.eye(scale.size)
    sides, slopes = np.eye(scale.size), []
    for o, s, left, right in pairs(params["mean"].shape):
        for c, i, j in zip(params["couplings"][o][s].ravel(), left, right, strict=True):
            across = np.outer(unit[i], unit[j])
            slope = np.sign(c) * np.diag(unit[i] + unit[j]) - across - across.T
            sides = sides + c * slope
            slopes.append(scale[:, None] * slope * scale)
    matrix = scale[:, None] * sides * scale
    own = [0.5 * (np.diag(e) @ matrix + matrix @ np.diag(e)) for e in unit]
    return matrix, np.stack([*own, *slopes])


def informations(params, objective):
    """(J, H): covariance of the objective's gradient at the truth for one example, and its mean curvature.

    Estimates from N examples have the covariance H^-1 J H^-1 / N. Both objectives are -1/2 y' A y + a constant in y, so
    that J_ab = tr(dA_a S dA_b S) / 2, with S the covariance. Likelihood: A = Q, H = J. Pseudo-likelihood: A = Q D^-1 Q
    with D the diagonal of Q; H is the sum of the informations of the pixels' conditional distributions.
    """
    matrix, slopes = precision(params)
    covariance = np.linalg.inv(matrix)

    def half_traces(parts):
        parts = parts @ covariance
        return 0.5 * parts.reshape(len(parts), -1) @ np.swapaxes(parts, 1, 2).reshape(len(parts), -1).T

    if objective == "persistent":
        return half_traces(slopes), half_traces(slopes)
    d, sides = np.diagonal(matrix), np.diagonal(slopes, axis1=1, axis2=2)
    weighted = slopes / d @ matrix
    pulls = weighted + np.swapaxes(weighted, 1, 2) - (matrix / d) @ (sides[:, :, None] / d[:, None] * matrix)
    lines = np.einsum("aij,jk,bik,i->ab", slopes, covariance, slopes, 1 / d, optimize=True)
    return half_traces(pulls), lines - 0.5 * (sides / d) @ (sides / d).T


@pytest.mark.parametrize(
    ("shape", "objective", "count", "steps"),
    [
        ((4, 4), "pseudo_likelihood", 1000, 200),
        pytest.param((8, 8), "pseudo_likelihood", 2000, 400, marks=pytest.mark.long),
        pytest.param((8, 8), "persistent", 2000, 400, marks=pytest.mark.long),
    ],
)
def test_a_known_gaussian_field_is_recovered_as_well_as_theory_allows(shape, objective, count, steps):
    known, dims = known_gaussian(shape), shape[0] * shape[1]
    matrix, _ = precision(known)
    noise = np.random.default_rng(4).normal(size=(dims, count))
    values = np.linalg.solve(np.linalg.cholesky(matrix).T, noise).T.reshape(-1, *shape) + known["mean"]
    assert np.abs(values).max() < 1  # nothing is clipped
    image = np.asarray(to_uint8(jnp.asarray(values[..., None])))
    tx = optax.adam(optax.cosine_decay_schedule(0.05, steps))
    method = random_field(gaussian(shape), tx, image=(*shape, 1), objective=objective)
    state, _ = fit(method, {"image": image}, steps)
    found = jax.tree.map(np.asarray, state.params["field"])
    j, h = informations(known, objective)
    error, lean = free(found) - free(known), (found["mean"] - known["mean"]).ravel()
    # Standard errors are far below what there is to find.
    expected = np.diagonal(np.linalg.solve(h, np.linalg.solve(h, j).T)) / count
    assert np.mean(expected[dims:]) < (0.3 * np.std(free(known)[dims:])) ** 2
    # In units of their covariances the squared errors are chi-squared; that of the mean is S / N. Chains are a sample
    # of the same size, which at most doubles both (Geyer 1994).
    most = 1 if objective == "pseudo_likelihood" else 2
    low, high = chi2.ppf([1e-4, 1 - 1e-4], error.size)
    assert low < count * error @ h @ np.linalg.solve(j, h @ error) < most * high
    assert count * lean @ matrix @ lean < most * chi2.ppf(1 - 1e-4, dims)


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
