"""Evaluations against closed forms, scikit-learn and scipy, known limits, and any batch size."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import evals
from jaxgen.core import UserError


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def simplex(seed, n, k):
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)


METRICS = {
    "moments": (lambda: evals.moments(), (normal(0, 37, 5),)),
    "frechet": (lambda: evals.frechet(evals.measure(evals.moments(), normal(1, 50, 5))), (normal(0, 37, 5),)),
    "kid": (lambda: evals.kid(normal(1, 20, 5)), (normal(0, 37, 5),)),
    "kid subsets": (lambda: evals.kid(normal(1, 20, 5), subsets=3, subset_size=10), (normal(0, 37, 5),)),
    "kid legacy": (
        lambda: evals.kid(normal(1, 20, 5), subsets=3, subset_size=10, draw=evals.legacy_subsets),
        (normal(0, 37, 5),),
    ),
    "manifolds": (lambda: evals.manifolds(normal(1, 20, 5)), (normal(0, 37, 5),)),
    "classes": (lambda: evals.classes(), (simplex(0, 37, 4),)),
    "inception score": (lambda: evals.inception_score(splits=3), (simplex(0, 37, 4),)),
    "inception score in blocks": (lambda: evals.inception_score(split_size=10), (simplex(0, 37, 4),)),
    "birthday": (lambda: evals.birthday(radius=1.5, show=4, chunk=8), (normal(0, 37, 5),)),
    "fvd": (
        lambda: evals.fvd(evals.measure(evals.moments(), normal(1, 50, 6)), lambda x: x.reshape(len(x), -1)),
        (normal(0, 37, 2, 1, 1, 3),),
    ),
    "lpips": (
        lambda: evals.lpips(lambda x, y: abs(x - y).mean((1, 2, 3))),
        (normal(0, 9, 2, 2, 1), normal(1, 9, 2, 2, 1)),
    ),
    "nearest": (lambda: evals.nearest(normal(1, 20, 5)), (normal(0, 37, 5),)),
    "duplicates": (lambda: evals.duplicates(), (normal(0, 37, 5).round(0)[:, :1],)),
    "likelihood": (lambda: evals.likelihood(64), (normal(0, 37),)),
    "fidelity": (lambda: evals.fidelity(data_range=1.0), (normal(0, 7, 12, 12, 1), normal(1, 7, 12, 12, 1))),
}


def leaves(result):
    return [np.asarray(v, np.float64) for v in result if not isinstance(v, str)]


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=5, deadline=None)
@given(size=st.integers(1, 40))
def test_results_do_not_depend_on_the_batch_size(name, size):
    make, arrays = METRICS[name]
    whole, parts = evals.measure(make(), *arrays, size=1000), evals.measure(make(), *arrays, size=size)
    for a, b in zip(leaves(whole), leaves(parts)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_frechet_between_gaussians_with_known_distance():
    """Axis-parallel Gaussians: |m1 - m2|^2 + sum (s1 - s2)^2, the same in any rotated frame."""
    rotation = np.linalg.qr(normal(3, 4, 4))[0]
    a, b = np.array([1.0, 2.0, 3.0, 0.0]), np.array([2.0, 0.5, 3.0, 1.0])
    first = evals.Moments(101, np.zeros(4), 100 * rotation @ np.diag(a**2) @ rotation.T)
    second = evals.Moments(101, np.full(4, 0.5), 100 * rotation @ np.diag(b**2) @ rotation.T)
    result = evals.between(first, second)
    assert result.means == pytest.approx(1.0)
    assert result.covariances == pytest.approx(((a - b) ** 2).sum())
    assert not result.warning


def test_frechet_agrees_with_the_matrix_square_root_of_scipy():
    from scipy.linalg import sqrtm

    x, y = normal(0, 60, 6) @ normal(1, 6, 6), normal(2, 70, 6) + 0.3
    s, t = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t)).real
    result = evals.measure(evals.frechet(evals.measure(evals.moments(), x)), y)
    assert result.distance == pytest.approx(expected, rel=1e-9)


def test_frechet_of_a_set_to_itself_is_zero_and_few_examples_only_warn():
    x = normal(0, 10, 32)
    same = evals.measure(evals.frechet(evals.measure(evals.moments(), x)), x)
    assert 0 <= same.distance < 1e-9
    assert "10 examples for 32 features" in same.warning
    other = evals.measure(evals.frechet(evals.measure(evals.moments(), x)), normal(1, 5, 32))
    assert math.isfinite(other.distance)
    assert other.distance > 1
    constant = evals.measure(evals.frechet(evals.measure(evals.moments(), np.ones((3, 4)))), np.zeros((3, 4)))
    assert constant.distance == pytest.approx(4.0)


def test_kid_agrees_with_scikit_learn_and_is_unbiased():
    from sklearn.metrics.pairwise import polynomial_kernel

    x, y = normal(0, 9, 4), normal(1, 8, 4) + 1

    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    kernels = [polynomial_kernel(a, b, degree=3, gamma=1 / 4, coef0=1) for a, b in ((x, x), (y, y), (x, y))]
    expected = off_diagonal(kernels[0]) + off_diagonal(kernels[1]) - 2 * kernels[2].mean()
    assert evals.discrepancy(x, y) == pytest.approx(expected, rel=1e-12)
    # Two sets of one law: values of both signs whose mean is zero within its own error, even for tiny sets.
    values = np.array([evals.discrepancy(normal(2 * i, 6, 3), normal(2 * i + 1, 6, 3)) for i in range(200)])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(200)
    assert (values < 0).any()
    assert evals.measure(evals.kid(x, subsets=4, subset_size=5), y).deviation > 0


def test_manifolds_of_equal_and_of_distant_sets():
    x = normal(0, 40, 3)
    assert evals.compare(x, x) == (1.0, 1.0, pytest.approx(1.0), 1.0)
    assert evals.compare(x, x + 100) == (0, 0, 0, 0)
    half = np.concatenate([x[:20], x[20:] + 100])
    result = evals.compare(x, half)
    assert result.precision == 0.5
    assert 0.5 <= result.coverage < 1


def test_manifolds_agree_with_scikit_learn_neighbours():
    from sklearn.neighbors import NearestNeighbors

    x, y, k = normal(0, 50, 2), 0.8 * normal(1, 60, 2) + 0.5, 4

    def balls(a):
        return NearestNeighbors(n_neighbors=k).fit(a).kneighbors()[0][:, -1]

    distances = np.linalg.norm(x[:, None] - y[None], axis=2)
    in_real, in_sample = distances <= balls(x)[:, None], distances <= balls(y)[None]
    result = evals.measure(evals.manifolds(x, k=k), y, size=7)
    assert result.precision == pytest.approx(in_real.any(0).mean())
    assert result.recall == pytest.approx(in_sample.any(1).mean())
    assert result.density == pytest.approx(in_real.sum() / (k * len(y)))
    assert result.coverage == pytest.approx(in_real.any(1).mean())


def test_the_inception_score_at_its_limits():
    assert evals.measure(evals.inception_score(), np.eye(5)).score == pytest.approx(5)
    assert evals.measure(evals.inception_score(), np.tile(simplex(0, 1, 5), (9, 1))).score == pytest.approx(1)


def test_classes_count_shares_confidence_and_gaps():
    p = np.array([[0.95, 0.05, 0.0], [0.9, 0.1, 0.0], [0.3, 0.7, 0.0], [0.6, 0.4, 0.0]], np.float32)
    result = evals.measure(evals.classes(), p)
    np.testing.assert_allclose(result.shares, [0.75, 0.25, 0])
    assert (result.confident, result.smallest, result.missing, result.examples) == (0.5, 0, (2,), 4)
    with pytest.raises(UserError, match="not probabilities"):
        evals.measure(evals.classes(), 3 * p)


def test_copies_are_found():
    train, fresh = normal(0, 200, 16), normal(1, 30, 16)
    copies = train[50:60] + 1e-3 * normal(2, 10, 16)
    result = evals.measure(evals.nearest(train), np.concatenate([fresh, copies, train[:10]]))
    assert result.copied == pytest.approx(20 / 50)
    np.testing.assert_array_equal(result.indices[30:40], np.arange(50, 60))
    np.testing.assert_allclose(result.distances[40:], 0, atol=1e-6)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), np.uint8)
    twice = evals.measure(evals.nearest(np.concatenate([pixels, pixels])), pixels)
    assert twice.copied == 1
    assert evals.measure(evals.duplicates(), np.concatenate([pixels, pixels[:3], pixels[:1]])) == (0.25, 3)


def test_likelihood_of_a_uniform_density_is_eight_bits():
    nats = np.full(5, -12 * math.log(256.0))
    result = evals.measure(evals.likelihood(12), nats)
    assert result.bits_per_dim == pytest.approx(8)
    assert result.standard_error == pytest.approx(0)
    # The same uniform law as a density over [-1, 1]: log(1/2) per number, levels 2/256 apart.
    assert evals.bits_per_dim(12 * math.log(0.5), 12, width=2 / 256) == pytest.approx(8)
    metric = evals.likelihood(12)
    state = metric.update(metric.init(), np.array([1.0, 2.0, 99.0]), np.array([True, True, False]))
    result = metric.finish(state)
    assert (result.examples, result.nats) == (2, pytest.approx(1.5))
    assert result.standard_error == pytest.approx(np.std([1, 2], ddof=1) / math.sqrt(2))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        evals.measure(evals.moments(), np.array([[np.nan]]))
    with pytest.raises(UserError, match="no samples"):
        evals.run(evals.kid(normal(0, 4, 2)), [])


def test_the_digits_judge_knows_digits_and_doubts_noise():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    judge = evals.sklearn_digits_judge()
    p = judge.probabilities(images[1437:])
    assert (p.argmax(1) == bunch.target[1437:]).mean() > 0.92
    real = evals.measure(evals.classes(judge.probabilities), images[1437:])
    noise = np.random.default_rng(3).integers(0, 256, (200, 8, 8, 1), dtype=np.uint8)
    assert real.confident > 0.7
    assert evals.measure(evals.classes(judge.probabilities), noise).confident < 0.05
    assert judge.features(images[:3]).shape == (3, 128)
    with pytest.raises(UserError, match="shape"):
        judge.probabilities(np.zeros((2, 9, 9, 1), np.uint8))
