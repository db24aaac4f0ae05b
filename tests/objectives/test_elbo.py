"""Bounds against numeric integrals and a model whose evidence is known: x = W z + noise, all Gaussian."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.objectives import elbo
from jaxgen.objectives.likelihoods import gaussian

SIGMA = 0.5


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.3), (-0.7, 2.0)])
def test_kl_matches_numeric_integration(mean, std):
    z = np.linspace(mean - 12 * std, mean + 12 * std, 20001)
    q, p = scipy.stats.norm(mean, std), scipy.stats.norm()
    want = np.trapezoid(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), z)
    got = elbo.gaussian_kl(jnp.array([[mean]]), jnp.array([[2 * np.log(std)]]))
    np.testing.assert_allclose(got, [[want]], atol=1e-5)


def test_kl_sums_space_and_keeps_channels():
    mean = jax.random.normal(jax.random.key(0), (2, 3, 3, 4))
    log_var = jax.random.normal(jax.random.key(1), (2, 3, 3, 4))
    flat = elbo.gaussian_kl(mean.reshape(2, -1), log_var.reshape(2, -1))
    np.testing.assert_allclose(elbo.gaussian_kl(mean, log_var), flat.reshape(2, 9, 4).sum(1), rtol=1e-5)


def test_reparameterized_draws_have_the_asked_moments():
    mean, log_var = jnp.full((20000, 2), 1.5), jnp.full((20000, 2), 2 * np.log(0.3))
    z = elbo.reparameterize(mean, log_var, keys(20000))
    np.testing.assert_allclose(z.mean(0), 1.5, atol=0.02)
    np.testing.assert_allclose(z.std(0), 0.3, atol=0.01)


class Linear:
    """Probabilistic PCA: z ~ N(0, I_2), x = W z + SIGMA noise. Evidence and posterior are Gaussian."""

    def __init__(self):
        count = 5
        rng = np.random.default_rng(0)
        # Orthogonal columns make the posterior's covariance diagonal, so that q can equal it.
        self.w = np.linalg.qr(rng.normal(size=(4, 2)))[0] * [1.5, 0.7]
        self.x = rng.normal(size=(count, 2)) @ self.w.T + SIGMA * rng.normal(size=(count, 4))
        self.evidence = scipy.stats.multivariate_normal(np.zeros(4), self.w @ self.w.T + SIGMA**2 * np.eye(4)).logpdf(
            self.x
        )
        precision = np.eye(2) + self.w.T @ self.w / SIGMA**2
        self.mean = jnp.asarray(self.x @ self.w @ np.linalg.inv(precision) / SIGMA**2, jnp.float32)
        self.log_var = jnp.asarray(np.tile(-np.log(np.diag(precision)), (count, 1)), jnp.float32)

    def log_likelihood(self, z):
        image = jnp.asarray(self.x, jnp.float32).reshape(-1, 2, 2, 1)
        params = (z @ jnp.asarray(self.w, jnp.float32).T).reshape(-1, 2, 2, 1)
        return gaussian(sigma=SIGMA).log_prob(params, image)

    def bound(self, mean, log_var, samples):
        @jax.jit
        def draw(keys):
            return elbo.importance_log_weights(self.log_likelihood, mean, log_var, keys, samples=samples, chunk=samples)

        return draw(keys(len(self.x)))


def test_with_the_true_posterior_every_weight_is_the_evidence():
    model = Linear()
    weights = model.bound(model.mean, model.log_var, 7)
    np.testing.assert_allclose(weights, np.tile(model.evidence, (7, 1)), atol=2e-4)
    np.testing.assert_allclose(elbo.importance_bound(weights), model.evidence, atol=2e-4)


def test_the_bound_loses_exactly_the_kl_to_the_true_posterior():
    model = Linear()
    shift, wide = 0.3, 0.2
    mean, log_var = model.mean + shift, model.log_var + wide
    got = np.asarray(model.bound(mean, log_var, 10000)).mean(0)
    scale = np.exp(0.5 * np.asarray(model.log_var, np.float64))
    gap = 0.5 * ((shift / scale) ** 2 + np.exp(wide) - 1 - wide).sum(-1)
    np.testing.assert_allclose(got, model.evidence - gap, atol=0.06)
    # Closed-form KL and one expectation give the same bound.
    z = jax.vmap(lambda k: elbo.reparameterize(mean, log_var, k))(jax.vmap(keys, (None, 0))(5, jnp.arange(20000)))
    expected = np.asarray(jax.lax.map(model.log_likelihood, z)).mean(0) - np.asarray(
        elbo.gaussian_kl(mean, log_var)
    ).sum(-1)
    np.testing.assert_allclose(expected, model.evidence - gap, atol=0.05)


def test_importance_bound_rises_with_samples_towards_the_evidence():
    model = Linear()
    weights = np.asarray(model.bound(model.mean * 0.0, model.log_var * 0.0, 64 * 200))  # q is the prior
    bounds = [
        np.asarray(elbo.importance_bound(jnp.asarray(weights.reshape(k, -1)))).reshape(-1, 5).mean(0)
        for k in (1, 4, 16, 64)
    ]
    assert all(np.all(low < high) for low, high in itertools.pairwise(bounds))
    assert np.all(bounds[-1] < model.evidence + 0.05)
    exact = np.asarray(elbo.importance_bound(jnp.asarray(weights)))
    np.testing.assert_allclose(exact, model.evidence, atol=0.15)


def test_chunks_do_not_change_the_weights():
    model = Linear()
    make = lambda chunk: elbo.importance_log_weights(  # noqa: E731
        model.log_likelihood, model.mean, model.log_var * 0, keys(5), samples=7, chunk=chunk
    )
    np.testing.assert_allclose(make(7), make(3), rtol=1e-6)


def test_free_bits_cost_the_minimum_and_stop_the_gradient_of_idle_groups():
    kl = jnp.array([[0.1, 2.0], [0.3, 0.4]])  # batch means 0.2 and 1.2
    value, grad = jax.value_and_grad(lambda kl: elbo.free_bits(kl, 0.5).mean())(kl)
    np.testing.assert_allclose(value, 0.5 + 1.2, rtol=1e-6)
    np.testing.assert_allclose(grad, [[0, 0.5], [0, 0.5]])
    np.testing.assert_allclose(elbo.free_bits(kl, 0.0), [2.1, 0.7], rtol=1e-6)


def test_free_bits_judge_the_global_batch():
    kl = jnp.array([[0.1, 2.0], [0.3, 0.4], [2.0, 0.1], [0.1, 0.1]])
    shards = jax.vmap(lambda part: elbo.free_bits(part, 0.5, "data"), axis_name="data")(kl.reshape(2, 2, 2))
    np.testing.assert_allclose(shards.reshape(-1), elbo.free_bits(kl, 0.5))


def test_warm_up_is_linear_then_one():
    weights = [float(elbo.warm_up(jnp.int32(step), 10)) for step in (0, 5, 10, 50)]
    np.testing.assert_allclose(weights, [0.0, 0.5, 1.0, 1.0])
    assert elbo.warm_up(jnp.int32(0), 0) == 1.0


def test_active_units_counts_latents_that_move():
    mean = jnp.stack([jnp.linspace(-1, 1, 8), jnp.full(8, 0.7), jnp.linspace(0, 0.1, 8)], axis=1)
    assert elbo.active_units(mean) == 1
    assert np.all(jax.vmap(lambda m: elbo.active_units(m, "data"), axis_name="data")(mean.reshape(2, 4, 3)) == 1)
