"""How far whole states are apart after a few steps on different devices, meshes and processes: a table, and JSON.

    python benchmarks/equality.py [CONFIG ...] [--steps 2] [--out equality.json]

A figure is the largest difference of any leaf of the state (weights, optimizer, averages, statistics, memory), relative
to that leaf's norm; keys and whole numbers must be equal. All are compared with `jit` on one device, `pmap` with `vmap`
over replicas as well.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

DEVICES = 4
BATCH = 8
DEFAULT = ("gan/dcgan_digits", "vae/mlp_digits", "diffusion/edm_digits", "diffusion/unet_digits")
TENSOR = ((r"kernel$", (None, "tensor")),)
"""Columns of every matrix: not the fastest division, but one that touches every layer."""


def plain(state) -> dict:
    """path -> numpy array; keys as their data."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    found = {}
    for path, x in jax.tree_util.tree_leaves_with_path(state):
        x = jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        found[jax.tree_util.keystr(path, simple=True, separator="/")] = np.asarray(x)
    return found


def apart(a: dict, b: dict) -> tuple[float, str]:
    """The largest relative difference between leaves, and that leaf's path."""
    import numpy as np

    worst, where = 0.0, "none"
    for name, x in a.items():
        y = b[name]
        if not np.issubdtype(x.dtype, np.floating):
            found = 0.0 if (x == y).all() else float("inf")
        else:
            norm = np.linalg.norm(x.astype(np.float64).ravel()) + 1e-6
            found = float(np.linalg.norm((x.astype(np.float64) - y).ravel()) / norm)
        if found > worst:
            worst, where = found, name
    return worst, where


def chosen(name: str, micro: int = 1):
    """(config, data) of a `:smoke` form."""
    from jaxgen import data
    from jaxgen.zoo import configs

    config = configs.load(f"{name}:smoke", [f"train.micro={micro}"])
    for section in [config.optim, *config.optim.values()]:
        if hasattr(section, "keys") and "eps" in section:
            section.eps = 1e-3  # so that rounding does not decide the direction of weights without a gradient
    return config, data.load(config.data)


def run(name: str, steps: int, *, micro: int = 1, axis: str | None = None, strategy_of) -> dict:
    """The state after `steps` steps; each process loads its rows."""
    import jax

    from jaxgen.zoo import methods

    config, source = chosen(name, micro)
    method = methods.build(config, source.info, axis)
    strategy = strategy_of(method)
    batch = source.batches("train", BATCH, 0, per_step=method.batches_per_step, rows=strategy.rows(BATCH))
    state = strategy.init(jax.random.key(0), batch(0), {})
    for step in range(steps):
        state, _ = strategy.step(state, strategy.put(batch(step)))
        jax.block_until_ready(state)
    if jax.process_count() > 1:
        place = jax.tree.map(lambda x: jax.NamedSharding(x.sharding.mesh, jax.P()), state)
        state = jax.jit(lambda state: state, out_shardings=place)(state)
    return plain(state)


def vmapped(name: str, steps: int) -> dict:
    """The meaning of pmap without devices: a replica per row of a vmap with a named axis."""
    import jax

    from jaxgen.zoo import methods

    config, source = chosen(name)
    method, start = methods.build(config, source.info, "data"), methods.build(config, source.info)
    lead = int(method.batches_per_step > 1)
    batch = source.batches("train", BATCH, 0, per_step=method.batches_per_step)

    def split(x):
        return x.reshape(*x.shape[:lead], DEVICES, -1, *x.shape[lead + 1 :])

    step = jax.jit(jax.vmap(method.step, in_axes=(None, lead), out_axes=None, axis_name="data", axis_size=DEVICES))
    state = jax.jit(start.init)(jax.random.key(0), batch(0), {})
    for number in range(steps):
        state, _ = step(state, jax.tree.map(split, batch(number)))
    return plain(state)


def in_processes(name: str, steps: int, count: int = 2) -> dict:
    """The same with `count` processes of DEVICES / count devices each, data parallel times fsdp."""
    import numpy as np

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "state.npz"
        words = [sys.executable, __file__, name, "--steps", steps, "--out", out, "--as", f"localhost:{port}", count]
        flags = _flags(DEVICES // count)
        children = [
            subprocess.Popen([str(x) for x in [*words, i]], env={**os.environ, "XLA_FLAGS": flags}, stdout=sys.stderr)
            for i in range(count)
        ]
        codes = [child.wait() for child in children]
        if any(codes):
            raise SystemExit(f"processes ended with {codes}")
        with np.load(out) as held:
            return dict(held)


def one_process(args) -> None:
    import jax
    import numpy as np

    from jaxgen import parallel
    from jaxgen.parallel import launch

    coordinator, count, index = args.process
    launch.start(coordinator, int(count), int(index))
    with launch.together():
        made = run(
            args.configs[0],
            args.steps,
            strategy_of=lambda m: parallel.jit_strategy(m, parallel.make_mesh(2, 2), small=16),
        )
        if jax.process_index() == 0:
            np.savez(args.out, **made)


def measure(name: str, steps: int) -> dict:
    """way of running -> (difference, leaf)."""
    import jax

    from jaxgen import parallel
    from jaxgen.parallel import rules

    def on(*sizes, **settings):
        devices = jax.devices()[:1] if sizes == (1,) else None
        return lambda m: parallel.jit_strategy(m, parallel.make_mesh(*sizes, devices=devices), **settings)

    def pmap(method):
        return parallel.pmap_strategy(method, devices=jax.devices()[:DEVICES])

    one = run(name, steps, strategy_of=on(1))
    found = {
        "jit x4": apart(one, run(name, steps, strategy_of=on(4))),
        "fsdp x4": apart(one, run(name, steps, strategy_of=on(1, 4, small=16))),
        "data x fsdp 2 x 2": apart(one, run(name, steps, strategy_of=on(2, 2, small=16))),
        "data x tensor 2 x 2": apart(one, run(name, steps, strategy_of=on(2, 1, 2, rules=rules.parse(TENSOR)))),
        "2 processes x 2 devices": apart(one, in_processes(name, steps)),
        "remat products": apart(one, run(name, steps, strategy_of=on(1, policy="products"))),
        "micro 2": apart(one, run(name, steps, micro=2, strategy_of=on(1))),
        "micro 4, jit x2": apart(
            one,
            run(
                name,
                steps,
                micro=4,
                strategy_of=lambda m: parallel.jit_strategy(m, parallel.make_mesh(devices=jax.devices()[:2])),
            ),
        ),
    }
    replicas = run(name, steps, axis="data", strategy_of=pmap)
    found["pmap x4"] = apart(one, replicas)
    found["pmap x4 against vmap"] = apart(vmapped(name, steps), replicas)
    return found


def _flags(devices: int) -> str:
    own = [f for f in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in f]
    level = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    return " ".join([*own, f"--xla_force_host_platform_device_count={devices}", level])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=DEFAULT)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--as", dest="process", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if args.process:
        return one_process(args)
    os.environ["XLA_FLAGS"] = _flags(DEVICES)
    found: dict[str, dict] = {}
    for name in args.configs:
        found[name] = measure(name, args.steps)
        print(name)
        for way, (value, where) in found[name].items():
            print(f"  {way:24}{value:.1e}  {where}", flush=True)
    if args.out:
        args.out.write_text(json.dumps({"steps": args.steps, "apart": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
