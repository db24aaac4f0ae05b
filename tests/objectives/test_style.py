"""Style losses against numbers worked by hand and invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives import style

MAPS = jax.random.uniform(jax.random.key(0), (2, 6, 5, 4), minval=-1.0, maxval=2.0)


def test_gram_of_a_map_worked_by_hand():
    """Two positions, two channels: (1, 2) and (3, -4). Sums of products 1+9, 2-12, 4+16, over two positions."""
    features = jnp.array([[[[1.0, 2.0], [3.0, -4.0]]]])
    np.testing.assert_allclose(style.gram(features)[0], [[5.0, -5.0], [-5.0, 10.0]])


def test_gram_forgets_where_and_how_often():
    """Moving a picture around, turning it, or tiling it changes no Gram matrix."""
    whole = style.gram(MAPS)
    for other in (jnp.roll(MAPS, (2, 3), axis=(1, 2)), jnp.rot90(MAPS, axes=(1, 2)), jnp.tile(MAPS, (1, 2, 3, 1))):
        np.testing.assert_allclose(style.gram(other), whole, rtol=2e-6, atol=1e-6)
    eigenvalues = np.linalg.eigvalsh(np.asarray(whole))
    assert eigenvalues.min() > -1e-6
    np.testing.assert_allclose(whole, np.swapaxes(whole, 1, 2))


def test_style_and_content_losses_are_the_papers():
    """Gatys et al. eq. (4) and (1) on unnormalised sums, for one channel: M = 6 positions of values 1 against 2."""
    ones, twos = jnp.ones((1, 2, 3, 1)), 2 * jnp.ones((1, 2, 3, 1))
    paper_style = (6.0 - 24.0) ** 2 / (4 * 1**2 * 6**2)
    assert float(style.gram_loss(style.gram(ones), style.gram(twos))[0]) == pytest.approx(paper_style)
    paper_content = 0.5 * 6 * 1.0
    assert float(style.content_loss(ones, twos)[0]) == pytest.approx(paper_content / 6)


def test_total_variation_of_known_pictures():
    flat = jnp.full((1, 4, 4, 3), 0.3)
    assert float(style.total_variation(flat)[0]) == 0.0
    edge = jnp.zeros((1, 4, 4, 1)).at[:, :, 2:].set(2.0)  # 4 of the 12 horizontal steps are 2
    assert float(style.total_variation(edge, 1)[0]) == pytest.approx(2 / 3)
    assert float(style.total_variation(edge, 2)[0]) == pytest.approx(4 / 3)
    ramp = jnp.broadcast_to(jnp.arange(5.0)[None, :, None, None], (1, 5, 3, 1))  # every vertical step is 1
    assert float(style.total_variation(ramp, 1)[0]) == pytest.approx(1.0)
    assert float(style.total_variation(jnp.ones((1, 1, 1, 3)))[0]) == 0.0


def test_adain_gives_the_statistics_of_the_style():
    paint = 3.0 * jax.random.normal(jax.random.key(1), (2, 9, 7, 4)) + jnp.arange(4.0)
    made = np.asarray(style.adain(MAPS, paint), np.float64)
    paint = np.asarray(paint, np.float64)
    np.testing.assert_allclose(made.mean((1, 2)), paint.mean((1, 2)), atol=1e-5)
    np.testing.assert_allclose(made.std((1, 2)), paint.std((1, 2)), rtol=1e-4)
    # Within a channel it is an increasing line of the content.
    line = np.corrcoef(np.asarray(MAPS)[0, ..., 0].ravel(), made[0, ..., 0].ravel())[0, 1]
    assert line == pytest.approx(1.0, abs=1e-5)


def test_adain_of_itself_is_the_identity_and_constants_stay_finite():
    np.testing.assert_allclose(style.adain(MAPS, MAPS), MAPS, atol=1e-5)
    constant = jnp.ones((1, 3, 3, 2))
    gradient = jax.grad(lambda x: style.adain(x, MAPS[:1, ..., :2]).sum())(constant)
    assert np.isfinite(gradient).all()


def test_statistics_loss_is_blind_to_order_and_counts_both_terms():
    assert float(style.statistics_loss(MAPS, MAPS[:, ::-1])[0]) == pytest.approx(0.0, abs=1e-10)
    shifted = style.statistics_loss(MAPS, MAPS + 0.5)
    np.testing.assert_allclose(shifted, 0.25, rtol=1e-4)
    doubled = MAPS - MAPS.mean((1, 2), keepdims=True)
    deviations = np.asarray(doubled).std((1, 2))
    np.testing.assert_allclose(style.statistics_loss(doubled, 2 * doubled), (deviations**2).mean(-1), rtol=1e-3)
