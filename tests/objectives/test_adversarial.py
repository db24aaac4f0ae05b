"""Adversarial losses at optimal critics of known densities, where theory gives their values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives.adversarial import OBJECTIVES, critic_loss, generator_loss, per_example

GRID = np.linspace(-12, 12, 4801)


def normal(mean):
    return np.exp(-0.5 * (GRID - mean) ** 2) / np.sqrt(2 * np.pi)


P, Q = normal(0.0), normal(1.5)


def expect(density, values):
    return float(np.sum(density * np.asarray(values, np.float64)) * (GRID[1] - GRID[0]))


def critic_value(name, logits):
    """E_P and E_Q of the critic's loss; its two halves are separated by their value at a fixed other logit."""
    logits, zero = jnp.asarray(logits, jnp.float32), jnp.zeros(GRID.shape, jnp.float32)
    loss = OBJECTIVES[name].critic
    return expect(P, loss(logits, zero)) + expect(Q, loss(zero, logits)) - float(loss(zero, zero)[0])


def jensen_shannon():
    mix = (P + Q) / 2
    return 0.5 * expect(P, np.log(P / mix)) + 0.5 * expect(Q, np.log(Q / mix))


def test_the_optimal_log_loss_is_log_four_minus_twice_jensen_shannon():
    # Goodfellow et al. 2014, theorem 1; the optimal logit is log P / Q.
    assert critic_value("minimax", np.log(P / Q)) == pytest.approx(np.log(4) - 2 * jensen_shannon(), abs=1e-5)


def test_minimax_generator_value_at_the_optimum_completes_the_games_value():
    logits = jnp.asarray(np.log(P / Q), jnp.float32)
    real = expect(P, OBJECTIVES["minimax"].critic(logits, jnp.full(GRID.shape, -1e9)))
    fake = expect(Q, OBJECTIVES["minimax"].generator(logits))
    assert -real + fake == pytest.approx(-np.log(4) + 2 * jensen_shannon(), abs=1e-5)


def test_the_optimal_least_squares_critic_measures_pearson_chi_squared():
    # With a, b = 0, 1 the best D is P / (P + Q), and its loss 1/2 int P Q / (P + Q).
    best = P / (P + Q)
    assert critic_value("least_squares", best) == pytest.approx(0.5 * expect(P, Q / (P + Q)), abs=1e-5)


def test_wasserstein_critic_on_the_dual_optimum_gives_minus_the_distance():
    # Two unit normals 1.5 apart; D(x) = -x is optimal.
    assert critic_value("wasserstein", -GRID) == pytest.approx(-1.5, abs=1e-4)


def test_the_optimal_hinge_critic_gives_two_minus_twice_total_variation():
    # Lim and Ye 2017: D = sign(P - Q).
    variation = 0.5 * expect(np.ones_like(GRID), np.abs(P - Q))
    assert critic_value("hinge", np.sign(P - Q)) == pytest.approx(2 - 2 * variation, abs=2e-3)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_generator_is_pulled_towards_higher_logits_and_the_critic_apart(name):
    objective = OBJECTIVES[name]
    logit = jnp.float32(0.3)
    assert jax.grad(objective.generator)(logit) < 0
    d_real, d_fake = jax.grad(objective.critic, (0, 1))(logit, logit)
    assert d_real < 0 < d_fake


def test_only_the_non_saturating_generator_learns_from_a_confident_critic():
    lost = jnp.float32(-12.0)
    assert abs(jax.grad(OBJECTIVES["minimax"].generator)(lost)) < 1e-4
    assert jax.grad(OBJECTIVES["non_saturating"].generator)(lost) == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_large_logits_stay_finite(name):
    big = jnp.array([-1e4, 1e4], jnp.float32)
    for value in (OBJECTIVES[name].critic(big, -big), OBJECTIVES[name].generator(big)):
        assert jnp.all(jnp.isfinite(value))


def test_several_logits_count_equally_whatever_their_size():
    objective = OBJECTIVES["wasserstein"]
    patches, scale = jnp.arange(8.0).reshape(2, 2, 2, 1), jnp.array([[10.0], [20.0]])
    np.testing.assert_allclose(per_example([patches, scale]), [(1.5 + 10) / 2, (5.5 + 20) / 2])
    np.testing.assert_allclose(generator_loss(objective, [patches, scale]), [-5.75, -12.75])
    np.testing.assert_allclose(critic_loss(objective, [patches, scale], [patches + 1, scale + 3]), [2.0, 2.0])
