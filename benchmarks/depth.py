"""Compile time as a network grows deeper, with its blocks one after another and as one scanned block.

    python benchmarks/depth.py [--depths 4,8,16,32] [--width 192] [--tokens 64] [--out depth.json]

Blocks are a transformer's (attention, MLP, layer norms); what is compiled is the gradient of the mean squared output.
Tracing, lowering and compiling are timed apart, in this process, with no compilation cache; then the seconds of a run.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.ops import attention


class Block(nn.Module):
    """Tokens [B, T, D] -> the same."""

    heads: int = 6

    @nn.compact
    def __call__(self, x):
        width = x.shape[-1]
        y = nn.LayerNorm(name="norm1")(x)
        parts = nn.Dense(3 * width, name="qkv")(y).reshape(*y.shape[:2], 3, self.heads, width // self.heads)
        y = attention.attention(*jnp.moveaxis(parts, 2, 0)).reshape(x.shape)
        x = x + nn.Dense(width, name="out")(y)
        y = nn.Dense(4 * width, name="wide")(nn.LayerNorm(name="norm2")(x))
        return x + nn.Dense(width, name="narrow")(nn.gelu(y))


class Unrolled(nn.Module):
    depth: int

    @nn.compact
    def __call__(self, x):
        for i in range(self.depth):
            x = Block(name=f"block_{i}")(x)
        return x


class Scanned(nn.Module):
    depth: int

    @nn.compact
    def __call__(self, x):
        one = lambda block, x, _: (block(x), None)  # noqa: E731
        body = nn.scan(one, variable_axes={"params": 0}, split_rngs={"params": True}, length=self.depth)
        return body(Block(name="blocks"), x, None)[0]


FORMS = {"unrolled": Unrolled, "scanned": Scanned}


def measure(form: str, depth: int, options) -> dict:
    net, x = FORMS[form](depth), jnp.ones((options.batch, options.tokens, options.width))
    params = jax.tree.map(
        lambda s: 0.02 * jnp.ones(s.shape, s.dtype), jax.eval_shape(net.init, jax.random.key(0), x)["params"]
    )
    gradient = jax.jit(jax.grad(lambda p, x: jnp.mean(jnp.square(net.apply({"params": p}, x)))))
    begun = time.perf_counter()
    lowered = gradient.lower(params, x)
    traced = time.perf_counter()
    program = lowered.compile()
    compiled = time.perf_counter()
    runs = []
    for _ in range(6):
        start = time.perf_counter()
        jax.block_until_ready(program(params, x))
        runs.append(time.perf_counter() - start)
    return {
        "form": form,
        "depth": depth,
        "trace_and_lower": traced - begun,
        "compile": compiled - traced,
        "run": statistics.median(runs[1:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", default="4,8,16,32")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"{'form':10}{'blocks':>8}{'trace, s':>10}{'compile, s':>12}{'run, ms':>10}")
    for depth in map(int, options.depths.split(",")):
        for form in FORMS:
            rows.append(measure(form, depth, options))
            one = rows[-1]
            print(
                f"{form:10}{depth:8d}{one['trace_and_lower']:10.2f}{one['compile']:12.2f}{1000 * one['run']:10.1f}",
                flush=True,
            )
    if options.out:
        found = {
            "jax": jax.__version__,
            "device": jax.devices()[0].device_kind,
            "cpus": os.cpu_count(),
            "load": os.getloadavg(),
        }
        options.out.write_text(json.dumps({**found, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
