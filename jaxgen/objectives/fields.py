"""Markov random fields on a pixel grid, in log-linear form, for x [B, H, W] with one value per pixel.

    (1)  p(x) = exp(theta . f(x)) / Z(theta)
Pixel i has a neighbour i + o for every offset o that stays on the grid. The Potts field has symbols 0 ... Q-1:
    (2)  theta . f(x) = sum_i a_i[x_i] + sum_o sum_i c_oi [x_i = x_{i+o}]
With two symbols it is the Ising model: spins s = 2 x - 1 have the coupling c / 2 and the field (a[1] - a[0]) / 2.
The field with Gaussian features has real values, in units of their own z_i = (x_i - m_i) exp(a_i / 2):
    (3)  theta . f(x) = -1/2 sum_i z_i^2 - 1/2 sum_o sum_i |c_oi| (z_i - sign(c_oi) z_{i+o})^2
Its precision matrix is R P R, R = diag exp(a / 2), where P has -c between neighbours and L_i = 1 + sum |c| over the
neighbours on the diagonal. P - I has no negative eigenvalue, so (3) is proper for all parameters. A precision matrix Q
is of this form if, and in one way only, sum_j Q'_ij u_j = 1 / u_i has a solution u > 0, where Q' has -|Q_ij| off the
diagonal (u = exp(-a / 2)): that is, if Q' is positive definite, or Q walk-summable (Malioutov et al. 2006, "Walk-Sums
and Belief Propagation in Gaussian Graphical Models"), as every Q without negative partial correlations is.
Given its neighbours a pixel is
    (4)  Potts:     p(x_i = q | rest) = softmax_q(a_i[q] + sum_o (c_oi [x_{i+o} = q] + c_o,i-o [x_{i-o} = q]))
    (5)  Gaussian:  z_i ~ N((sum_o c_oi z_{i+o} + c_o,i-o z_{i-o}) / L_i, 1 / L_i)
Learning (Besag 1975, "Statistical Analysis of Non-Lattice Data"; Tieleman 2008, "Training Restricted Boltzmann Machines
using Approximations to the Likelihood Gradient"):
    (6)  pseudo-likelihood:       log PL(x) = sum_i log p(x_i | rest)
    (7)  likelihood gradient:     f(x) - E[f],  E over persistent Gibbs chains
A noisy picture y of x with p(y | x) = prod_i p(y_i | x_i) only adds to the terms of single pixels:
    (8)  Potts, another symbol with probability e:   log p(y_i | q) = log(1 - e) if q = y_i, else log(e / (Q - 1))
    (9)  Gaussian noise of deviation s:   adds y_i / s^2 to mean times precision of x_i, and 1 / s^2 to its precision
Partition functions: (2) with nearest neighbours by a transfer matrix over the Q^W states of a row; (3) from
    (10) log Z = D/2 log 2 pi - 1/2 log det P - 1/2 sum_i a_i
A pixel that never varies would have a density without bound. Gaussian fields are learned from images with noise of
variance `floor` on top, which bounds it as the floor of a mixture's covariances does.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, each
from jaxgen.ops.grids import bipartite, shift

Params = dict[str, jax.Array]
Offsets = tuple[tuple[int, int], ...]
NEAREST: Offsets = ((0, 1), (1, 0))
ROW_STATES = 4096
"""Largest number of states of a row for which log Z is computed."""


class Field(NamedTuple):
    """A random field as pure functions. `x` is [B, H, W]: int32 symbols or float32 values; images are [B, H, W, 1]."""

    init: Callable[[jax.Array], Params]
    """x -> parameters that fit the pixels one by one, nearly without couplings."""
    encode: Callable[[jax.Array], jax.Array]
    """image in [-1, 1] -> x"""
    seen: Callable[[jax.Array, jax.Array], jax.Array]
    """(x, keys [B]) -> what is learned from"""
    decode: Callable[[jax.Array], jax.Array]
    """x -> image in [-1, 1]"""
    begin: Callable[[jax.Array], jax.Array]
    """keys [B] -> x to start chains from, independent of the parameters"""
    score: Callable[[Params, jax.Array], jax.Array]
    """(params, x) -> theta . f(x), [B]"""
    site_log_prob: Callable[[Params, jax.Array], jax.Array]
    """(params, x) -> log p(x_i | rest), [B, H, W]"""
    draw: Callable[[Params, jax.Array, jax.Array, Any], jax.Array]
    """(params, x, keys, evidence or None) -> a draw of every pixel given the others"""
    expect: Callable[[Params, jax.Array, Any], jax.Array]
    """(params, x, evidence or None) -> the distribution or mean of every pixel given the others, for `estimate`"""
    estimate: Callable[[jax.Array], jax.Array]
    """averaged `expect` -> x: the likeliest symbol, or the mean"""
    corrupt: Callable[[jax.Array, jax.Array, float], jax.Array]
    """(x, keys, noise) -> noisy x"""
    evidence: Callable[[jax.Array, float], Any]
    """(noisy x, noise) -> eq. (8) or (9)"""
    log_partition: Callable[[Params], jax.Array] | None
    """params -> log Z, (); None where it is out of reach"""


def _check(shape: tuple[int, int], offsets: Sequence[Sequence[int]]) -> Offsets:
    found = tuple((int(rows), int(columns)) for rows, columns in offsets)
    if not found or not bipartite(found):
        raise UserError(
            f"method.offsets are pairs (rows, columns) with an odd sum, so that neighbours differ in colour; "
            f"{found} does not fit."
        )
    if len(set(found) | {(-r, -c) for r, c in found}) != 2 * len(found):
        raise UserError(f"method.offsets names a pair of neighbours twice: {found}.")
    if any(abs(r) >= shape[0] or abs(c) >= shape[1] for r, c in found):
        raise UserError(f"method.offsets {found} lead beyond images of {shape[0]}x{shape[1]}.")
    return found


def _couplings(shape, offsets, shared):
    return jnp.zeros((len(offsets), 1, 1) if shared else (len(offsets), *shape))


def _gather(couplings, x, offsets):
    """sum_o c_oi x_{i+o} + c_o,i-o x_{i-o} for x [B, H, W, ...] and couplings [O, H or 1, W or 1]."""
    total = jnp.zeros_like(x)
    for c, (rows, columns) in zip(couplings, offsets, strict=True):
        c = c.reshape(*c.shape, *[1] * (x.ndim - 3))
        total = total + c * shift(x, (rows, columns), 1) + shift(c * x, (-rows, -columns), 1)
    return total


def potts(
    shape: tuple[int, int], *, levels: int = 2, offsets: Sequence[Sequence[int]] = NEAREST, shared: bool = False
) -> Field:
    """Eq. (2), (4), (8): grey levels cut into `levels` symbols of equal width.

    Parameters: "field" float32 [H, W, Q] (shared: [1, 1, Q]), "couplings" [offsets, H, W] (shared: [offsets, 1, 1]).

    Args:
      shape: (H, W).
      offsets: (rows, columns) to one neighbour of each pair; rows + columns odd.
      shared: the same parameters at every pixel.

    Raises:
      UserError: fewer than two levels, or offsets that make no checkerboard.
    """
    offsets = _check(shape, offsets)
    if not 2 <= levels <= 256:
        raise UserError(f"method.levels is from 2 to 256, not {levels}.")

    def hot(x):
        return jax.nn.one_hot(x, levels)

    def init(x):
        counts = jnp.mean(hot(x), axis=(0, 1, 2) if shared else 0, keepdims=shared)
        counts = counts[0] if shared else counts
        # Half an example of every symbol, spread out: no log of zero.
        share = (counts * x.shape[0] + 0.5 / levels) / (x.shape[0] + 0.5)
        return {"field": jnp.log(share), "couplings": _couplings(shape, offsets, shared)}

    def logits(params, x, evidence):
        found = params["field"] + _gather(params["couplings"], hot(x), offsets)
        return found if evidence is None else found + evidence

    def score(params, x):
        states = hot(x)
        total = jnp.sum(params["field"] * states, axis=(1, 2, 3))
        for c, offset in zip(params["couplings"], offsets, strict=True):
            total = total + jnp.sum(c * jnp.sum(states * shift(states, offset, 1), axis=-1), axis=(1, 2))
        return total

    def site_log_prob(params, x):
        return jnp.sum(jax.nn.log_softmax(logits(params, x, None)) * hot(x), axis=-1)

    def draw(params, x, keys, evidence):
        below = jnp.cumsum(jax.nn.softmax(logits(params, x, evidence)), axis=-1)[..., :-1]
        chance = each(jax.random.uniform, keys, x.shape[1:])[..., None]
        return jnp.sum(below <= chance, axis=-1).astype(jnp.int32)

    tractable = levels ** shape[1] <= ROW_STATES and set(offsets) == set(NEAREST)
    return Field(
        init=init,
        encode=lambda image: _symbols(image[..., 0], levels),
        seen=lambda x, keys: x,
        decode=lambda x: (x.astype(jnp.float32) * (2.0 / (levels - 1)) - 1.0)[..., None],
        begin=lambda keys: each(jax.random.randint, keys, shape, 0, levels),
        score=score,
        site_log_prob=site_log_prob,
        draw=draw,
        expect=lambda params, x, evidence: jax.nn.softmax(logits(params, x, evidence)),
        estimate=lambda share: jnp.argmax(share, axis=-1).astype(jnp.int32),
        corrupt=lambda x, keys, noise: jax.vmap(lambda x, key: _replaced(x, key, noise, levels))(x, keys),
        evidence=lambda x, noise: jnp.where(hot(x) > 0, math.log1p(-noise), math.log(noise / (levels - 1))),
        log_partition=(lambda params: potts_log_partition(params, shape, levels, offsets)) if tractable else None,
    )


def _symbols(grey, levels):
    """[-1, 1] -> int32 in [0, levels): equally many of the 256 grey levels each."""
    level = jnp.floor((grey + 1.0) * 127.5 * (levels / 256.0) + 1e-4)  # the rest is for rounding
    return jnp.clip(level, 0, levels - 1).astype(jnp.int32)


def _replaced(x, key, noise, levels):
    """Every symbol of x [H, W] becomes another one with probability `noise`."""
    flip_key, other_key = jax.random.split(key)
    other = (x + jax.random.randint(other_key, x.shape, 1, levels)) % levels
    return jnp.where(jax.random.bernoulli(flip_key, noise, x.shape), other, x).astype(jnp.int32)


def potts_log_partition(params: Params, shape: tuple[int, int], levels: int, offsets: Offsets = NEAREST) -> jax.Array:
    """log Z of eq. (2) with nearest neighbours, by a transfer matrix over rows; differentiable: its gradient is E[f].

    Costs H Q^(2 W): keep Q^W below some thousands.
    """
    height, width = shape
    rows = (jnp.arange(levels**width)[:, None] // levels ** jnp.arange(width)) % levels  # [S, W]
    states = jax.nn.one_hot(rows, levels)
    field = jnp.broadcast_to(params["field"], (height, width, levels))
    couplings = jnp.broadcast_to(params["couplings"], (len(offsets), height, width))
    across, down = (couplings[offsets.index(offset)] for offset in NEAREST)
    equal = (rows[:, :-1] == rows[:, 1:]).astype(jnp.float32)
    within = jnp.einsum("hwq,swq->hs", field, states) + jnp.einsum("hw,sw->hs", across[:, :-1], equal)

    def add(total, row):
        couplings, within = row
        pairs = jnp.einsum("w,swq,twq->st", couplings, states, states)
        return within + jax.nn.logsumexp(total[:, None] + pairs, axis=0), None

    total, _ = jax.lax.scan(add, within[0], (down[:-1], within[1:]))
    return jax.nn.logsumexp(total)


def gaussian(
    shape: tuple[int, int], *, offsets: Sequence[Sequence[int]] = NEAREST, shared: bool = False, floor: float = 0.0
) -> Field:
    """Eq. (3), (5), (9), (10): grey values in [-1, 1] as real numbers.

    Parameters: "mean" and "log_precision" (a) float32 [H, W] (shared: [1, 1]), "couplings" (c) [offsets, H, W] (shared:
    [offsets, 1, 1]).

    Args:
      floor: variance of the noise added to the images that are learned from; 0 for images whose pixels all vary.

    Raises:
      UserError: offsets that make no checkerboard, or a negative floor.
    """
    offsets = _check(shape, offsets)
    if floor < 0:
        raise UserError(f"method.floor is a variance, at least 0, not {floor}.")

    def init(x):
        axes = (0, 1, 2) if shared else (0,)
        mean, var = jnp.mean(x, axes), jnp.var(x, axes)
        wide = (1, 1) if shared else shape
        return {
            "mean": mean.reshape(wide),
            "log_precision": -jnp.log(var + max(floor, 1e-6)).reshape(wide),
            "couplings": _couplings(shape, offsets, shared),
        }

    def score(params, x):
        z = (x - params["mean"]) * jnp.exp(0.5 * params["log_precision"])
        return -0.5 * jnp.sum(z * _times(params["couplings"], z, offsets), axis=(1, 2))

    def site_log_prob(params, x):
        mean, precision = gaussian_conditional(params, x, offsets)
        return 0.5 * (jnp.log(precision) - math.log(2.0 * math.pi) - precision * jnp.square(x - mean))

    def draw(params, x, keys, evidence):
        mean, precision = gaussian_conditional(params, x, offsets, evidence)
        return mean + jax.lax.rsqrt(precision) * each(jax.random.normal, keys, shape)

    tractable = math.prod(shape) <= ROW_STATES
    return Field(
        init=init,
        encode=lambda image: image[..., 0].astype(jnp.float32),
        seen=lambda x, keys: x + math.sqrt(floor) * each(jax.random.normal, keys, shape) if floor else x,
        decode=lambda x: jnp.clip(x, -1.0, 1.0)[..., None],
        begin=lambda keys: each(jax.random.normal, keys, shape),
        score=score,
        site_log_prob=site_log_prob,
        draw=draw,
        expect=lambda params, x, evidence: gaussian_conditional(params, x, offsets, evidence)[0],
        estimate=lambda mean: mean,
        corrupt=lambda x, keys, noise: x + noise * each(jax.random.normal, keys, shape),
        evidence=lambda x, noise: (x / noise**2, 1.0 / noise**2),
        log_partition=(lambda params: gaussian_log_partition(params, shape, offsets)) if tractable else None,
    )


def _diagonal(couplings: jax.Array, shape: tuple[int, ...], offsets: Offsets) -> jax.Array:
    """L of eq. (3), [H, W]: every coupling counts at both of its ends."""
    return 1.0 + _gather(jnp.abs(couplings), jnp.ones((1, *shape)), offsets)[0]


def _times(couplings: jax.Array, z: jax.Array, offsets: Offsets) -> jax.Array:
    """P z of eq. (3), [B, H, W]."""
    return _diagonal(couplings, z.shape[1:], offsets) * z - _gather(couplings, z, offsets)


def gaussian_conditional(params: Params, x: jax.Array, offsets: Offsets, evidence=None) -> tuple[jax.Array, jax.Array]:
    """Mean and precision of every pixel given the others, eq. (5) and (9)."""
    scale, couplings = jnp.exp(0.5 * params["log_precision"]), params["couplings"]
    around = _diagonal(couplings, x.shape[1:], offsets)
    pull = _gather(couplings, (x - params["mean"]) * scale, offsets)
    mean, precision = params["mean"] + pull / (around * scale), around * jnp.square(scale)
    if evidence is None:
        return mean, precision
    total = precision + evidence[1]
    return (precision * mean + evidence[0]) / total, total


def gaussian_log_partition(params: Params, shape: tuple[int, int], offsets: Offsets) -> jax.Array:
    """Eq. (10), by the Cholesky factor of P."""
    units = jnp.eye(math.prod(shape)).reshape(-1, *shape)
    lower = jnp.linalg.cholesky(_times(params["couplings"], units, offsets).reshape(len(units), -1))
    scales = 0.5 * jnp.sum(jnp.broadcast_to(params["log_precision"], shape))
    return 0.5 * len(units) * math.log(2.0 * math.pi) - jnp.sum(jnp.log(jnp.diagonal(lower))) - scales


FIELDS = {"potts": potts, "gaussian": gaussian}
