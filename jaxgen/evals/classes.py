"""What a classifier says of samples: which classes they fall into, how sure it is, and the Inception Score's maths."""

from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, identity, rows


class Classes(NamedTuple):
    """Classes of a set of samples by a classifier's most probable answer."""

    examples: int
    shares: np.ndarray
    """float64 [K]: share of samples in each class."""
    confident: float
    """Share of samples whose top probability is at least the threshold."""
    smallest: float
    """The smallest class share."""
    missing: tuple[int, ...]
    """Classes without any sample."""


class Score(NamedTuple):
    """Inception Score, in [1, K]."""

    score: float
    deviation: float
    """Standard deviation over splits; 0 when there is one."""


def _probabilities(function: Function, x) -> np.ndarray:
    """Checked probabilities [B, K]; rows sum to 1 within float32 rounding and are renormalised in float64."""
    p = rows(function(x), "class probabilities")
    sums = p.sum(1, keepdims=True)
    if p.size and (p.min() < 0 or abs(sums - 1).max() > 1e-3):
        raise UserError("The classifier's outputs are not probabilities: each row should be >= 0 and sum to 1.")
    return p / sums


def classes(probabilities: Function = identity, *, threshold: float = 0.9) -> Metric:
    """Class histogram and confidence of a streamed set; `probabilities`: samples -> [B, K]. Finishes in `Classes`."""

    def update(state, x):
        p = _probabilities(probabilities, x)
        counts, sure = state or (np.zeros(p.shape[1], np.int64), 0)
        counts = counts + np.bincount(p.argmax(1), minlength=p.shape[1])
        # One rounding of float32 below the threshold still counts: 0.9 in float32 is below 0.9.
        return counts, sure + int((p.max(1) >= threshold - 1e-6).sum())

    def finish(state):
        if state is None or not state[0].sum():
            raise UserError("Nothing to evaluate: there are no samples.")
        counts, sure = state
        shares = counts / counts.sum()
        missing = tuple(int(i) for i in np.flatnonzero(counts == 0))
        return Classes(int(counts.sum()), shares, sure / int(counts.sum()), float(shares.min()), missing)

    return Metric(lambda: None, update, finish)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits [B, K] -> probabilities float64 [B, K]."""
    logits = rows(logits, "logits")
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def inception_score(probabilities: Function = identity, *, splits: int = 1, split_size: int = 0) -> Metric:
    """Salimans et al. 2016, "Improved Techniques for Training GANs", sec. 4: exp E_x KL(p(y|x) || p(y)).

    Args:
      splits: sample i counts for split i modulo `splits`; the score is the mean over splits.
      split_size: instead, sample i counts for split i // split_size, as the published code divides 50,000 samples into
        ten; a last split that is not full counts as well.

    Finishes in `Score`.
    """

    def update(state, x):
        p = _probabilities(probabilities, x)
        size = p.shape[1]
        seen, counts, marginal, negentropy = state or (0, np.zeros(splits), np.zeros((splits, size)), np.zeros(splits))
        index = seen + np.arange(len(p))
        where = index // split_size if split_size else index % splits
        room = max(int(where.max(initial=0)) + 1, len(counts))
        member = (where[:, None] == np.arange(room)).astype(np.float64)  # [B, splits]
        logs = np.log(p, where=p > 0, out=np.zeros_like(p))
        return (
            seen + len(p),
            _grown(counts, room) + member.sum(0),
            _grown(marginal, room) + member.T @ p,
            _grown(negentropy, room) + member.T @ (p * logs).sum(1),
        )

    def finish(state):
        if state is None or state[0] < splits:
            raise UserError(f"The Inception Score with {splits} splits needs at least {splits} samples.")
        _, counts, marginal, negentropy = state
        q = marginal / counts[:, None]
        logs = np.log(q, where=q > 0, out=np.zeros_like(q))
        scores = np.exp(negentropy / counts - (q * logs).sum(1))
        return Score(float(scores.mean()), float(scores.std()))

    return Metric(lambda: None, update, finish)


def _grown(x: np.ndarray, length: int) -> np.ndarray:
    """x with zeros appended along its first axis."""
    return np.concatenate([x, np.zeros((length - len(x), *x.shape[1:]))])
