"""How long the figures of an evaluation take, and how much memory: encoding, distances, the matrix square root.

    python benchmarks/evaluation.py --judge runs/classifier/cnn_mnist [--images 10000] [--out result.json]

Encodes that many images of the classifier's data set and measures their Frechet distance to as many others; and on
random features takes the trace of the root of a product of covariances by `evals.frechet` and by scipy's `sqrtm`.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from jaxgen import data, evals
from jaxgen.evaluation.asked import judge_of_run
from jaxgen.runs import load
from jaxgen.zoo import encoders


def seconds(action):
    """(result, wall time)."""
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


def peak() -> int:
    """MiB that this process has used at most."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def classifier(folder: str, count: int) -> dict:
    """Frechet distance of `count` training images to as many others, in the features of a classifier run."""
    encoder = encoders.of_judge(judge_of_run(folder))
    source = data.load(load(folder).config.data)
    images = (batch["image"][batch["mask"]] for batch in source.epoch("train", 250))
    parts = [x for _, x in zip(range(2 * count // 250), images)]
    encoder.encode(parts[0])  # compiles
    before = peak()
    fit = evals.moments(lambda x: encoder.encode(x)["features"])
    half = len(parts) // 2
    reference, first = seconds(lambda: evals.run(fit, ((x,) for x in parts[:half])))
    metric = evals.frechet(reference, lambda x: encoder.encode(x)["features"])
    found, second = seconds(lambda: evals.run(metric, ((x,) for x in parts[half:])))
    return {
        "images": sum(len(x) for x in parts[half:]),
        "features": reference.mean.size,
        "distance": found.distance,
        "seconds": second,
        "images_per_second": sum(len(x) for x in parts[:half]) / first,
        "peak_memory_mb": peak(),
        "of_it_before": before,
    }


def roots(sizes=(128, 512, 2048)) -> list[dict]:
    """Seconds and value of tr (S1 S2)^(1/2), ours and scipy's, for covariances of full and of half rank."""
    from scipy.linalg import sqrtm

    rows = []
    for size in sizes:
        for share in (2.0, 0.5):
            rng = np.random.default_rng(0)
            a, b = (evals.measure(evals.moments(), rng.normal(size=(int(share * size), size))) for _ in range(2))
            ours, mine = seconds(lambda: evals.between(a, b))  # noqa: B023
            root, theirs = seconds(lambda: sqrtm(a.covariance @ b.covariance))  # noqa: B023
            other = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance) - 2 * np.trace(root)
            rows.append(
                {
                    "features": size,
                    "examples": int(share * size),
                    "seconds": mine,
                    "distance": ours.distance,
                    "scipy_seconds": theirs,
                    "scipy_distance": float(np.real(other)),
                    "scipy_imaginary": float(np.abs(np.imag(root)).max()),
                }
            )
    return rows


def main() -> None:
    """Print and write the figures."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--judge", help="directory of a classifier run; without it only the roots are measured")
    top.add_argument("--images", type=int, default=10000)
    top.add_argument("--sizes", type=int, nargs="*", default=[128, 512, 2048])
    top.add_argument("--out", type=Path)
    args = top.parse_args()
    result = {"classifier": classifier(args.judge, args.images)} if args.judge else {}
    result["roots"] = roots(args.sizes)
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
