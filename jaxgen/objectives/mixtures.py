"""Gaussian mixtures and their EM algorithm (Dempster, Laird & Rubin 1977).

    (1)  p(x) = sum_k pi_k N(x; mu_k, Sigma_k)
Sigma_k is full, one for all components (tied), diagonal, or a multiple of the identity (spherical). With U the upper
triangular factor of the precision, Sigma^-1 = U U^T (from Sigma = L L^T: U = L^-T):
    (2)  log N(x; mu, Sigma) = -1/2 (D log 2 pi + |(x - mu) U|^2) + sum_d log U_dd
E-step, responsibilities:
    (3)  r_k(x) = pi_k N(x; mu_k, Sigma_k) / p(x)
Statistics of a batch, as means over its examples (centred, so that float32 does not cancel):
    (4)  n_k = mean r_k,   m_k = mean r_k x / n_k,   S_k = mean r_k (x - m_k)(x - m_k)^T
M-step, with a floor under every variance (scikit-learn's reg_covar):
    (5)  pi_k = n_k / sum n,   mu_k = m_k,   Sigma_k = S_k / n_k + floor I
Stepwise EM (Cappe & Moulines 2009; Liang & Klein 2009, "Online EM for Unsupervised Models") keeps running statistics:
    (6)  s <- (1 - gamma_t) s + gamma_t s(batch),   gamma_t = (t + delay)^-decay, decay in (1/2, 1]
In the centred form of (4), with weights a = (1 - gamma) n and b = gamma n', the sum of two statistics is
    (7)  n = a + b,   m = m + b / (a + b) (m' - m),   S = (1 - gamma) S + gamma S' + a b / (a + b) (m' - m)(m' - m)^T
Full-batch EM is (7) with gamma = 1. Information criteria for N examples and p free parameters (Schwarz 1978):
    (8)  BIC = -2 sum log p(x) + p log N,   AIC = -2 sum log p(x) + 2 p
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import UserError, choose, replicas

COVARIANCES = {"full": "full", "tied": "tied", "diag": "diag", "spherical": "spherical"}
"""Shapes of "covariances" in the parameters: full [K, D, D], tied [D, D], diag [K, D], spherical [K]."""
TINY = 1e-12
"""Below this share of the examples a component counts as empty and stays where it is."""
EXACT = jax.lax.Precision.HIGHEST
"""Likelihoods need every bit of float32, also where the hardware multiplies in fewer."""

Params = dict[str, jax.Array]
"""{"weights" [K], "means" [K, D], "covariances" (see `COVARIANCES`)}, all float32: scikit-learn's layout."""


class Statistics(NamedTuple):
    """Eq. (4)."""

    weights: jax.Array
    """n, [K]."""
    means: jax.Array
    """m, [K, D]."""
    scatter: jax.Array
    """S, shaped as the covariances; summed over components if tied, averaged over dimensions if spherical."""


def factors(kind: str, covariances: jax.Array) -> jax.Array:
    """The U of eq. (2): [K, D, D], [D, D], or their diagonals [K, D], [K]. Not finite where Sigma is singular."""
    if kind in ("diag", "spherical"):
        return jax.lax.rsqrt(covariances)
    lower = jnp.linalg.cholesky(covariances)
    eye = jnp.broadcast_to(jnp.eye(covariances.shape[-1]), covariances.shape)
    return jnp.swapaxes(jax.scipy.linalg.solve_triangular(lower, eye, lower=True), -1, -2)


def joint(kind: str, params: Params, x: jax.Array) -> jax.Array:
    """log pi_k + eq. (2) for every component: float [N, D] -> [N, K]. Holds [K, N, D] numbers, as `statistics` does."""
    count, dims = params["means"].shape
    u = factors(kind, params["covariances"])
    u = jnp.broadcast_to(u, (count, *u.shape)) if kind == "tied" else u

    def one(component):
        mean, u, log_weight = component
        if kind in ("full", "tied"):
            y, log_det = jnp.matmul(x - mean, u, precision=EXACT), jnp.sum(jnp.log(jnp.diagonal(u)))
        else:
            y, log_det = (x - mean) * u, jnp.sum(jnp.log(jnp.broadcast_to(u, (dims,))))
        return log_weight + log_det - 0.5 * (dims * math.log(2.0 * math.pi) + jnp.sum(jnp.square(y), axis=1))

    # An empty component has weight 0; the bound keeps its log finite.
    return jax.vmap(one, out_axes=1)((params["means"], u, jnp.log(jnp.maximum(params["weights"], 1e-30))))


