"""Adversarial losses as functions of logits, per example. l is the critic's logit, s the sigmoid.

Critic (over a real and a generated example) and generator (over a generated example); both are minimised:
    minimax         (1)  -log s(l_real) - log(1 - s(l_fake))          (2)  log(1 - s(l_fake))
    non_saturating  (1)                                               (3)  -log s(l_fake)
    least_squares   (4)  1/2 (l_real - b)^2 + 1/2 (l_fake - a)^2      (5)  1/2 (l_fake - c)^2       a, b, c = 0, 1, 1
    wasserstein     (6)  l_fake - l_real                              (7)  -l_fake
    hinge           (8)  max(0, 1 - l_real) + max(0, 1 + l_fake)      (7)
(1)-(3) Goodfellow et al. 2014, eq. 1 and section 3; (4)-(5) Mao et al. 2017, eq. 9; (6)-(7) Arjovsky et al. 2017,
algorithm 1; (8) Lim and Ye 2017, Miyato et al. 2018, eq. 16.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Objective(NamedTuple):
    """A two-player objective."""

    critic: Callable[[jax.Array, jax.Array], jax.Array]
    """(real logits, fake logits), both float32 of one shape -> losses of that shape."""
    generator: Callable[[jax.Array], jax.Array]
    """Fake logits -> losses of that shape."""


def _log_loss(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Eq. (1), with -log s(l) = softplus(-l)."""
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


minimax = Objective(_log_loss, lambda fake: -jax.nn.softplus(fake))
"""Eq. (1) and (2): the original, saturating game."""

non_saturating = Objective(_log_loss, lambda fake: jax.nn.softplus(-fake))
"""Eq. (1) and (3)."""

least_squares = Objective(
    lambda real, fake: 0.5 * jnp.square(real - 1.0) + 0.5 * jnp.square(fake),
    lambda fake: 0.5 * jnp.square(fake - 1.0),
)
"""Eq. (4) and (5)."""

wasserstein = Objective(lambda real, fake: fake - real, lambda fake: -fake)
"""Eq. (6) and (7); needs a Lipschitz critic (clipping, a gradient penalty or spectral normalisation)."""

hinge = Objective(
    lambda real, fake: jax.nn.relu(1.0 - real) + jax.nn.relu(1.0 + fake),
    lambda fake: -fake,
)
"""Eq. (8) and (7)."""

OBJECTIVES = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "hinge": hinge,
}


def per_example(values: Sequence[jax.Array]) -> jax.Array:
    """One [B, ...] array per scale or patch map -> [B]: the mean over positions, then over the list."""
    means = [jnp.mean(value.reshape(value.shape[0], -1), axis=1) for value in values]
    return sum(means[1:], means[0]) / len(means)


def critic_loss(objective: Objective, real: Sequence[jax.Array], fake: Sequence[jax.Array]) -> jax.Array:
    """The critic's loss [B] for lists of logits, each [B, ...]; example i pairs the i-th real and fake image."""
    return per_example([objective.critic(r, f) for r, f in zip(real, fake, strict=True)])


def generator_loss(objective: Objective, fake: Sequence[jax.Array]) -> jax.Array:
    """The generator's loss [B] for a list of logits, each [B, ...]."""
    return per_example([objective.generator(f) for f in fake])
