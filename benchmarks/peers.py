"""Our models beside PyTorch's, with the same weights, in one process, on the same cores.

    python benchmarks/peers.py [MODEL ...] [--batches 1,16] [--modes eager,channels_last,compile] [--compare]

Needs the environment of requirements-oracles.txt (`make oracles` makes it). For every model the peer's weights are
copied into ours, outputs (and losses, for training) are compared, and only if they agree both are timed in alternation,
round by round, so that a busy machine slows all alike. "sampling" runs the task, "training" a gradient of the mean
squared output with respect to all weights. Ours runs on one device and, where the batch divides, on one device per
core (`mesh.cpu` of a config). The ratio is theirs / ours, each side by its best mode, median over rounds: above 1 ours
is faster. "stolen" is the share of all cores' time that a shared host gave to others meanwhile; with `--tries N` a row
is timed up to N times, until that is under 2 %, and the time with the least stolen counts. Ends with code 1 if outputs
differ, never for being slow.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.sharding import NamedSharding, PartitionSpec
from peer_latents import dit, dit_sampling, kl_decoder
from peer_models import dcgan, glow, unet, unet_sampling
from peer_pairs import Model, Pair, first, modes, present
from peer_twins import convlstm, edsr, pixelcnn, pixelcnn_sampling

from jaxgen.parallel import compiler_options, make_mesh

MODELS = {
    "unet": Model("diffusers UNet2DModel, DDIMScheduler", "diffusers", unet_sampling, unet),
    "dit": Model("diffusers DiTTransformer2DModel (S/4), DDIMScheduler", "diffusers", dit_sampling, dit),
    "kl_decoder": Model("diffusers AutoencoderKL, decoder to 64x64", "diffusers", kl_decoder),
    "dcgan": Model("DCGAN generator, 64x64", "", dcgan),
    "glow": Model("normflows MultiscaleFlow, inverse", "normflows", glow, trains=False),
    "edsr": Model("EDSR x2, 8 blocks of 64", "", edsr),
    "convlstm": Model("ConvLSTM 48-48, 5 + 5 frames", "", convlstm),
    "pixelcnn": Model("gated PixelCNN, 12x12", "", pixelcnn_sampling, pixelcnn),
}


QUIET = 0.02
"""A share of the cores' time that others may take without a row being timed again."""


class Differs(Exception):
    """Outputs of both sides are not the same."""


def laid(x: np.ndarray, layout) -> torch.Tensor:
    tensor = first(x)
    return tensor.contiguous(memory_format=layout) if tensor.ndim == 4 else tensor


def last(x: torch.Tensor) -> np.ndarray:
    """Channels first -> last."""
    value = x.detach().numpy()
    return np.moveaxis(value, -3, -1) if value.ndim >= 4 else value


def placements(inputs: tuple[np.ndarray, ...]) -> dict[str, tuple]:
    """{mode of ours: (where weights live, where inputs live)}."""
    devices, found = jax.devices(), {"jaxgen": (jax.devices()[0],) * 2}
    if len(devices) > 1 and all(x.shape[0] % len(devices) == 0 for x in inputs):
        mesh = make_mesh()
        found["jaxgen_divided"] = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    return found


def sampling(pair: Pair, chosen: dict) -> tuple[dict[str, Callable[[], object]], float]:
    """({side: one call}, largest difference over the largest value), after comparing outputs."""
    ours = jax.jit(pair.ours, compiler_options=compiler_options())
    calls: dict[str, Callable[[], object]] = {}
    found: dict[str, np.ndarray] = {}
    for name, (whole, divided) in placements(pair.inputs).items():
        params, inputs = jax.device_put(pair.params, whole), jax.device_put(pair.inputs, divided)
        calls[name] = lambda params=params, inputs=inputs: jax.block_until_ready(ours(params, *inputs))
        found[name] = np.asarray(calls[name]())
    apart = 0.0
    for name, (net, layout) in chosen.items():
        given = [laid(x, layout) for x in pair.inputs]

        def call(net=net, given=given):
            with torch.no_grad():
                return pair.theirs(net, *given)

        theirs = last(call())
        scale = float(np.abs(theirs).max())
        worst = max(float(np.abs(mine - theirs).max()) / scale for mine in found.values())
        if not (scale > 1e-3 and theirs.std() > 1e-3 * scale and worst <= pair.tolerance):
            raise Differs(f"{name}: outputs differ by {worst:.1e} of their largest value {scale:.3g}")
        apart, calls[name] = max(apart, worst), call
    return calls, apart