def log_prob(kind: str, params: Params, x: jax.Array) -> jax.Array:
    """Log of eq. (1): float [N, D] -> [N], nats."""
    return jax.nn.logsumexp(joint(kind, params, x), axis=1)


def responsibilities(kind: str, params: Params, x: jax.Array) -> jax.Array:
    """Eq. (3): float [N, D] -> [N, K], rows sum to one."""
    return jax.nn.softmax(joint(kind, params, x), axis=1)


def statistics(kind: str, x: jax.Array, shares: jax.Array, axis: str | None = None) -> Statistics:
    """Eq. (4) over the global batch.

    Args:
      x: float [N, D].
      shares: r, [N, K].
      axis: name of the replica axis under pmap.
    """
    weights = replicas.mean(jnp.mean(shares, axis=0), axis)
    first = replicas.mean(jnp.matmul(shares.T, x, precision=EXACT) / x.shape[0], axis)
    means = first / jnp.maximum(weights, TINY)[:, None]

    def scatter(component):
        mean, share = component
        d, size = x - mean, x.shape[0]
        if kind in ("full", "tied"):
            return jnp.matmul((d * share[:, None]).T, d, precision=EXACT) / size
        diagonal = jnp.matmul(share, jnp.square(d), precision=EXACT) / size
        return jnp.mean(diagonal) if kind == "spherical" else diagonal

    parts = jax.vmap(scatter)((means, shares.T))
    return Statistics(weights, means, replicas.mean(jnp.sum(parts, axis=0) if kind == "tied" else parts, axis))


def outer(kind: str, shares: jax.Array, d: jax.Array) -> jax.Array:
    """shares_k d_k d_k^T in the shape of the covariances: [K], [K, D] -> see `COVARIANCES`."""
    if kind == "diag":
        return shares[:, None] * jnp.square(d)
    if kind == "spherical":
        return shares * jnp.mean(jnp.square(d), axis=1)
    return jnp.einsum("k,ki,kj->ij" if kind == "tied" else "k,ki,kj->kij", shares, d, d, precision=EXACT)


def blend(kind: str, old: Statistics, new: Statistics, gamma: jax.Array | float) -> Statistics:
    """Eq. (7)."""
    a, b = (1.0 - gamma) * old.weights, gamma * new.weights
    share = b / jnp.maximum(a + b, TINY)
    d = new.means - old.means
    scatter = (1.0 - gamma) * old.scatter + gamma * new.scatter + outer(kind, a * share, d)
    return Statistics(a + b, old.means + share[:, None] * d, scatter)


def maximise(kind: str, s: Statistics, before: Params, floor: float) -> tuple[Params, jax.Array]:
    """Eq. (5): (parameters, bool [K] or [1]: covariances that were singular even so).

    Empty components keep the covariance they had in `before`. A covariance that float32 cannot factor is replaced by
    its diagonal, which it always can.
    """
    weights = s.weights / jnp.sum(s.weights)
    if kind == "tied":
        covariances = (s.scatter / jnp.sum(s.weights))[None]
    else:
        lift = (slice(None),) + (None,) * (s.scatter.ndim - 1)
        covariances = s.scatter / jnp.maximum(s.weights, TINY)[lift]
    if kind in ("diag", "spherical"):
        covariances = jnp.maximum(covariances, 0.0) + floor
        singular = jnp.zeros(weights.shape, bool)
    else:
        covariances = covariances + floor * jnp.eye(covariances.shape[-1])
        singular = ~jnp.isfinite(jnp.linalg.cholesky(covariances)).all(axis=(1, 2))
        diagonal = jnp.eye(covariances.shape[-1]) * covariances
        covariances = jnp.where(singular[:, None, None], diagonal, covariances)
    if kind == "tied":
        return {"weights": weights, "means": s.means, "covariances": covariances[0]}, singular
    kept = s.weights[lift] > TINY
    covariances = jnp.where(kept, covariances, before["covariances"])
    return {"weights": weights, "means": s.means, "covariances": covariances}, singular


