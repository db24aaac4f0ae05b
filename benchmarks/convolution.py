"""XLA's CPU convolutions: where automatic differentiation leaves the fast path, and what `jaxgen.ops.strided` gains.

    python benchmarks/convolution.py [--batch 64] [--size 14] [--channels 64] [--out convolution.json]

The same derivative by `jax.vjp` of `lax.conv_general_dilated` as jax compiles it, the same with
`jaxgen.parallel.compiler_options`, and by `jaxgen.ops.strided` with them, alone and inside a `lax.scan` over four parts
of the batch: medians of calls that take turns.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import lax
from turns import in_turns, write

from jaxgen.ops import strided
from jaxgen.parallel import compiler_options

BEHIND = "w and forward, behind a relu"


def plain(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def ours(x, w):
    return strided.down(x, w, 1)


def derivatives(conv):
    """Forward, the gradient in the image, the gradient in the kernel; each alone and walked in four parts."""

    def in_image(x, w, g):
        return jax.vjp(lambda x: conv(x, w), x)[1](g)[0]

    def in_kernel(x, w, g):
        return jax.vjp(lambda w: conv(x, w), w)[1](g)[0]

    def behind(x, w, g):
        out, back = jax.vjp(lambda w: conv(jax.nn.relu(x + 1.0), w), w)
        return out, back(g)[0]

    def scanned(f):
        def walk(x, w, g):
            parts = (x.reshape(4, -1, *x.shape[1:]), g.reshape(4, -1, *g.shape[1:]))
            return lax.scan(lambda _, part: (None, f(part[0], w, part[1])), None, parts)[1]

        return walk

    single = {"forward": lambda x, w, g: conv(x, w), "gradient in x": in_image, "gradient in w": in_kernel}
    return {**single, **{f"{name}, in a scan": scanned(f) for name, f in single.items()}, BEHIND: behind}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=14)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    keys = jax.random.split(jax.random.key(0), 3)
    image = (args.batch, args.size, args.size, args.channels)
    x, g = jax.random.normal(keys[0], image), jax.random.normal(keys[1], image)
    w = jax.random.normal(keys[2], (3, 3, args.channels, args.channels))
    rows = {}
    for name, theirs in derivatives(plain).items():
        sides = {
            "plain": jax.jit(theirs),
            "told": jax.jit(theirs, compiler_options=compiler_options()),
            "ours": jax.jit(derivatives(ours)[name], compiler_options=compiler_options()),
        }
        took = in_turns({side: lambda f=f: f(x, w, g) for side, f in sides.items()})
        found = (jax.tree.leaves(sides[side](x, w, g)) for side in ("plain", "ours"))
        error = max(float(jnp.max(jnp.abs(a - b))) for a, b in zip(*found, strict=True))
        rows[name] = {f"{side}_ms": 1e3 * took[side] for side in sides} | {"apart": error}
    print(f"{'':28}{'plain ms':>10}{'told ms':>10}{'ours ms':>10}{'plain/ours':>12}")
    for name, row in rows.items():
        told = "".join(f"{row[f'{side}_ms']:10.1f}" for side in sides)
        print(f"{name:28}{told}{row['plain_ms'] / row['ours_ms']:12.2f}")
    write(args, rows)


if __name__ == "__main__":
    main()
