"""Judges: what an evaluation asks about images. Made from any classifier, or fitted here in seconds.

A judge should say when an image is none of its classes. A plain classifier does not: it is as sure of noise as of a
digit. The judge fitted here also learns a class "none" from images made wrong on purpose (noise, shuffled pixels,
blends of two classes), and spreads its probability evenly over the true classes, so that being sure means being
sure of a class.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function


class Judge(NamedTuple):
    """A classifier as an evaluation sees it."""

    probabilities: Function
    """uint8 images [B, H, W, C] -> float [B, K]; rows sum to 1."""
    features: Function
    """uint8 images [B, H, W, C] -> float [B, D], for distances between sets."""
    name: str = "judge"
    mark: str = ""
    """A hash of its weights: two judges of one mark give one answer."""

    both: Callable[[Any], dict[str, np.ndarray]] | None = None
    """Images -> {"features", "probabilities"}, where one pass gives both."""

    def answers(self, x) -> dict[str, np.ndarray]:
        """{"features": [B, D], "probabilities": [B, K]}."""
        if self.both:
            return self.both(x)
        return {"features": self.features(x), "probabilities": self.probabilities(x)}


def mark(leaves: Iterable[np.ndarray]) -> str:
    """sha256 of arrays in their order, hexadecimal."""
    found = hashlib.sha256()
    for leaf in leaves:
        leaf = np.ascontiguousarray(leaf)
        found.update(f"{leaf.dtype.str}{leaf.shape}".encode())
        found.update(leaf.tobytes())
    return found.hexdigest()


def _wrong(x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images of no class, in the manner of the images x [N, D] in [0, 1]: about as many as there are images."""
    few = max(len(x) // 6, 1)
    dense, sparse = rng.random((few, x.shape[1])), rng.random((few, x.shape[1]))
    sparse = (sparse < rng.uniform(0.05, 0.6, (few, 1))).astype(np.float64)
    flat = np.repeat(rng.random((max(few // 8, 1), 1)), x.shape[1], axis=1)
    shuffled = rng.permuted(x[rng.permutation(len(x))[:few]], axis=1)
    other = rng.permutation(len(x))
    weight = rng.uniform(0.35, 0.65, (len(x), 1))
    blends = (weight * x + (1 - weight) * x[other])[labels != labels[other]][: 3 * few]
    return np.concatenate([dense, sparse, flat, np.zeros_like(flat), shuffled, blends])


def sklearn_judge(images, labels, *, seed: int = 0, name: str = "mlp") -> Judge:
    """A two-layer perceptron on pixels, for small images and up to some thousand of them; fitted in seconds.

    Its features are its last hidden layer (128).

    Args:
      images: uint8 [N, H, W, C] to learn from.
      labels: int [N]; classes 0 to K - 1, each present.

    Raises:
      UserError: the arrays do not fit together; later, images of another shape.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
        raise UserError(f"A judge learns from uint8 [N, H, W, C] and labels [N], not {images.shape}, {labels.shape}.")
    count = int(labels.max()) + 1
    if np.bincount(labels, minlength=count).min() < 1:
        raise UserError("A judge needs images of every class from 0 to the highest label.")
    shape = images.shape[1:]

    def pixels(x):
        x = np.asarray(x)
        if x.shape[1:] != shape or x.dtype != np.uint8:
            raise UserError(f"The judge {name!r} knows uint8 images of shape {shape}, not {x.dtype} {x.shape[1:]}.")
        return x.reshape(len(x), -1) / 255.0

    known = pixels(images)
    wrong = _wrong(known, labels, np.random.default_rng(seed))
    mean = known.mean()
    settings = dict(alpha=1e-2, batch_size=64, learning_rate_init=2e-3, max_iter=40, random_state=seed)
    network = MLPClassifier((128, 128), **settings)
    # It stops after max_iter on purpose. Matrices this small lose by threads, badly so on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(np.concatenate([known, wrong]) - mean, np.concatenate([labels, np.full(len(wrong), count)]))

    def features(x):
        x = pixels(x) - mean
        for kernel, bias in zip(network.coefs_[:-1], network.intercepts_[:-1]):
            x = np.maximum(x @ kernel + bias, 0.0)
        return x

    def probabilities(x):
        p = network.predict_proba(pixels(x) - mean)
        return p[:, :count] + p[:, count:] / count

    return Judge(probabilities, features, name, mark([*network.coefs_, *network.intercepts_]))


def sklearn_digits_judge(images=None, labels=None) -> Judge:
    """The judge of 8 x 8 digits, fitted on the given training images, or on the first 1437 that scikit-learn embeds."""
    return _embedded() if images is None else sklearn_judge(images, labels, name="mlp_digits")


@functools.cache
def _embedded() -> Judge:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images[:1437] * (255.0 / 16.0)).astype(np.uint8)[..., None]
    return sklearn_judge(images, bunch.target[:1437], name="mlp_digits")
