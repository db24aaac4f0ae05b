"""How far whole states are apart after a few steps on different devices and strategies. Prints a table, writes JSON.

    python benchmarks/equality.py [CONFIG ...] [--steps 2] [--out equality.json]

A figure is the largest difference of any leaf of the state, relative to that leaf's norm.
"""

import argparse
import json
import os
from pathlib import Path

DEVICES = 4
DEFAULT = (
    "gan/dcgan_digits",
    "vae/mlp_digits",
    "diffusion/edm_digits",
    "diffusion/unet_digits",
    "classifier/cnn_digits",
)


def apart(a, b) -> tuple[float, str]:
    """The largest relative difference between leaves of two states, and that leaf's path; keys and integers must be
    equal."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    worst, where = 0.0, "none"
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        x, y = np.asarray(x), np.asarray(y)
        if not np.issubdtype(x.dtype, np.floating):
            found = 0.0 if (x == y).all() else float("inf")
        else:
            norm = np.linalg.norm(x.astype(np.float64).ravel()) + 1e-6
            found = float(np.linalg.norm((x.astype(np.float64) - y).ravel()) / norm)
        if found > worst:
            worst, where = found, jax.tree_util.keystr(path)
    return worst, where


def measure(name: str, steps: int) -> dict:
    """Differences of a config's `:smoke` form between strategies, and the number of traces of its step."""
    import jax

    from jaxgen import data, parallel
    from jaxgen.zoo import configs, methods

    config = configs.load(f"{name}:smoke")
    for section in [config.optim, *config.optim.values()]:
        if hasattr(section, "keys") and "eps" in section:
            section.eps = 1e-3  # so that rounding does not decide the direction of weights without a gradient
    source = data.load(config.data)
    traces: list[str] = []

    def run(kind, method, strategy_of):
        def counted(state, batch):
            traces.append(kind)
            return method.step(state, batch)

        strategy = strategy_of(method._replace(step=counted))
        batch = source.batches("train", 8, 0, per_step=method.batches_per_step)
        state = strategy.init(jax.random.key(0), batch(0), {})
        traces[:] = [trace for trace in traces if trace != kind]
        for step in range(steps):
            state, _ = strategy.step(state, strategy.put(batch(step)))
            jax.block_until_ready(state)
        return state

    plain, replicated = methods.build(config, source.info), methods.build(config, source.info, "data")
    mesh = [parallel.make_mesh(devices=jax.devices()[:n]) for n in (1, DEVICES)]
    one = run("jit x1", plain, lambda m: parallel.jit_strategy(m, mesh[0]))
    four = run(f"jit x{DEVICES}", plain, lambda m: parallel.jit_strategy(m, mesh[1]))
    fsdp = run(f"fsdp x{DEVICES}", plain, lambda m: parallel.jit_strategy(m, parallel.make_mesh(1, DEVICES), small=16))
    pmapped = run(f"pmap x{DEVICES}", replicated, lambda m: parallel.pmap_strategy(m, devices=jax.devices()[:DEVICES]))
    return {
        f"jit x{DEVICES}": apart(one, four),
        f"fsdp x{DEVICES}": apart(one, fsdp),
        f"pmap x{DEVICES}": apart(one, pmapped),
        "traces": traces.count("jit x1"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=DEFAULT)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    flags = f"--xla_force_host_platform_device_count={DEVICES} --xla_backend_optimization_level=0"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    found = {}
    for name in args.configs:
        found[name] = measure(name, args.steps)
        traces = found[name].pop("traces")
        print(name, f"(traces: {traces})")
        for strategy, (value, where) in found[name].items():
            print(f"  {strategy:10}{value:.1e}  {where}", flush=True)
        found[name]["traces"] = traces
    if args.out:
        args.out.write_text(json.dumps({"steps": args.steps, "apart": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
