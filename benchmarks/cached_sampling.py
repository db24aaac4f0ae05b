"""Sampling an autoregressive model with cached activations beside a whole pass of the network per pixel.

    python benchmarks/cached_sampling.py [CONFIG] [--images 16] [--blocks 5] [--out result.json]

Both sides are the task `sample` of the config as `jaxgen sample` compiles it, with freshly initialised weights (speed
does not depend on them), the same seed and the same number of images. Blocks alternate, so that a busy machine slows
both alike; the table shows medians. The images of both sides are compared too: they are equal, unless rounding tips a
draw.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import jax
import numpy as np

from jaxgen import parallel
from jaxgen.core import weights
from jaxgen.data import Info
from jaxgen.zoo import configs, methods
from jaxgen.zoo.wire import wire

SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}


def programs(name: str, overrides: list[str]):
    """(weights, {side: compiled task}, inputs) of a config."""
    config = configs.load(name, overrides)
    info = Info(config.data.name, SHAPES[config.data.name], tuple("0123456789"))
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (8, *info.image), dtype=np.uint8),
        "label": np.arange(8, dtype=np.int32),
    }
    sides = {}
    for side in ("cached", "uncached"):
        config.sampler.cached = side == "cached"
        method = methods.build(config, info)
        sides[side] = parallel.task_program(wire(method.tasks["sample"]))
    state = jax.jit(method.init)(jax.random.key(0), batch, {})
    return weights(state), sides, "label" in method.tasks["sample"].inputs


def measure(options) -> dict:
    """First-call seconds (compilation included), then seconds per block."""
    view, sides, labelled = programs(options.config, options.overrides)
    inputs = {"label": np.arange(options.images, dtype=np.int32) % 10} if labelled else {}
    indices = np.arange(options.images, dtype=np.uint32)

    def run(side):
        start = time.perf_counter()
        images = np.asarray(sides[side](view, np.uint32(0), indices, inputs)["image"])
        return time.perf_counter() - start, images

    first = {side: run(side) for side in sides}
    times: dict[str, list[float]] = {side: [] for side in sides}
    for block in range(options.blocks):
        for side in list(sides)[:: 1 if block % 2 else -1]:
            times[side].append(run(side)[0])
    middle = {side: statistics.median(found) for side, found in times.items()}
    equal = np.mean([(a == b).all() for a, b in zip(first["cached"][1], first["uncached"][1], strict=True)])
    return {
        "config": options.config,
        "images": options.images,
        "hardware": f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPUs",
        "jax": jax.__version__,
        "first_seconds": {side: found[0] for side, found in first.items()},
        "seconds": times,
        "images_per_second": {side: options.images / value for side, value in middle.items()},
        "speed_up": statistics.median(u / c for c, u in zip(times["cached"], times["uncached"], strict=True)),
        "equal_images": float(equal),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="autoregressive/pixelcnn_mnist")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE, as for jaxgen train")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = measure(options)
    for side, rate in result["images_per_second"].items():
        print(f"{side:10}{rate:>10.2f} images/s   first call {result['first_seconds'][side]:.1f} s")
    print(
        f"cached sampling is {result['speed_up']:.1f} times as fast; {result['equal_images']:.0%} of images are equal"
    )
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
