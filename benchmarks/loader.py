"""Images per second that one process can load, bytes per image on the wire, and what training takes of them.

    python benchmarks/loader.py [CONFIG ...] [--seconds 5] [--train] [--out loader.json]

The loader is timed alone: whole batches of a config's size as `jaxgen train` asks for them, one after the other, in one
thread, after one epoch has been touched. `--train` also trains the config for a few steps on this machine and reports
the images per second it takes, batches being prepared beside.
"""

import argparse
import json
import os
import time
from pathlib import Path

DEFAULT = ("diffusion/edm_digits", "gan/dcgan_digits")


def loading(name: str, overrides: list[str], seconds: float) -> dict:
    """Speed and size of the batches of a config."""
    import numpy as np

    from jaxgen import data
    from jaxgen.zoo import configs

    config = configs.load(name, overrides)
    source = data.load(config.data)
    size = config.train.batch_size
    batch = source.batches("train", size, config.train.seed)
    first = batch(0)
    wire = {key: value.nbytes / size for key, value in first.items() if value.dtype.kind not in "OUS"}
    for step in range(min(-(-source.info.sizes["train"] // size), 50)):
        batch(step)
    rates, step, end = [], 100, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        for _ in range(10):
            batch(step)
            step += 1
        rates.append(10 * size / (time.perf_counter() - begun))
    low, middle, high = np.percentile(rates, [25, 50, 75])
    return {
        "config": name,
        "batch": size,
        "images_per_second": middle,
        "quartiles": [low, high],
        "bytes_per_image": sum(wire.values()),
        "leaves": wire,
        "image": list(source.info.image),
    }


def training(name: str, overrides: list[str], steps: int) -> dict:
    """Images per second that training takes, and its seconds per step by kind, without what compiles."""
    import tempfile

    from jaxgen import api
    from jaxgen.training import read_metrics

    with tempfile.TemporaryDirectory() as scratch:
        changes = [f"train.steps={steps}", "train.sample_every=0", "train.checkpoint_every=0", "train.samples=1"]
        calls = ["train.steps_per_call=1", f"train.log_every={steps // 2}"]
        api.train(name, [*overrides, *changes, *calls], workdir=scratch, progress=False)
        row = read_metrics(Path(scratch) / "metrics.jsonl")[-1]
    return {key: value for key, value in row.items() if key.endswith("_seconds") or key == "images_per_second"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=DEFAULT)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--steps", type=int, default=400, help="a schedule's warm-up has to fit in")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    rows = []
    for name in args.configs:
        row = loading(name, args.set, args.seconds)
        told = f"{name}: {row['images_per_second']:,.0f} images/s, {row['bytes_per_image']:,.0f} bytes per image"
        if args.train:
            row["training"] = training(name, args.set, args.steps)
            told += f"; training takes {row['training']['images_per_second']:,.1f} images/s"
        print(told, flush=True)
        rows.append(row)
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
