"""Mixtures against scikit-learn's, and against mixtures that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from jaxgen.core import UserError, weights
from jaxgen.methods.mixture import cut, mixture, paste
from jaxgen.objectives import mixtures
from jaxgen.ops.images import to_float

KINDS = list(mixtures.COVARIANCES)
KEY = jax.random.key(0)
IMAGE = (2, 3, 1)
FLOOR = 1e-2


def images(size=240, seed=0):
    """Three overlapping groups of 2x3 images, correlated within, uint8 [N, 2, 3, 1]."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(60, 190, (3, 6))
    mix = rng.normal(0, 14, (3, 6, 6))
    group = rng.integers(0, 3, size)
    x = centres[group] + np.einsum("nij,nj->ni", mix[group], rng.normal(size=(size, 6)))
    return np.clip(np.rint(x), 0, 255).astype(np.uint8).reshape(size, *IMAGE)


def flat(image):
    return np.asarray(to_float(jnp.asarray(image)), np.float64).reshape(len(image), -1)


def theirs(kind, x, steps=3, components=3, seed=0):
    """A scikit-learn mixture some steps into its fit."""
    model = GaussianMixture(components, covariance_type=kind, reg_covar=FLOOR, max_iter=steps, tol=0, random_state=seed)
    with pytest.warns(ConvergenceWarning):
        return model.fit(x)


def ours(model):
    """Its parameters in our layout, which is its own."""
    found = {"weights": model.weights_, "means": model.means_, "covariances": model.covariances_}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def run(method, batch, steps):
    state = jax.jit(method.init)(KEY, batch, {})
    return jax.lax.scan(lambda s, _: method.step(s, batch), state, None, length=steps)