def training(pair: Pair, chosen: dict) -> tuple[dict[str, Callable[[], object]], float]:
    """The same for a gradient; losses and the norms of the whole gradients are compared."""
    gradient = jax.jit(
        jax.value_and_grad(lambda p, *x: jnp.mean(jnp.square(pair.ours(p, *x)))), compiler_options=compiler_options()
    )
    calls: dict[str, Callable[[], object]] = {}
    found: dict[str, tuple[float, float]] = {}
    for name, (whole, divided) in placements(pair.inputs).items():
        params, inputs = jax.device_put(pair.params, whole), jax.device_put(pair.inputs, divided)
        calls[name] = lambda params=params, inputs=inputs: jax.block_until_ready(gradient(params, *inputs))
        value, grads = gradient(params, *inputs)
        found[name] = float(value), math.sqrt(sum(float(jnp.sum(jnp.square(x))) for x in jax.tree.leaves(grads)))
    apart = 0.0
    for name, (net, layout) in chosen.items():
        given = [laid(x, layout) for x in pair.inputs]

        def call(net=net, given=given):
            net.zero_grad(set_to_none=True)
            loss = pair.theirs(net, *given).square().mean()
            loss.backward()
            return loss.detach()

        theirs = float(call())
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None))
        worst = max(max(abs(v - theirs) / theirs, abs(size - norm) / norm) for v, size in found.values())
        if not worst <= 10 * pair.tolerance:
            raise Differs(f"{name}: loss {theirs:.6g} and gradient {norm:.6g}, ours {found}")
        apart, calls[name] = max(apart, worst), call
    return calls, apart


def alternate(calls: dict[str, Callable[[], object]], seconds: float, least: int = 5) -> dict[str, list[float]]:
    """Seconds per call of every side, round by round; the order turns around after each round."""
    times: dict[str, list[float]] = {side: [] for side in calls}
    once = {}
    for side, call in calls.items():
        call()
        begun = time.perf_counter()
        call()
        once[side] = time.perf_counter() - begun
    repeats = {side: max(1, round(0.1 / took)) for side, took in once.items()}
    rounds = max(least, round(seconds / sum(once[side] * repeats[side] for side in calls)))
    for turn in range(min(rounds, 30)):
        for side in list(calls)[:: 1 if turn % 2 else -1]:
            begun = time.perf_counter()
            for _ in range(repeats[side]):
                calls[side]()
            times[side].append((time.perf_counter() - begun) / repeats[side])
    return times


def stolen() -> tuple[int, int]:
    """(ticks that a host gave to its other machines, all ticks) since this one started, of all cores; Linux."""
    found = Path("/proc/stat")
    ticks = [int(n) for n in found.read_text().split("\n", 1)[0].split()[1:9]] if found.exists() else [0] * 8
    return ticks[7], sum(ticks)


def prepared(name: str, kind: str, batch: int, options) -> tuple[dict[str, Callable[[], object]], float]:
    """Calls of all sides, and how far apart their outputs are."""
    model = MODELS[name]
    make = model.learn if kind == "training" and model.learn else model.make
    pair = make(batch)
    return {"sampling": sampling, "training": training}[kind](pair, modes(pair.net, options.modes))


def compared(name: str, kind: str, batch: int, options) -> dict:
    """A row without times."""
    _, apart = prepared(name, kind, batch, options)
    print(f"{name:11}{kind:10}{batch:6d}  outputs differ by {apart:.1e}", flush=True)
    return {"model": name, "peer": MODELS[name].peer, "kind": kind, "batch": batch, "difference": apart}


