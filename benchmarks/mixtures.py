"""Gaussian mixtures on held-out digits: jaxgen's EM beside scikit-learn's, from the same start and from their own.

    python benchmarks/mixtures.py [--out result.json] [--seed 0] [--steps 50]

Both sides see the same 1,442 training digits in [-1, 1], the same floor under the variances and equally many EM steps.
Seconds are wall time of the EM steps; compilation is given apart.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np


def _fit_sklearn(model, x):
    """(the fitted model, seconds)"""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x.astype(np.float64))
    return model, time.perf_counter() - begin


def _fit_jaxgen(method, train, seed: int, steps: int):
    """(parameters, BIC, seconds, seconds until the first step was compiled and made)"""
    import jax

    from jaxgen import parallel

    strategy = parallel.jit_strategy(method, parallel.make_mesh(devices=jax.devices()[:1]))
    batch = strategy.put({"image": train})
    begin = time.perf_counter()
    state = jax.block_until_ready(strategy.init(jax.random.key(seed), {"image": train}, {}))
    jax.block_until_ready(strategy.step(jax.tree.map(lambda x: x.copy(), state), batch))
    compiled = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in range(steps):
        state, metrics = strategy.step(state, batch)
    jax.block_until_ready(state)
    seconds = time.perf_counter() - begin
    return state.params["mixture"], float(metrics["mixture/bic"]), seconds, compiled


def measure(kind: str, train, test, seed: int, steps: int) -> dict:
    """Log-likelihoods in nats per held-out digit, and seconds, of both sides."""
    from sklearn.mixture import GaussianMixture

    from jaxgen.data.info import Info
    from jaxgen.methods.mixture import mixture
    from jaxgen.objectives import mixtures
    from jaxgen.ops.images import to_float
    from jaxgen.zoo import configs, methods

    config = configs.load(f"mixture/{kind}_digits")
    flat = [np.asarray(to_float(x)).reshape(len(x), -1) for x in (train, test)]
    settings = dict(covariance_type=kind, reg_covar=config.method.floor, tol=0, random_state=seed)
    count = config.method.components

    def sklearn_fit(**more):
        return _fit_sklearn(GaussianMixture(count, max_iter=steps, **settings, **more), flat[0])

    def jaxgen_fit(method):
        params, bic, seconds, compiled = _fit_jaxgen(method, train, seed, steps)
        return [float(np.mean(mixtures.log_prob(kind, params, x))) for x in flat], seconds, compiled, bic

    first, _ = _fit_sklearn(GaussianMixture(count, max_iter=1, **settings), flat[0])
    given = {"weights": first.weights_, "means": first.means_, "covariances": first.covariances_}
    given = {name: value.astype(np.float32) for name, value in given.items()}
    same, same_seconds = sklearn_fit(
        weights_init=first.weights_, means_init=first.means_, precisions_init=first.precisions_
    )
    own, own_seconds = sklearn_fit()
    info = Info("digits", (8, 8, 1), tuple("0123456789"), {"train": len(train), "test": len(test)})
    started = mixture(
        components=count, image=(8, 8, 1), covariance=kind, floor=config.method.floor, given=given, examples=len(train)
    )
    scores, seconds, compiled, bic = jaxgen_fit(started)
    free_scores, free_seconds, *_ = jaxgen_fit(methods.build(config, info))
    return {
        "same_start": {
            "jaxgen": {"train": scores[0], "test": scores[1], "seconds": seconds, "compile": compiled, "bic": bic},
            "sklearn": {
                "train": same.score(flat[0]),
                "test": same.score(flat[1]),
                "seconds": same_seconds,
                "bic": same.bic(flat[0]),
            },
        },
        "own_start": {
            "jaxgen": {"train": free_scores[0], "test": free_scores[1], "seconds": free_seconds},
            "sklearn": {"train": own.score(flat[0]), "test": own.score(flat[1]), "seconds": own_seconds},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()

    from jaxgen import data
    from jaxgen.zoo.defaults import base

    source = data.load(base().data)
    train, test = (
        np.concatenate([batch["image"][batch["mask"]] for batch in source.epoch(split, 512)])
        for split in ("train", "test")
    )
    found = {}
    for kind in ("full", "tied", "diag", "spherical"):
        found[kind] = measure(kind, train, test, args.seed, args.steps)
        for start, sides in found[kind].items():
            print(
                f"{kind:10}{start:11}"
                + "  ".join(
                    f"{side}: train {v['train']:.4f} test {v['test']:.4f} in {v['seconds']:.2f} s"
                    for side, v in sides.items()
                ),
                flush=True,
            )
    if args.out:
        args.out.write_text(json.dumps({"seed": args.seed, "steps": args.steps, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
