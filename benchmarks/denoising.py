"""Denoising by a trained random field, beside the noisy pictures themselves and median filters.

    python benchmarks/denoising.py RUN [--count 1000] [--seed 0]

Held-out images get the noise of the config's `sampler.noise` (task "corrupt"), and the field takes it away (task
"denoise"). For symbols the share of right pixels is printed, for Gaussian features the root mean squared error.
"""

import argparse
import time

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    from scipy.ndimage import median_filter

    from jaxgen import runs

    run = runs.load(args.run)
    clean = runs.held_out(run, 0, args.count)
    symbols = run.config.method.field == "potts"
    if symbols:
        levels = run.config.method.levels
        clean = np.rint((clean.astype(np.int64) * levels // 256) * (255 / (levels - 1))).astype(np.uint8)
    noisy = run.run("corrupt", seed=args.seed, image=clean)["image"]
    begin = time.perf_counter()
    found = run.run("denoise", seed=args.seed + 1, image=noisy)["image"]
    seconds = time.perf_counter() - begin
    rivals = {
        "noisy": noisy,
        "median 3x3": median_filter(noisy, (1, 3, 3, 1)),
        "median 5x5": median_filter(noisy, (1, 5, 5, 1)),
        "field": found,
    }
    what = "right pixels, %" if symbols else "root mean squared error, grey levels"
    print(f"{args.run}: {args.count} held-out images, noise {run.config.sampler.noise}, {what}")
    for name, image in rivals.items():
        if symbols:
            value = 100 * np.mean(image == clean)
        else:
            value = np.sqrt(np.mean((image.astype(float) - clean) ** 2))
        print(f"{name:12}{value:8.3f}")
    print(f"{args.count / seconds:.0f} images/s, compilation included")


if __name__ == "__main__":
    main()
