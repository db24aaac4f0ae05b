"""PSNR and SSIM against closed forms and figures of scikit-image 0.26."""

import math

import numpy as np
import pytest

from jaxgen import evals
from jaxgen.core import UserError


def pair(channels=3, size=20):
    """Two related images that any program can rebuild from this formula."""
    i, j, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(channels), indexing="ij")
    x = (7 * i + 13 * j + 29 * c + i * j) % 256
    y = np.clip(x + (5 * i + 3 * j + c) % 11 - 5, 0, 255)
    return x.astype(np.uint8)[None], y.astype(np.uint8)[None]


def test_psnr_of_a_constant_error():
    x = np.zeros((2, 4, 4, 1))
    np.testing.assert_allclose(evals.psnr(x, x + 0.1, data_range=1.0), 20)
    np.testing.assert_allclose(evals.psnr(x, x + 0.1, data_range=2.0), 20 + 20 * math.log10(2))
    assert np.isinf(evals.psnr(x, x, data_range=1.0)).all()
    framed = np.pad(x[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=9.0)
    assert np.isinf(evals.psnr(x, framed, data_range=1.0, border=1)).all()


def test_ssim_of_constant_and_of_equal_images():
    x = np.full((1, 12, 12, 1), 0.25)
    c1 = 0.01**2
    expected = (2 * 0.25 * 0.75 + c1) / (0.25**2 + 0.75**2 + c1)
    np.testing.assert_allclose(evals.ssim(x, 3 * x, data_range=1.0), expected, rtol=1e-9)
    a, b = pair()
    np.testing.assert_allclose(evals.ssim(a, a), 1)
    assert evals.ssim(a, b)[0] < 1


def test_figures_of_scikit_image():
    """structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)."""
    a, b = pair()
    assert evals.psnr(a, b)[0] == pytest.approx(38.20232406087613, abs=1e-9)
    assert evals.ssim(a, b)[0] == pytest.approx(0.9984810174679507, abs=1e-7)


def test_luma_of_white_black_and_primaries():
    colours = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8)
    np.testing.assert_allclose(evals.luma(colours)[:, 0], [235, 16, 81.481], atol=1e-9)
    np.testing.assert_allclose(255 * evals.luma(colours / 255.0, 1.0), evals.luma(colours))


def test_unstated_ranges_and_small_images_are_refused():
    x = np.zeros((1, 12, 12, 1))
    with pytest.raises(UserError, match="data range"):
        evals.psnr(x, x)
    with pytest.raises(UserError, match="11 x 11"):
        evals.ssim(x, x, data_range=1.0, border=1)
    with pytest.raises(UserError, match="alike"):
        evals.psnr(x, x[:, 1:], data_range=1.0)


def test_means_over_pairs():
    a, b = pair()
    result = evals.measure(evals.fidelity(y_only=True, border=2), np.repeat(a, 3, 0), np.repeat(b, 3, 0), size=2)
    assert result.examples == 3
    assert result.psnr == pytest.approx(evals.psnr(a, b, y_only=True, border=2)[0])
    assert math.isinf(evals.measure(evals.fidelity(), a, a).psnr)


def test_ms_ssim_of_equal_and_of_constant_images():
    a, b = pair(1, 180)
    np.testing.assert_allclose(evals.ms_ssim(a, a), 1)
    assert evals.ssim(a, b)[0] < evals.ms_ssim(a, b)[0] < 1
    # Constant images have no structure to lose: only the coarsest luminance counts, to its own power.
    x = np.full((1, 176, 177, 2), 0.25)
    np.testing.assert_allclose(
        evals.ms_ssim(x, 3 * x, data_range=1.0), evals.ssim(x, 3 * x, data_range=1.0) ** 0.1333, rtol=1e-9
    )
    found = evals.measure(evals.fidelity(multiscale=True), a, b)
    assert found.ms_ssim == pytest.approx(evals.ms_ssim(a, b)[0])
    with pytest.raises(UserError, match="176 x 176"):
        evals.ms_ssim(a, b, border=3)


def test_opposed_structure_counts_as_none():
    a, _ = pair(1, 176)
    assert evals.ms_ssim(a, 255 - a)[0] == 0
