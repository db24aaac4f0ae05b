"""XLA's CPU reductions and attention: the usual way of writing a norm beside ours, forward and backward.

    python benchmarks/reductions.py [--batch 16] [--size 32] [--channels 64] [--groups 32] [--out reductions.json]

"group norm": mean and variance over [B, H, W, groups, channels / groups] in one reduction, as flax writes it, beside
`jaxgen.ops.norm.group_norm`, which sums over space first. "attention": `jax.nn.dot_product_attention` beside
`jaxgen.ops.attention`. Medians of calls that take turns; both sides are compared first.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
from turns import in_turns, write

from jaxgen.ops import attention, norm


def usual_norm(x, groups):
    """The definition, with one reduction over space and the channels of a group."""
    parts = x.reshape(*x.shape[:-1], groups, -1)
    mean = parts.mean(axis=(1, 2, 4), keepdims=True)
    var = jnp.square(parts).mean(axis=(1, 2, 4), keepdims=True) - jnp.square(mean)
    return ((parts - mean) * jax.lax.rsqrt(var + 1e-5)).reshape(x.shape)


def pairs(options):
    """{what: (usual, ours, arguments)}."""
    keys = jax.random.split(jax.random.key(0), 4)
    x = jax.random.normal(keys[0], (options.batch, options.size, options.size, options.channels))
    tokens = (options.batch, (options.size // 2) ** 2, 4, options.channels // 4)
    q, k, v = (jax.random.normal(key, tokens) for key in keys[1:])
    norms = (lambda x: usual_norm(x, options.groups)), (lambda x: norm.group_norm(x, options.groups))
    return {
        "group norm": (*norms, (x,)),
        "attention": (jax.nn.dot_product_attention, attention.attention, (q, k, v)),
    }


def derivative(f):
    """The gradient in the first argument, from a gradient of the output."""
    return lambda g, x, *rest: jax.vjp(lambda x: f(x, *rest), x)[1](g)[0]


def compared(usual, ours, given, change):
    """One row: how far apart the results are, and milliseconds of each side."""
    if change:
        usual, ours = derivative(usual), derivative(ours)
        given = (jax.random.normal(jax.random.key(9), given[0].shape), *given)
    sides = {"usual": jax.jit(usual), "ours": jax.jit(ours)}
    apart = float(jnp.max(jnp.abs(sides["usual"](*given) - sides["ours"](*given))))
    took = in_turns({side: lambda f=f: f(*given) for side, f in sides.items()})
    return {"apart": apart} | {f"{side}_ms": 1e3 * value for side, value in took.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--groups", type=int, default=32)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = {}
    for what, (usual, ours, given) in pairs(args).items():
        for way, change in (("forward", False), ("gradient", True)):
            rows[f"{what}, {way}"] = compared(usual, ours, given, change)
    print(f"{'':28}{'usual ms':>10}{'ours ms':>10}{'ratio':>8}{'apart':>10}")
    for name, row in rows.items():
        ratio = row["usual_ms"] / row["ours_ms"]
        print(f"{name:28}{row['usual_ms']:10.1f}{row['ours_ms']:10.1f}{ratio:8.2f}{row['apart']:10.1e}")
    write(args, rows)


if __name__ == "__main__":
    main()
