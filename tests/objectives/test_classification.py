"""Cross-entropy at known answers."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.objectives import classification


def test_uniform_logits_cost_the_log_of_the_classes_whatever_the_smoothing():
    labels = jnp.array([0, 3])
    for smoothing in (0.0, 0.2):
        values = classification.cross_entropy(jnp.ones((2, 5)), labels, smoothing)
        np.testing.assert_allclose(values, np.log(5.0), rtol=1e-6)


def test_the_gradient_is_probabilities_minus_smoothed_targets():
    logits, labels = jax.random.normal(jax.random.key(0), (3, 4)), jnp.array([1, 0, 3])
    grad = jax.grad(lambda x: classification.cross_entropy(x, labels, 0.1).sum())(logits)
    target = 0.9 * np.eye(4)[np.asarray(labels)] + 0.1 / 4
    np.testing.assert_allclose(grad, jax.nn.softmax(logits) - target, atol=1e-6)


def test_correct_counts_the_most_probable_class():
    np.testing.assert_array_equal(
        classification.correct(jnp.array([[0.1, 2.0], [3.0, 1.0]]), jnp.array([1, 1])), [1.0, 0.0]
    )
