"""k-means against scikit-learn's and its own promises."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from jaxgen.ops.clusters import lloyd, nearest, plus_plus

KEY = jax.random.key(0)
X = make_blobs(200, centers=5, n_features=3, cluster_std=0.5, random_state=3)[0].astype(np.float32)


def test_seeds_are_points_of_different_groups():
    seeds = np.asarray(plus_plus(jnp.asarray(X), 5, KEY))
    assert all((seed == X).all(axis=1).any() for seed in seeds)
    gaps = np.linalg.norm(seeds[:, None] - seeds, axis=-1) + 100 * np.eye(5)
    assert gaps.min() > 2.0


def test_more_seeds_than_different_points():
    seeds = plus_plus(jnp.asarray([[0.0], [0.0], [1.0]]), 4, KEY)
    assert sorted(set(np.asarray(seeds).ravel().tolist())) == [0.0, 1.0]


def test_rounds_are_those_of_scikit_learn():
    start = X[:5]
    found = lloyd(jnp.asarray(X), jnp.asarray(start), 60)
    model = KMeans(5, init=start, n_init=1, algorithm="lloyd", max_iter=60, tol=0).fit(X)
    np.testing.assert_allclose(found, model.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(nearest(jnp.asarray(X), found), model.labels_)


def test_a_centre_without_points_stays():
    found = lloyd(jnp.asarray([[0.0], [1.0]]), jnp.asarray([[0.4], [50.0]]), 3)
    np.testing.assert_allclose(found, [[0.5], [50.0]])