@pytest.mark.parametrize("kind", KINDS)
def test_same_parameters_give_the_same_figures_as_scikit_learn(kind):
    image = images()
    x = flat(image)
    model = theirs(kind, x)
    method = mixture(components=3, image=IMAGE, covariance=kind, floor=FLOOR, given=ours(model), examples=len(x))
    _, metrics = jax.jit(lambda: run(method, {"image": image}, 1))()
    start = weights(jax.jit(method.init)(KEY, {"image": image}, {}))
    keys = jax.random.split(KEY, len(x))
    given = {"image": to_float(jnp.asarray(image))}
    np.testing.assert_allclose(
        method.tasks["log_prob"].fn(start, keys, given)["log_prob"], model.score_samples(x), atol=1e-4
    )
    shares = method.tasks["responsibilities"].fn(start, keys, given)
    np.testing.assert_allclose(shares["responsibilities"][:, 0], model.predict_proba(x), atol=1e-4)
    np.testing.assert_array_equal(shares["component"][:, 0], model.predict(x))
    assert np.isclose(metrics["mixture/log_likelihood"][0], model.score(x), atol=1e-4)
    # Relative: float32 cannot write numbers of this size to 1e-4.
    assert np.isclose(metrics["mixture/bic"][0], model.bic(x), rtol=1e-5)
    assert np.isclose(metrics["mixture/aic"][0], model.aic(x), rtol=1e-5)
    total = model.score(x) * len(x)
    free = mixtures.parameters(kind, 3, 6)
    assert mixtures.bic(total, free, len(x)) == pytest.approx(model.bic(x), abs=1e-4)
    assert mixtures.aic(total, free) == pytest.approx(model.aic(x), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_same_start_leads_to_the_same_optimum_as_scikit_learn(kind):
    image = images()
    x = flat(image)
    start = theirs(kind, x, steps=1, seed=1)
    model = GaussianMixture(
        3,
        covariance_type=kind,
        reg_covar=FLOOR,
        max_iter=60,
        tol=0,
        weights_init=start.weights_,
        means_init=start.means_,
        precisions_init=start.precisions_,
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(x)
    method = mixture(components=3, image=IMAGE, covariance=kind, floor=FLOOR, given=ours(start))
    state, metrics = jax.jit(lambda: run(method, {"image": image}, 60))()
    for name, value in ours(model).items():
        np.testing.assert_allclose(state.params["mixture"][name], value, atol=2e-4)
    found = mixtures.log_prob(kind, state.params["mixture"], jnp.asarray(x, jnp.float32))
    assert np.mean(found) == pytest.approx(model.score(x), abs=1e-4)
    rises = np.diff(metrics["mixture/log_likelihood"])
    # The floor makes a step not quite a maximisation, so the likelihood may fall by a trifle near the optimum.
    assert rises[0] > 0
    assert rises.min() > -1e-3


def test_k_means_start_recovers_a_known_mixture():
    rng = np.random.default_rng(0)
    centres, deviations = np.array([[40, 60], [128, 200], [210, 70]]), np.array([6.0, 10.0, 14.0])
    group = rng.choice(3, 3000, p=[0.2, 0.3, 0.5])
    x = np.rint(centres[group] + deviations[group, None] * rng.normal(size=(3000, 2)))
    image = np.clip(x, 0, 255).astype(np.uint8).reshape(-1, 1, 2, 1)
    method = mixture(components=3, image=(1, 2, 1), covariance="spherical", floor=1e-6)
    state, _ = jax.jit(lambda: run(method, {"image": image}, 40))()
    params = state.params["mixture"]
    order = np.argsort(params["means"][:, 0])
    np.testing.assert_allclose((params["means"][order] + 1) * 127.5, centres, atol=1.5)
    np.testing.assert_allclose(params["weights"][order], [0.2, 0.3, 0.5], atol=0.03)
    np.testing.assert_allclose(np.sqrt(params["covariances"][order]) * 127.5, deviations, rtol=0.06)
    drawn = method.tasks["sample"].fn(weights(state), jax.random.split(KEY, 4000), {})["image"]
    np.testing.assert_allclose(np.cov(drawn.reshape(-1, 2).T), np.cov(flat(image).T), atol=0.02)
    np.testing.assert_allclose(np.mean(drawn, axis=(0, 1, 3)), flat(image).mean(0), atol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_stepwise_em_over_parts_approaches_the_full_optimum(kind):
    image = images(960)
    parts = image.reshape(16, 60, *IMAGE)
    start = ours(theirs(kind, flat(image), steps=1))
    settings = dict(components=3, image=IMAGE, covariance=kind, floor=FLOOR, given=start)
    full, _ = jax.jit(lambda: run(mixture(**settings), {"image": image}, 50))()
    method = mixture(**settings, decay=0.7)

    def stepwise():
        state = method.init(KEY, {"image": parts[0]}, {})
        order = jnp.tile(jnp.arange(16), 20)
        return jax.lax.scan(lambda s, i: method.step(s, {"image": jnp.asarray(parts)[i]}), state, order)[0]

    x = jnp.asarray(flat(image), jnp.float32)
    scores = [np.mean(mixtures.log_prob(kind, s.params["mixture"], x)) for s in (full, jax.jit(stepwise)())]
    begin = np.mean(mixtures.log_prob(kind, start, x))
    assert scores[1] > begin
    assert scores[0] - scores[1] < max(0.1 * (scores[0] - begin), 0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_blended_statistics_are_those_of_the_joined_batch(kind):
    rng = np.random.default_rng(0)
    x, shares = jnp.asarray(rng.normal(3, 1, (30, 4))), jax.nn.softmax(jnp.asarray(rng.normal(size=(30, 2))))
    parts = [mixtures.statistics(kind, x[s], shares[s]) for s in (slice(0, 20), slice(20, 30))]
    joined = mixtures.blend(kind, *parts, 1 / 3)
    for a, b in zip(joined, mixtures.statistics(kind, x, shares), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_pixels_and_empty_components_stay_finite(kind):
    image = np.zeros((16, *IMAGE), np.uint8)
    image[8:] = 255
    method = mixture(components=4, image=IMAGE, covariance=kind, floor=1e-4)
    state, metrics = jax.jit(lambda: run(method, {"image": image}, 5))()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.params, state.memory, metrics)))
    assert metrics["mixture/empty"][-1] == 2
    # Two groups without any spread: what is left of their variances is the floor.
    params = jax.tree.map(np.asarray, state.params["mixture"])
    used = params["covariances"] if kind == "tied" else params["covariances"][params["weights"] > 0]
    diagonal = np.diagonal(used, axis1=-2, axis2=-1) if kind in ("full", "tied") else used
    np.testing.assert_allclose(diagonal, 1e-4, rtol=0.01)


def test_tiles_make_an_image_of_independent_parts():
    image = images(40)
    x = to_float(jnp.asarray(image))
    tiled = x.reshape(20, 4, 3, 1)
    np.testing.assert_array_equal(paste(cut(tiled, (2, 3)), (4, 3, 1), (2, 3)), tiled)
    np.testing.assert_array_equal(cut(tiled, (2, 3)).reshape(40, 6), x.reshape(40, 6))
    squares = jnp.asarray(images(16).reshape(4, 4, 6, 1))
    whole = mixture(components=2, image=(2, 2, 1), floor=FLOOR)
    parts = mixture(components=2, image=(4, 6, 1), patch=2, floor=FLOOR)
    tiles = cut(squares, (2, 2)).reshape(-1, 2, 2, 1)
    one, two = (jax.jit(lambda m=m, b=b: run(m, {"image": b}, 3)[0])() for m, b in ((whole, tiles), (parts, squares)))
    np.testing.assert_allclose(one.params["mixture"]["means"], two.params["mixture"]["means"], atol=1e-5)
    keys = jax.random.split(KEY, 24)
    sums = whole.tasks["log_prob"].fn(weights(one), keys, {"image": to_float(tiles)})["log_prob"].reshape(4, 6).sum(1)
    found = parts.tasks["log_prob"].fn(weights(two), keys[:4], {"image": to_float(squares)})["log_prob"]
    np.testing.assert_allclose(found, sums, atol=1e-3)


@given(st.sampled_from(KINDS), st.integers(0, 2**31))
@settings(max_examples=8, deadline=None)
def test_responsibilities_are_shares_and_shift_with_the_data(kind, seed):
    """Moving data and means together changes nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    square = rng.normal(size=(2, 3, 3)) * 0.3
    full = square @ square.transpose(0, 2, 1) + 0.3 * np.eye(3)
    shapes = {"full": full, "tied": full[0], "diag": full.diagonal(axis1=1, axis2=2), "spherical": full[:, 0, 0]}
    params = {"weights": np.array([0.3, 0.7]), "means": rng.normal(size=(2, 3)), "covariances": shapes[kind]}
    params = {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}
    shares = mixtures.responsibilities(kind, params, x)
    np.testing.assert_allclose(np.sum(shares, axis=1), 1.0, atol=1e-5)
    moved = mixtures.responsibilities(kind, {**params, "means": params["means"] + 2.0}, x + 2.0)
    np.testing.assert_allclose(shares, moved, atol=1e-4)


def test_singular_components_are_named_and_the_floor_stated():
    good, line = np.eye(6), np.ones((6, 6))
    params = {"weights": np.full(3, 1 / 3), "means": np.zeros((3, 6)), "covariances": np.stack([good, line, good])}
    with pytest.raises(UserError, match=r"component 1 is singular.*method.floor = 0.01"):
        mixture(components=3, image=IMAGE, floor=FLOOR, given=params)
    with pytest.raises(UserError, match="tied covariance is singular"):
        mixture(components=3, image=IMAGE, covariance="tied", given={**params, "covariances": line})
    with pytest.raises(UserError, match="component 2 is singular"):
        mixture(components=3, image=IMAGE, covariance="spherical", given={**params, "covariances": np.array([1, 1, 0])})
    crooked = np.stack([good, good + np.triu(np.ones((6, 6)), 1), good])
    with pytest.raises(UserError, match="component 1 is not symmetric"):
        mixture(components=3, image=IMAGE, given={**params, "covariances": crooked})


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_that_collapses_is_found_and_named(kind):
    """Two spread groups, and a third of one image repeated; "tied" needs all images in a plane to be singular."""
    image = images(240)
    image[:, 0, 0] = 7 if kind == "tied" else image[:, 0, 0]
    image[:60] = 250 if kind != "tied" else image[:60]
    start = ours(theirs(kind, flat(image), steps=1))
    which = 0 if kind == "tied" else int(np.argmin(np.square(start["means"] - flat(image)[0]).sum(axis=1)))
    method = mixture(components=3, image=IMAGE, covariance=kind, floor=1e-4, given=start)
    state, metrics = jax.jit(lambda: run(method, {"image": image}, 12))()
    params = jax.tree.map(np.asarray, state.params["mixture"])
    found = mixtures.collapsed(kind, params, 1e-4)
    assert found == {"singular": [which], "points": [] if kind == "tied" else [which], "diagonal": []}
    assert metrics["mixture/weakest"][-1] == which
    assert metrics["mixture/lowest"][-1] == pytest.approx(1.0, abs=0.01)
    # The same images without the repeated one: no variance is near the floor.
    spread = ours(theirs(kind, flat(images())))
    assert mixtures.collapsed(kind, spread, 1e-4) == {"singular": [], "points": [], "diagonal": []}


def test_covariances_beyond_float32_become_diagonal_and_are_counted():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(50, 1)) * np.ones((1, 40)) * 30, jnp.float32)
    found = mixtures.statistics("full", x, jnp.ones((50, 1)))
    before = {"covariances": jnp.eye(40)[None]}
    params, singular = mixtures.maximise("full", found, before, 1e-9)
    assert singular.tolist() == [True]
    np.testing.assert_allclose(params["covariances"][0], np.diag(np.var(x, axis=0)), rtol=1e-4)
    assert np.isfinite(mixtures.log_prob("full", params, x)).all()
    found = mixtures.collapsed("full", params, 1e-9)
    assert found == {"singular": [], "points": [], "diagonal": [0]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(covariance="diagonal"), "diag"),
        (dict(floor=0.0), "floor"),
        (dict(decay=0.3), "decay"),
        (dict(patch=4), "patch 4"),
        (dict(components=0), "components"),
        (dict(sampler={"temprature": 1.0}), "temperature"),
        (dict(given={"weights": [0.5, 0.5], "means": np.zeros((2, 6)), "covariances": np.ones((2, 6))}), "covariances"),
        (dict(given={"weights": [1.0], "means": np.zeros((1, 6)), "covariances": np.eye(6)[None]}), "given mixture"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        mixture(**{**dict(components=2, image=IMAGE), **wrong})
