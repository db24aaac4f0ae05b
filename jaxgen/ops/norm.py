"""Normalisation as array maths. Statistics in float32 whatever the input is.

    (1)  y = (x - mean) / sqrt(var + eps), with mean and variance over space and the channels of a group
Sums run over space first, channel by channel, and over the channels of a group second: the same numbers, and several
times faster on CPU than one reduction over a [.., groups, channels / groups] view.
"""

import jax
import jax.numpy as jnp


def group_norm(x: jax.Array, groups: int, eps: float = 1e-5) -> jax.Array:
    """Eq. (1) for x [B, ..., C]; float32 inside, the dtype of x outside.

    Raises:
      ValueError: `groups` does not divide C.
    """
    channels = x.shape[-1]
    if channels % groups:
        raise ValueError(f"{channels} channels do not divide into {groups} groups")
    wide = x.astype(jnp.float32)
    space = tuple(range(1, x.ndim - 1))

    def over_group(per_channel):
        total = per_channel.reshape(-1, groups, channels // groups).mean(axis=2)
        return jnp.repeat(total, channels // groups, axis=1)

    first, second = (wide.mean(axis=space), jnp.square(wide).mean(axis=space)) if space else (wide, jnp.square(wide))
    mean = over_group(first)
    var = jnp.maximum(over_group(second) - jnp.square(mean), 0.0)
    shape = (x.shape[0],) + (1,) * len(space) + (channels,)
    scale = jax.lax.rsqrt(var + eps)
    return (wide * scale.reshape(shape) - (mean * scale).reshape(shape)).astype(x.dtype)


def mean_twice(x: jax.Array) -> jax.Array:
    """Mean of [..., C] over all but the last axis, right to float32's last digit.

    A long sum of equal terms (a blank background) is rounded the same way each time and drifts. What is left after a
    first mean is taken off does not, so that the result does not depend on how the sum was divided among devices.
    """
    axes = tuple(range(x.ndim - 1))
    first = jnp.mean(x, axes)
    return first + jnp.mean(x - first, axes)


def fitting_groups(channels: int, groups: int, least: int = 4) -> int:
    """The largest number of groups, at most `groups`, that divides `channels` and leaves `least` channels in each.

    A norm over one channel takes away whatever was added to that channel everywhere, a time embedding for instance.
    """
    most = max(1, min(groups, channels // least))
    return max(n for n in range(1, most + 1) if channels % n == 0)
