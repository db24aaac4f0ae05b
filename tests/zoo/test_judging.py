"""The evaluation of samples: reals, noise and copies must come out as what they are."""

import json

import jax
import numpy as np
import pytest

from jaxgen import evals
from jaxgen.core import UserError, weights
from jaxgen.data.info import Info
from jaxgen.zoo import configs, methods
from jaxgen.zoo.cards import samples as cards
from jaxgen.zoo.cards import write_card


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None], bunch.target


@pytest.fixture(scope="module")
def judge():
    return evals.sklearn_digits_judge()


def test_held_out_digits_beat_noise_and_copies_are_called_copies(digits, judge, tmp_path):
    images, labels = digits
    train, test = images[:1437], images[1437:]
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), dtype=np.uint8)
    bad = cards.judge_samples(noise, train, test, labels[1437:], judge)
    assert bad["samples"]["confident"] < 0.1 < 0.7 < bad["reals"]["confident"]
    assert bad["samples"]["precision"] == 0
    assert bad["samples"]["frechet"] > 3 * bad["reals"]["frechet"]
    assert bad["judge"]["accuracy"] > 0.9
    copies = cards.judge_samples(train[:200], train, test, None, judge)
    assert copies["samples"]["copied"] == 1
    assert copies["reals"]["copied"] < 0.1
    assert copies["judge"]["accuracy"] is None
    text = cards.table(copies)
    assert "copies of training images" in text
    assert "100.0 %" in text
    write_card(tmp_path / "card.json", bad)
    assert json.loads((tmp_path / "card.json").read_text()) == bad
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_images_that_do_not_fit_are_refused(digits, judge):
    images, labels = digits
    with pytest.raises(UserError, match="one shape"):
        cards.judge_samples(images[:50] / 255.0, images, images, labels, judge)
    with pytest.raises(UserError, match="more than 3"):
        cards.judge_samples(images[:3], images, images, labels, judge)


def test_a_classifier_trained_here_judges(digits):
    """A few steps on two classes of easily told images, then the judge made from it."""
    config = configs.load("classifier/cnn_digits:smoke", ["optim.lr=0.02"])
    method = methods.build(config, Info("digits", (8, 8, 1), ("dark", "light")))
    rng = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int32) % 2
    images = (rng.integers(0, 100, (64, 8, 8, 1)) + 150 * labels[:, None, None, None]).astype(np.uint8)
    batch = {"image": images, "label": labels}
    state = jax.jit(method.init)(jax.random.key(0), batch, {})
    step = jax.jit(method.step)
    for _ in range(30):
        state, metrics = step(state, batch)
    judge = cards.method_judge(method.tasks["classify"], weights(state), chunk=50)
    p = judge.probabilities(images)
    assert (p.argmax(1) == labels).mean() == 1
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert judge.features(images).shape == (64, *method.tasks["classify"].outputs["features"].shape)
    # Padding the last chunk leaves the answers alone.
    np.testing.assert_allclose(judge.probabilities(images[:7]), p[:7], rtol=1e-5, atol=1e-6)
    assert 0 <= float(metrics["model/accuracy"]) <= 1