def row(name: str, kind: str, batch: int, options) -> dict:
    """One row: sampling or training of a model at a batch size."""
    calls, apart = prepared(name, kind, batch, options)
    tries: list[tuple[float, dict[str, list[float]]]] = []
    while len(tries) < options.tries and all(share >= QUIET for share, _ in tries):
        before = stolen()
        timed = alternate(calls, options.seconds)
        taken, ticks = (now - then for now, then in zip(stolen(), before, strict=True))
        tries.append((taken / max(ticks, 1), timed))
    share, times = min(tries, key=lambda one: one[0])
    middle = {side: statistics.median(found) for side, found in times.items()}
    ours, theirs = ([side for side in middle if side.startswith("jaxgen") == mine] for mine in (True, False))
    best_of_ours, best = (min(sides, key=middle.__getitem__) for sides in (ours, theirs))
    ratios = {side: [b / a for a, b in zip(times[best_of_ours], times[side], strict=True)] for side in theirs}
    return {
        "model": name,
        "peer": MODELS[name].peer,
        "kind": kind,
        "batch": batch,
        "difference": apart,
        "seconds": middle,
        "rounds": times,
        "ours": best_of_ours,
        "ratio": {side: statistics.median(found) for side, found in ratios.items()},
        "best_mode": best,
        "ratio_to_best": statistics.median(ratios[best]),
        "quartiles": statistics.quantiles(ratios[best], n=4, method="inclusive")[::2],
        "load": os.getloadavg()[0],
        "stolen": share,
        "tries": len(tries),
    }


def show(found: dict) -> None:
    if found["rows"]:
        head = f"{'model':11}{'kind':10}{'batch':>6}{'ours, ms':>11}  {'mode':15}"
        print(f"{head}{'best peer, ms':>15}  {'mode':15}{'ratio (quartiles)':22}stolen")
    for one in found["rows"]:
        ours, best = ((one["seconds"][side], side) for side in (one["ours"], one["best_mode"]))
        low, high = one["quartiles"]
        told = f"{one['model']:11}{one['kind']:10}{one['batch']:6d}{1000 * ours[0]:11.2f}  {ours[1]:15}"
        ratio = f"{one['ratio_to_best']:.2f} ({low:.2f} ... {high:.2f})"
        print(f"{told}{1000 * best[0]:15.2f}  {best[1]:15}{ratio:22}{one['stolen']:6.1%}")
    if found["rows"]:
        print(f"geometric mean of the ratios to the best mode: {found['geometric_mean']:.2f}")
    for name, reason in found["missing"].items():
        print(f"{name}: {reason}")


def about(options) -> dict:
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return {
        "command": sys.argv,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "cpu": (models or [platform.machine()])[0],
        "threads": options.threads,
        "load": os.getloadavg(),
        "versions": {"python": platform.python_version(), "jax": jax.__version__, "torch": torch.__version__},
        "peers": present(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=", ".join(MODELS))
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--kinds", default="sampling,training")
    parser.add_argument("--modes", default="eager,channels_last,compile")
    parser.add_argument("--seconds", type=float, default=10.0, help="of timing per row")
    parser.add_argument("--tries", type=int, default=1, help="of timing a row, on a host shared with others")
    parser.add_argument("--compare", action="store_true", help="only compare outputs, time nothing")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.modes = options.modes.split(",")
    torch.set_num_threads(options.threads)
    jax.config.update("jax_num_cpu_devices", options.threads)
    found = {**about(options), "rows": [], "compared": [], "missing": {}}
    wrong = 0
    for name in options.models or MODELS:
        model = MODELS[name]
        if model.needs and not found["peers"][model.needs]:
            found["missing"][name] = f"needs {model.needs}, which is not installed"
            continue
        for kind in options.kinds.split(","):
            for batch in map(int, options.batches.split(",")):
                if kind == "training" and not model.trains:
                    continue
                try:
                    made = (compared if options.compare else row)(name, kind, batch, options)
                    found["compared" if options.compare else "rows"].append(made)
                except Differs as error:
                    wrong += 1
                    found["missing"][f"{name}, {kind}, batch {batch}"] = str(error)
                jax.clear_caches()
                torch._dynamo.reset()
                if options.out:
                    options.out.write_text(json.dumps(found, indent=1) + "\n")
    ratios = [one["ratio_to_best"] for one in found["rows"]]
    if ratios:
        found["geometric_mean"] = statistics.geometric_mean(ratios)
    show(found)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
