"""Matched colours have the target's mean and covariance; luminance and chroma come apart and together."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.colour_transfer import from_yiq, match_colours, to_yiq, with_luminance

MIX = jnp.array([[0.3, 0.1, 0.0], [0.0, 0.2, 0.1], [0.1, 0.0, 0.25]])
SOURCE = jax.random.normal(jax.random.key(0), (2, 12, 10, 3)) @ MIX + jnp.array([0.1, -0.2, 0.3])
TARGET = jax.random.normal(jax.random.key(1), (2, 9, 14, 3)) * jnp.array([0.5, 0.1, 0.3]) - 0.2


def moments(image):
    flat = np.asarray(image, np.float64).reshape(-1, image.shape[-1])
    return flat.mean(0), np.cov(flat.T, bias=True)


def test_matched_colours_have_the_targets_moments():
    made = match_colours(SOURCE, TARGET)
    for one, target in zip(made, TARGET):
        for found, wanted in zip(moments(one), moments(target)):
            np.testing.assert_allclose(found, wanted, atol=2e-3)  # 1e-4 is added to variances
    np.testing.assert_allclose(match_colours(SOURCE, SOURCE), SOURCE, atol=1e-5)


def test_luminance_is_matched_in_mean_and_deviation_and_grey_pictures_are_no_trouble():
    grey = match_colours(SOURCE[..., :1], TARGET[..., :1])
    np.testing.assert_allclose(np.std(grey, (1, 2, 3)), np.std(TARGET[..., :1], (1, 2, 3)), rtol=2e-2)
    assert np.isfinite(match_colours(jnp.full((1, 4, 4, 3), 0.2), TARGET[:1])).all()


def test_luminance_and_chroma():
    white = jnp.array([[[[1.0, 1.0, 1.0]]]])
    np.testing.assert_allclose(to_yiq(white)[0, 0, 0], [1.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(from_yiq(to_yiq(SOURCE)), SOURCE, atol=1e-5)
    other = to_yiq(SOURCE)[..., :1] * 0.5
    made = to_yiq(with_luminance(other, SOURCE))
    np.testing.assert_allclose(made[..., :1], other, atol=1e-5)
    np.testing.assert_allclose(made[..., 1:], to_yiq(SOURCE)[..., 1:], atol=1e-5)
