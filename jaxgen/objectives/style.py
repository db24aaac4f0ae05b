"""What a picture shows and how it is painted, as distances between features of an encoder.

A layer's map F has M positions and N channels. Gatys, Ecker, Bethge 2016, "Image Style Transfer Using Convolutional
Neural Networks", with sums over positions written as means so that pictures of different sizes compare:
    (1)  G_ij = 1 / M  sum_m F_mi F_mj                       Gram matrix
    (2)  L_content = 1 / 2  mean_mi (F_mi - P_mi)^2          the paper's eq. (1) divided by M N
    (3)  E = 1 / 4  mean_ij (G_ij - A_ij)^2                  the paper's eq. (4) where both maps have M positions
    (4)  TV(x) = mean |x[h + 1, w] - x[h, w]|^p + mean |x[h, w + 1] - x[h, w]|^p
Huang, Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", with mean mu and
deviation sigma of each channel over positions:
    (5)  AdaIN(F, S) = sigma(S) (F - mu(F)) / sigma(F) + mu(S)             eq. (8) there
    (6)  L_statistics = mean_i (mu_i(F) - mu_i(S))^2 + mean_i (sigma_i(F) - sigma_i(S))^2      a term of eq. (13) there
    (7)  L_target = mean_mi (F_mi - T_mi)^2                                eq. (12) there
Maps are float [B, H, W, C]; losses are float32 [B], one per example.
"""

import jax
import jax.numpy as jnp

EPS = 1e-5
"""Added to variances, so that a constant channel has a deviation with a gradient."""


def gram(features: jax.Array) -> jax.Array:
    """Eq. (1): [B, H, W, C] -> float32 [B, C, C], symmetric and positive semi-definite."""
    batch, height, width, channels = features.shape
    flat = features.astype(jnp.float32).reshape(batch, height * width, channels)
    return jnp.einsum("bmi,bmj->bij", flat, flat) / (height * width)


def content_loss(features: jax.Array, target: jax.Array) -> jax.Array:
    """Eq. (2): two maps of one shape -> [B]."""
    return 0.5 * mean_square(features, target)


def gram_loss(found: jax.Array, target: jax.Array) -> jax.Array:
    """Eq. (3): two Gram matrices [B, C, C] -> [B]."""
    return 0.25 * mean_square(found, target)


def mean_square(a: jax.Array, b: jax.Array) -> jax.Array:
    """Mean squared difference of all but the first axis, eq. (7): [B, ...] and [B, ...] -> [B]."""
    difference = a.astype(jnp.float32) - b.astype(jnp.float32)
    return jnp.mean(jnp.square(difference), axis=tuple(range(1, difference.ndim)))


def total_variation(x: jax.Array, power: int = 2) -> jax.Array:
    """Eq. (4): images [B, H, W, C] -> [B]; power 1 is total variation proper, 2 is smooth. Axes of length 1 add 0."""
    x = x.astype(jnp.float32)
    steps = (x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1])
    terms = [jnp.mean(jnp.abs(step) ** power, axis=(1, 2, 3)) for step in steps if step.size]
    return jnp.asarray(sum(terms, jnp.zeros(x.shape[0], jnp.float32)))


def statistics(features: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Means and deviations over positions: [B, H, W, C] -> two float32 [B, 1, 1, C]."""
    features = features.astype(jnp.float32)
    mean = jnp.mean(features, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(features - mean), axis=(1, 2), keepdims=True)
    return mean, jnp.sqrt(variance + EPS)


def adain(content: jax.Array, style: jax.Array) -> jax.Array:
    """Eq. (5): `content` with the statistics of `style`. [B, H, W, C] and [B, H', W', C] -> float32 [B, H, W, C]."""
    (mean, deviation), (new_mean, new_deviation) = statistics(content), statistics(style)
    return (content.astype(jnp.float32) - mean) / deviation * new_deviation + new_mean


def statistics_loss(features: jax.Array, style: jax.Array) -> jax.Array:
    """Eq. (6): maps whose positions may differ in number -> [B]."""
    (mean, deviation), (style_mean, style_deviation) = statistics(features), statistics(style)
    return mean_square(mean, style_mean) + mean_square(deviation, style_deviation)