def lowest(kind: str, params: Params) -> jax.Array:
    """Smallest variance of a coordinate given those before it, [K] (tied: [1]): the smallest squared diagonal entry of
    the Cholesky factor. Never below the floor, and close to it where the floor alone keeps a covariance regular."""
    covariances = params["covariances"]
    if kind in ("diag", "spherical"):
        return jnp.min(covariances.reshape(len(covariances), -1), axis=1)
    lower = jnp.linalg.cholesky(covariances[None] if kind == "tied" else covariances)
    return jnp.min(jnp.square(jnp.diagonal(lower, axis1=1, axis2=2)), axis=1)


def collapsed(kind: str, params: Any, floor: float) -> dict[str, list[int]]:
    """Which components the floor keeps regular: indices ("tied" has the one covariance, 0); on the host, in float64.

    Returns:
      {"singular": some variance (eigenvalue) is the floor alone; "points": all are, the component has shrunk to a
      point; "diagonal": a full covariance that float32 could not factor, and that lost its correlations}. Empty
      components are left out.
    """
    weights, covariances = (np.asarray(params[name], np.float64) for name in ("weights", "covariances"))
    matrices = covariances[None] if kind == "tied" else covariances
    found: dict[str, list[int]] = {"singular": [], "points": [], "diagonal": []}
    for index, matrix in enumerate(matrices):
        if kind != "tied" and weights[index] <= TINY:
            continue
        variances = np.linalg.eigvalsh(matrix) if kind in ("full", "tied") else np.atleast_1d(matrix)
        # What float32 adds to an eigenvalue grows with the largest.
        bound = 1.01 * floor + len(variances) * np.finfo(np.float32).eps * variances.max()
        if variances.min() <= bound:
            found["singular"].append(index)
        if variances.max() <= bound:
            found["points"].append(index)
        elif matrix.ndim == 2 and len(matrix) > 1 and not (matrix - np.diag(matrix.diagonal())).any():
            found["diagonal"].append(index)
    return found


def parameters(kind: str, components: int, dims: int) -> int:
    """Free parameters of a mixture, p in eq. (8): weights sum to one, covariances are symmetric."""
    triangle = dims * (dims + 1) // 2
    covariance = {"full": components * triangle, "tied": triangle, "diag": components * dims, "spherical": components}
    return components - 1 + components * dims + covariance[kind]


def bic(total: Any, free: int, examples: int) -> Any:
    """Eq. (8) from the summed log-likelihood in nats; lower is better."""
    return -2.0 * total + free * math.log(examples)


def aic(total: Any, free: int) -> Any:
    """Eq. (8) from the summed log-likelihood in nats; lower is better."""
    return -2.0 * total + 2.0 * free


def check(kind: str, params: Any, floor: float) -> None:
    """Are these the parameters of a mixture? For parameters from outside; runs on the host, in float64.

    Raises:
      UserError: unknown kind, shapes that do not fit, weights that are no distribution, or a covariance that is not
        symmetric or that is singular in float32; the component is named.
    """
    choose(COVARIANCES, kind, "method.covariance")
    weights, means, covariances = (np.asarray(params[name], np.float64) for name in ("weights", "means", "covariances"))
    count, dims = means.shape
    shapes = {"full": (count, dims, dims), "tied": (dims, dims), "diag": (count, dims), "spherical": (count,)}
    if weights.shape != (count,) or covariances.shape != shapes[kind]:
        raise UserError(
            f"A {kind} mixture of {count} components in {dims} dimensions has weights {(count,)} and covariances "
            f"{shapes[kind]}, not {weights.shape} and {covariances.shape}."
        )
    if weights.min() < 0 or abs(weights.sum() - 1) > 1e-4:
        raise UserError(f"The weights of a mixture are at least 0 and sum to 1; these sum to {weights.sum():.4g}.")
    matrices = covariances[None] if kind == "tied" else covariances
    for index, matrix in enumerate(matrices):
        name = "The tied covariance" if kind == "tied" else f"The covariance of component {index}"
        if kind in ("full", "tied"):
            if np.abs(matrix - matrix.T).max() > 1e-5 * np.abs(matrix).max():
                raise UserError(f"{name} is not symmetric.")
            matrix = np.linalg.eigvalsh(matrix)
        smallest, largest = float(np.min(matrix)), float(np.max(matrix))
        if not smallest > np.finfo(np.float32).eps * largest:
            raise UserError(
                f"{name} is singular: its smallest variance is {smallest:.3g}, its largest {largest:.3g}; add "
                f"method.floor = {floor:g} to its diagonal, or choose method.covariance=diag."
            )
