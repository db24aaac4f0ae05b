"""Figures of clips against cases with known answers."""

import numpy as np
import pytest

from jaxgen import evals
from jaxgen.core import UserError

RNG = np.random.default_rng(0)


def test_forecast_errors_are_means_per_clip_and_lead():
    truth = np.full((2, 3, 4, 4, 1), 100, np.uint8)
    guess = truth.copy()
    guess[0, 1] += 15
    guess[1, 2, :2] -= 30  # half of the pixels
    found = evals.forecast_errors(guess, truth, 150.0)
    np.testing.assert_allclose(found, [[0, 0.01, 0], [0, 0, 0.02]], atol=1e-7)
    with pytest.raises(UserError, match="cannot be compared"):
        evals.forecast_errors(guess[:, :2], truth)


def test_persistence_repeats_the_last_frame_seen():
    seen = np.arange(3, dtype=np.uint8).reshape(1, 3, 1, 1, 1)
    truth = np.array([2, 5, 12], np.uint8).reshape(1, 3, 1, 1, 1)
    np.testing.assert_allclose(evals.persistence_errors(seen, truth, 1.0), [[0, 9, 100]])


def scene(colours, length=4, drift=0):
    """One square per clip on white; it moves, and changes its colour by `drift` levels of red per frame."""
    clips = np.full((len(colours), length, 16, 16, 3), 255, np.uint8)
    for clip, colour in zip(clips, colours):
        for t, frame in enumerate(clip):
            frame[4:12, 2 + t : 10 + t] = np.add(colour, [drift * t, 0, 0])
    return clips


def test_clips_that_keep_their_content_have_ratio_zero_and_noise_has_one():
    colours = RNG.integers(0, 200, (12, 3))
    kept = evals.content(scene(colours))
    assert kept.ratio < 1e-6
    assert kept.between > 10
    assert kept.motion > 1
    assert evals.content(RNG.integers(0, 256, (40, 6, 16, 16, 3), dtype=np.uint8)).ratio == pytest.approx(1.0, abs=0.02)
    still = evals.content(np.repeat(scene(colours)[:, :1], 4, axis=1))
    assert (still.within, still.motion) == (0, 0)


def test_content_distances_are_distances_of_colours():
    """Only the two middle bands hold the square, so distances are sqrt(2) times those of the colours."""
    found = evals.content(scene([(100, 50, 50), (160, 50, 50)], drift=6))
    within = 6 * np.mean([j - i for i in range(4) for j in range(i + 1, 4)])
    between = np.mean([abs(60 + 6 * (j - i)) for i in range(4) for j in range(4)])
    assert found.within == pytest.approx(np.sqrt(2) * within, rel=1e-4)
    assert found.between == pytest.approx(np.sqrt(2) * between, rel=1e-4)


def test_too_few_clips_or_frames():
    for clips in (scene([(0, 0, 0)]), scene([(0, 0, 0)] * 3, length=1), scene([(0, 0, 0)] * 3)[0]):
        with pytest.raises(UserError, match="two clips"):
            evals.content(clips)
