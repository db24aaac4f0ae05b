"""Critic penalties as functions of a critic, per example, and the projection that clips weights.

    gradient  (1)  (|grad_x D(x_hat)| - 1)^2,  x_hat = e x_real + (1 - e) x_fake,  e ~ U[0, 1]
    r1        (2)  |grad_x D(x_real)|^2
    clip      (3)  w <- min(max(w, -c), c) after every update of the critic
(1) Gulrajani et al. 2017, eq. 3 (weight 10); (2) Mescheder et al. 2018, eq. 9, whose gamma / 2 is the weight here;
(3) Arjovsky et al. 2017, algorithm 1.

D is the critic's per-example mean logit. All gradients of a batch come from one backward pass of the sum over the
batch, which is exact as long as the critic treats examples independently. Batch normalisation in the critic breaks
that: the gradient of example i then contains the effect of x_i on the other logits, and (1) and (2) no longer bound
the slope of a function of one image. Give such critics layer normalisation or none (Gulrajani et al., section 4).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import UserError, choose, each

Realness = Callable[[jax.Array], jax.Array]
"""x [B, ...] -> D(x) float32 [B]."""


class Penalty(NamedTuple):
    """What keeps a critic smooth."""

    term: Callable[[Realness, jax.Array, jax.Array, jax.Array], jax.Array] | None = None
    """(D, real [B, ...], fake [B, ...], keys [B]) -> [B], without its weight; None adds nothing to the loss."""
    weight: float = 0.0
    every: int = 1
    """n > 1: computed on every n-th step and weighted by n (lazy regularisation)."""
    projection: optax.GradientTransformation | None = None
    """Appended to the critic's optimizer."""


def slopes(critic: Realness, x: jax.Array) -> jax.Array:
    """|grad_x D(x)|^2 of each example: [B, ...] -> float32 [B]."""
    gradient = jax.grad(lambda x: jnp.sum(critic(x)))(x).astype(jnp.float32)
    return jnp.sum(jnp.square(gradient.reshape(gradient.shape[0], -1)), axis=1)


def gradient_penalty(critic: Realness, real: jax.Array, fake: jax.Array, keys: jax.Array) -> jax.Array:
    """Eq. (1) at a random point between the i-th real and the i-th fake image: -> [B]."""
    e = each(jax.random.uniform, keys).reshape(-1, *[1] * (real.ndim - 1))
    squared = slopes(critic, e * real + (1.0 - e) * fake)
    # The root has an infinite derivative at zero; the shift moves a norm of 1 by 5e-13.
    return jnp.square(jnp.sqrt(squared + 1e-12) - 1.0)


def r1(critic: Realness, real: jax.Array, fake: jax.Array, keys: jax.Array) -> jax.Array:
    """Eq. (2): -> [B]; `fake` and `keys` are not used."""
    return slopes(critic, real)


def clip(limit: float) -> optax.GradientTransformation:
    """Eq. (3) as the last link of an optimizer chain: the updated parameters lie in [-limit, limit]."""

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("weight clipping needs the parameters")
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


TERMS = {"none": None, "clip": None, "gradient": gradient_penalty, "r1": r1}


def build(name: str, *, weight: float = 0.0, every: int = 1, limit: float = 0.0) -> Penalty:
    """The penalty of a config section.

    Args:
      name: none, gradient, r1 or clip.
      weight: factor of a gradient penalty or of R1 (gamma / 2).
      every: compute it on every n-th step only.
      limit: c of weight clipping.

    Raises:
      UserError: unknown name, or a setting that makes the penalty meaningless.
    """
    term = choose(TERMS, name, "method.penalty.name")
    if every < 1:
        raise UserError(f"method.penalty.every is {every}; it counts steps, so give 1 or more.")
    if name == "clip":
        if limit <= 0:
            raise UserError(f"method.penalty.limit is {limit}; weight clipping needs a positive bound, such as 0.01.")
        return Penalty(projection=clip(limit))
    if term is None:
        return Penalty()
    if weight <= 0:
        raise UserError(f"method.penalty.weight is {weight}; the penalty {name!r} needs a positive weight.")
    return Penalty(term, weight, every)
