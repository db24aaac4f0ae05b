"""Intervals, tests of copying and of collapse, and the perceptual distance: against known laws and scipy."""

import math

import numpy as np
import pytest

from jaxgen import evals
from jaxgen.core import UserError
from jaxgen.evals import bootstrap, perceptual


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_interval_of_a_mean_is_the_textbook_one():
    x = normal(0, 400)
    found = evals.interval(bootstrap.mean(x), 400, draws=2000)
    reach = 1.96 * x.std() / 20
    assert (found.low + found.high) / 2 == pytest.approx(x.mean())
    assert (found.high - found.low) / 2 == pytest.approx(reach, rel=0.05)


def test_intervals_cover_as_often_as_they_say():
    """The kernel distance of two equal laws is 0; 95 % intervals should hold it about 95 times in 100."""
    reals, held = normal(0, 800, 4), 0
    for seed in range(100):
        values = evals.contributions(reals, normal(seed + 1, 80, 4))
        found = evals.interval(bootstrap.mean(values), 80, draws=60, seed=seed)
        held += found.low <= 0 <= found.high
    assert 85 <= held <= 99


def test_contributions_average_to_the_distance():
    x, y = normal(0, 30, 3), normal(1, 41, 3)
    assert evals.contributions(x, y, chunk=16).mean() == pytest.approx(evals.discrepancy(x, y), rel=1e-12)


@pytest.mark.parametrize("kind", ["frechet", "frechet of few", "score"])
def test_weights_mean_repeats(kind):
    x, p = normal(0, 12, 15 if "few" in kind else 3), np.random.default_rng(0).dirichlet(np.ones(3), 12)
    counts = next(bootstrap.counts(12, 1))
    assert counts.sum() == 12
    again = np.repeat(np.arange(12), counts.astype(int))
    if kind.startswith("frechet"):
        reference = evals.measure(evals.moments(), normal(1, 50, x.shape[1]))
        weighted = bootstrap.frechet(reference, x)(counts)
        repeated = evals.measure(evals.frechet(reference), x[again]).distance
    else:
        weighted = bootstrap.inception_score(p)(counts)
        repeated = evals.measure(evals.inception_score(), p[again]).score
    assert weighted == pytest.approx(repeated, rel=1e-6)


def test_ranks_agree_with_scipy():
    from scipy.stats import mannwhitneyu

    d, e = normal(0, 40).round(1), normal(1, 55).round(1) + 0.3
    found = evals.smaller(d, e)
    theirs = mannwhitneyu(e, d, alternative="greater", use_continuity=False, method="asymptotic")
    assert found.share == pytest.approx(theirs.statistic / (40 * 55))
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert evals.smaller([1, 1], [1, 1, 1]) == (0.5, 0.0, 0.5)
    assert evals.smaller(np.zeros(50), np.ones(50)).p < 1e-9
    with pytest.raises(UserError, match="both sides"):
        evals.smaller([], [1])


def test_the_birthday_test_counts_the_days_of_a_year():
    days = np.random.default_rng(0).integers(0, 365, (2000, 1))
    found = evals.measure(evals.birthday(chunk=300), days)
    assert found.support == pytest.approx(365, rel=0.1)
    x = normal(0, 50, 8)
    x[37] = x[11] + 1e-3
    found = evals.measure(evals.birthday(radius=0.1, chunk=16), x)
    assert found.pairs == 1
    assert found.closest[0].tolist() == [11, 37]
    assert found.smallest == pytest.approx(1e-3 * math.sqrt(8), rel=1e-4)
    assert (np.diff(found.distances) >= 0).all()
    assert math.isinf(evals.measure(evals.birthday(), x).support)
    with pytest.raises(UserError, match="at least 2"):
        evals.measure(evals.birthday(), x[:1])


def test_shares_are_the_means_of_the_members():
    x, y = normal(0, 40, 3), 0.7 * normal(1, 30, 3)
    found = evals.members(x, y, 3)
    assert (len(found.inside), len(found.recalled)) == (30, 40)
    assert found.shares() == evals.compare(x, y, 3)


def test_singular_covariances_give_real_distances():
    """Ten examples of a known difference in a plane of a 64-dimensional space: the Gaussians differ only there."""
    basis = np.linalg.qr(normal(0, 64, 2))[0]
    x = normal(1, 10, 2)
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T)).T)
    fit = evals.moments()
    a, b = evals.measure(fit, x @ basis.T), evals.measure(fit, (3 * x + 1) @ basis.T)
    found = evals.between(a, b)
    assert found.means == pytest.approx(2)
    assert found.covariances == pytest.approx(2 * (3 - 1) ** 2)
    assert "10 examples for 64 features" in found.warning
    unknown = evals.Moments(0, b.mean, b.covariance)
    assert evals.between(unknown, unknown) == (pytest.approx(0, abs=1e-9), 0, pytest.approx(0, abs=1e-9), "", 64)


def test_the_video_distance_refuses_what_are_no_clips():
    reference = evals.measure(evals.moments(), normal(0, 9, 2))
    metric = evals.fvd(reference, lambda x: x.mean((1, 2, 3))[:, :2], frames=4)
    assert evals.measure(metric, normal(1, 6, 4, 2, 2, 2)).distance > 0
    with pytest.raises(UserError, match="clips"):
        evals.measure(metric, normal(1, 6, 3, 2, 2, 2))


def test_the_perceptual_distance_of_maps_at_right_angles():
    """Unit vectors at right angles differ by (1, -1): the head's weights add up; length plays no part."""
    x = {"a": np.tile([3.0, 0.0], (2, 4, 4, 1)), "b": np.tile([0.0, 0.0, 5.0], (2, 2, 2, 1))}
    y = {"a": np.tile([0.0, 0.5], (2, 4, 4, 1)), "b": x["b"] * 7}
    heads = {"a": np.array([0.25, 0.5]), "b": np.ones(3)}
    np.testing.assert_allclose(perceptual.distance(x, y, heads), 0.75, rtol=1e-6)
    black, white = np.zeros((3, 2, 2, 1)), np.ones((3, 2, 2, 1))
    found = evals.measure(evals.lpips(lambda x, y: np.abs(x - y).mean((1, 2, 3))), black, white)
    assert found == (3, 1.0, 0.0)
    with pytest.raises(UserError, match="alike"):
        evals.measure(evals.lpips(lambda x, y: x), np.zeros((3, 2, 2, 1)), np.zeros((3, 2, 1, 1)))
