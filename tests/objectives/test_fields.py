"""Random fields against sums over all states of small grids."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.objectives.fields import NEAREST, gaussian, potts
from jaxgen.samplers.gibbs import gibbs

KEY = jax.random.key(0)
GRIDS = [((3, 3), 2), ((4, 4), 2), ((3, 3), 3)]


def random_params(shape, levels, offsets=NEAREST, seed=0):
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(*shape, levels)).astype(np.float32) * 0.5
    return {"field": field, "couplings": rng.normal(size=(len(offsets), *shape)).astype(np.float32) * 0.6}


def every_state(shape, levels):
    """All states [levels^(H W), H, W]."""
    states = np.indices((levels,) * math.prod(shape), dtype=np.int8).reshape(math.prod(shape), -1).T
    return np.ascontiguousarray(states).reshape(-1, *shape).astype(np.int32)


def by_hand(params, states, offsets=NEAREST):
    """Unnormalised log-probabilities, pair by pair, in float64."""
    height, width = states.shape[1:]
    total = np.zeros(len(states))
    for i, j in itertools.product(range(height), range(width)):
        total += params["field"][i, j].astype(float)[states[:, i, j]]
        for o, (rows, columns) in enumerate(offsets):
            k, m = i + rows, j + columns
            if 0 <= k < height and 0 <= m < width:
                total += float(params["couplings"][o, i, j]) * (states[:, i, j] == states[:, k, m])
    return total


def probabilities(params, states, offsets=NEAREST):
    total = by_hand(params, states, offsets)
    weight = np.exp(total - total.max())
    return weight / weight.sum(), total.max() + np.log(weight.sum())


@pytest.mark.parametrize(("shape", "levels"), GRIDS)
def test_partition_function_and_marginals_by_enumeration(shape, levels):
    field, params = potts(shape, levels=levels), random_params(shape, levels)
    states = every_state(shape, levels)
    p, log_z = probabilities(params, states)
    np.testing.assert_allclose(jax.jit(field.score)(params, states), by_hand(params, states), atol=2e-5)
    value, slope = jax.jit(jax.value_and_grad(field.log_partition))(params)
    assert value == pytest.approx(log_z, abs=1e-4)
    # The gradient of log Z is the expectation of the features: marginals of pixels and of pairs.
    marginals = np.stack([np.tensordot(p, states == q, 1) for q in range(levels)], axis=-1)
    np.testing.assert_allclose(slope["field"], marginals, atol=1e-4)
    across = np.tensordot(p, states[:, :, :-1] == states[:, :, 1:], 1)
    np.testing.assert_allclose(slope["couplings"][0, :, :-1], across, atol=1e-4)
    down = np.tensordot(p, states[:, :-1] == states[:, 1:], 1)
    np.testing.assert_allclose(slope["couplings"][1, :-1], down, atol=1e-4)
    np.testing.assert_array_equal(slope["couplings"][0, :, -1], 0)


@pytest.mark.parametrize(
    ("shape", "levels", "offsets"),
    [((3, 4), 2, NEAREST), ((3, 4), 2, ((0, 1), (1, 0), (1, 2), (-2, 1), (0, 3))), ((3, 3), 3, NEAREST)],
)
def test_conditionals_by_enumeration(shape, levels, offsets):
    field, params = potts(shape, levels=levels, offsets=offsets), random_params(shape, levels, offsets)
    states = every_state(shape, levels)
    p, _ = probabilities(params, states, offsets)
    x = states[[5, 1234, 4000]]
    found = np.exp(field.site_log_prob(params, x))
    code = levels ** np.arange(math.prod(shape) - 1, -1, -1).reshape(shape)
    for n, i, j in itertools.product(range(3), *map(range, shape)):
        here = int(np.sum(x[n] * code))
        alike = [here + (q - int(x[n, i, j])) * int(code[i, j]) for q in range(levels)]
        assert found[n, i, j] == pytest.approx(p[here] / p[alike].sum(), abs=1e-5)


@pytest.mark.parametrize(("shape", "levels"), [((4, 4), 2), ((3, 3), 3)])
def test_gibbs_chains_reach_the_exact_marginals(shape, levels):
    field, params = potts(shape, levels=levels), random_params(shape, levels)
    states = every_state(shape, levels)
    p, _ = probabilities(params, states)
    keys = jax.random.split(KEY, 256)

    @jax.jit
    def chains(keys):
        return gibbs(
            lambda x, k: field.draw(params, x, k, None),
            field.begin(keys),
            keys,
            220,
            collect=lambda x: jax.nn.one_hot(x, levels),
            burn=20,
        )

    x, shares = chains(keys)
    marginals = np.stack([np.tensordot(p, states == q, 1) for q in range(levels)], axis=-1)
    np.testing.assert_allclose(np.mean(shares, axis=0), marginals, atol=0.02)
    equal = np.tensordot(p, states[:, :, :-1] == states[:, :, 1:], 1)
    np.testing.assert_allclose(np.mean(x[:, :, :-1] == x[:, :, 1:], axis=0), equal, atol=0.12)


def test_posterior_marginals_of_a_noisy_picture():
    field, params = potts((3, 3)), random_params((3, 3), 2)
    states = every_state((3, 3), 2)
    noisy = np.array([[[0, 1, 1], [1, 1, 0], [0, 0, 1]]], np.int32)
    flips = np.sum(states != noisy, axis=(1, 2))
    p, _ = probabilities(params, states)
    posterior = p * 0.2**flips * 0.8 ** (9 - flips)
    marginals = np.tensordot(posterior / posterior.sum(), states, 1)
    evidence = field.evidence(noisy, 0.2)
    keys = jax.random.split(KEY, 64)
    _, shares = gibbs(
        lambda x, k: field.draw(params, x, k, evidence),
        field.begin(keys),
        keys,
        220,
        collect=lambda x: field.expect(params, x, evidence),
        burn=20,
    )
    np.testing.assert_allclose(np.mean(shares[..., 1], axis=0), marginals, atol=0.02)


def gaussian_params(shape, seed=0):
    rng = np.random.default_rng(seed)
    params = {"mean": rng.normal(size=shape), "log_precision": rng.normal(size=shape) * 0.3}
    params["couplings"] = rng.normal(size=(2, *shape))
    return {name: value.astype(np.float32) for name, value in params.items()}


def precision_by_hand(params):
    """The precision matrix from eq. (3), one square at a time."""
    height, width = params["mean"].shape
    index = np.arange(height * width).reshape(height, width)
    scale = np.exp(0.5 * params["log_precision"].astype(float)).ravel()
    matrix = np.diag(scale**2)
    for o, (rows, columns) in enumerate(NEAREST):
        for i, j in itertools.product(range(height - rows), range(width - columns)):
            c, a, b = float(params["couplings"][o, i, j]), index[i, j], index[i + rows, j + columns]
            direction = np.zeros(height * width)
            direction[a], direction[b] = scale[a], -np.sign(c) * scale[b]
            matrix += abs(c) * np.outer(direction, direction)
    return matrix


def test_gaussian_field_is_the_normal_distribution_of_its_precision():
    from scipy.stats import multivariate_normal

    shape, params = (3, 4), gaussian_params((3, 4))
    field, matrix = gaussian(shape), precision_by_hand(params)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    normal = multivariate_normal(params["mean"].ravel().astype(float), np.linalg.inv(matrix))
    found = field.score(params, x) - field.log_partition(params)
    np.testing.assert_allclose(found, normal.logpdf(x.reshape(5, -1)), atol=1e-3)
    # The conditional of one pixel: its precision is the diagonal of the matrix, its mean the regression on the others.
    y = x.reshape(5, -1) - params["mean"].ravel()
    lean = -(y @ matrix - y * matrix.diagonal()) / matrix.diagonal()
    wanted = 0.5 * np.log(matrix.diagonal() / (2 * np.pi)) - 0.5 * matrix.diagonal() * (y - lean) ** 2
    np.testing.assert_allclose(field.site_log_prob(params, x).reshape(5, -1), wanted, atol=1e-4)


def test_gaussian_chains_and_posterior_means():
    shape, params, noise = (3, 4), gaussian_params((3, 4)), 0.7
    field, matrix = gaussian(shape), precision_by_hand(params)
    keys = jax.random.split(KEY, 4000)
    x, _ = jax.jit(lambda k: gibbs(lambda x, k: field.draw(params, x, k, None), field.begin(k), k, 40))(keys)
    np.testing.assert_allclose(np.cov(x.reshape(4000, -1).T), np.linalg.inv(matrix), atol=0.06)
    noisy = np.random.default_rng(2).normal(size=(1, *shape)).astype(np.float32)
    evidence = field.evidence(noisy, noise)
    mean = params["mean"].ravel()
    wanted = np.linalg.solve(matrix + np.eye(12) / noise**2, matrix @ mean + noisy.ravel() / noise**2)
    _, found = jax.jit(
        lambda k: gibbs(
            lambda x, k: field.draw(params, x, k, evidence),
            jnp.broadcast_to(noisy, (64, *shape)),
            k,
            120,
            collect=lambda x: field.expect(params, x, evidence),
            burn=20,
        )
    )(keys[:64])
    np.testing.assert_allclose(np.mean(found, axis=0).ravel(), wanted, atol=0.03)


def test_a_gaussian_field_is_learned_from_noise_of_the_floors_variance():
    x, keys = jnp.full((4000, 2, 2), 0.3), jax.random.split(KEY, 4000)
    assert gaussian((2, 2)).seen(x, keys) is x
    seen = gaussian((2, 2), floor=0.04).seen(x, keys)
    np.testing.assert_allclose(np.mean(seen, axis=0), 0.3, atol=5 * 0.2 / 4000**0.5)
    # The variance of a variance of n normal numbers is 2 / n of its square.
    np.testing.assert_allclose(np.cov(seen.reshape(4000, -1).T), 0.04 * np.eye(4), atol=5 * 0.04 * (2 / 4000) ** 0.5)
    with pytest.raises(UserError, match="floor"):
        gaussian((2, 2), floor=-1.0)


@pytest.mark.parametrize("levels", [2, 3, 16])
def test_symbols_survive_the_way_through_pictures(levels):
    field = potts((4, 4), levels=levels)
    x = jax.random.randint(KEY, (6, 4, 4), 0, levels)
    np.testing.assert_array_equal(field.encode(field.decode(x)), x)
    noisy = field.corrupt(x, jax.random.split(KEY, 6), 0.999)
    assert np.mean(np.asarray(noisy) != x) > 0.95
    assert np.min(noisy) >= 0
    assert np.max(noisy) < levels


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(offsets=((1, 1),)), "odd sum"),
        (dict(offsets=((0, 1), (0, -1))), "twice"),
        (dict(offsets=((0, 5),)), "beyond"),
        (dict(offsets=()), "odd sum"),
        (dict(levels=1), "levels"),
    ],
)
def test_fields_that_make_no_checkerboard_are_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        potts((4, 4), **wrong)
