"""Training speed of the small DCGAN that tutorials teach: jaxgen's config beside a batch-by-batch PyTorch loop.

    python benchmarks/tutorial_dcgan.py --out result.json [--torch-python PATH] [--rivals torch torch_channels_last]

Same layers, same parameter counts (checked and printed), batch 64, Adam 2e-4, uint8 images of 28x28x1 handed over
from the host at every step. Each side lives in its own process; blocks of steps alternate, so that a busy machine
slows both alike. Wall time decides; CPU time is printed because it suffers less from other programs on the machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

CONFIG = "gan/dcgan_tutorial_mnist"
LATENT, BATCH, RATE = 100, 64, 2e-4


def images(count: int = 4096):
    """Stand-ins for MNIST, uint8 [count, 28, 28, 1]; the speed of a step does not depend on the pixels."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)


def jaxgen_side(config_name: str, threads: int):
    """(train n steps -> last loss, facts): the config as `jaxgen train` runs it, one step per call."""
    del threads  # XLA takes the cores the process may use
    import jax

    from jaxgen import parallel
    from jaxgen.core import trees
    from jaxgen.data.info import Info
    from jaxgen.zoo import configs, methods

    config = configs.load(config_name)
    method = methods.build(config, Info("mnist", (28, 28, 1), tuple("0123456789")))
    parallel.split_cpu(config.mesh.cpu)
    strategy = parallel.jit_strategy(method, parallel.make_mesh())
    pictures = images()

    def batch(step):
        start = step * BATCH % len(pictures)
        return {"image": pictures[start : start + BATCH]}

    state = strategy.init(jax.random.key(0), batch(0), {})
    sizes = {name: trees.size(params) for name, params in state.params.items()}

    def train(steps):
        nonlocal state
        for step in range(steps):
            state, metrics = strategy.step(state, strategy.put(batch(step)))
        return float(metrics["discriminator/loss"])

    return train, {"parameters": sizes, "version": f"jax {jax.__version__}"}


def torch_networks(nn):
    """Generator and critic with the layers of the config, NCHW."""
    wide = dict(kernel_size=5, stride=2, padding=2)
    generator = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 128, output_padding=1, bias=False, **wide),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 128, output_padding=1, bias=False, **wide),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.Conv2d(128, 1, 5, padding=2),
        nn.Tanh(),
    )
    critic = nn.Sequential(
        nn.Conv2d(1, 128, **wide),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 128, bias=False, **wide),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    return generator, critic


def torch_side(variant: str, threads: int):
    """The loop as tutorials write it: critic on real and on fake images, then the generator through the critic."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    generator, critic = torch_networks(nn)
    if variant == "torch_channels_last":
        generator, critic = (net.to(memory_format=torch.channels_last) for net in (generator, critic))
    layout = torch.channels_last if variant == "torch_channels_last" else torch.contiguous_format
    sizes = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in (("generator", generator), ("discriminator", critic))
    }
    to_critic = torch.optim.Adam(critic.parameters(), lr=RATE, betas=(0.5, 0.999))
    to_generator = torch.optim.Adam(generator.parameters(), lr=RATE, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    pictures = torch.from_numpy(images()).permute(0, 3, 1, 2).contiguous()

    def one(pixels):
        real = (pixels.float() * (2 / 255) - 1).contiguous(memory_format=layout)
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, LATENT))
        critic.requires_grad_(True)
        value = loss(critic(real), ones) + loss(critic(fake), zeros)
        to_critic.zero_grad()
        value.backward()
        to_critic.step()
        critic.requires_grad_(False)
        gain = loss(critic(generator(torch.randn(BATCH, LATENT))), ones)
        to_generator.zero_grad()
        gain.backward()
        to_generator.step()
        return value

    step_of = torch.compile(one) if variant == "torch_compile" else one

    def train(steps):
        for step in range(steps):
            start = step * BATCH % len(pictures)
            value = step_of(pictures[start : start + BATCH])
        return float(value.detach())

    return train, {"parameters": sizes, "version": f"torch {torch.__version__}"}


def worker(side: str, config: str, threads: int) -> None:
    """Answer "n" lines on stdin with the time of n steps, as JSON lines on stdout."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to stderr

    def say(**facts):
        print(json.dumps(facts), file=out, flush=True)

    try:
        start = time.perf_counter()
        train, facts = jaxgen_side(config, threads) if side == "jaxgen" else torch_side(side, threads)
        train(3)
        say(**facts, first_seconds=time.perf_counter() - start)
    except Exception as problem:  # the parent reports it and goes on without this side
        say(error=f"{type(problem).__name__}: {problem}"[:500])
        return
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = train(int(line))
        say(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, loss=loss)


def hear(process: subprocess.Popen) -> dict:
    line = process.stdout.readline() if process.stdout else ""
    return json.loads(line) if line else {"error": f"the process ended with code {process.wait()}"}


def ask(process: subprocess.Popen, steps: int) -> dict:
    assert process.stdin
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return hear(process)


def start(side: str, python: str, options) -> tuple[subprocess.Popen, dict]:
    command = [python, __file__, "--worker", side, "--config", options.config, "--threads", str(options.threads)]
    here = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": here, "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, stderr=subprocess.DEVNULL
    )
    return process, hear(process)


def summary(blocks: list[dict], steps: int) -> dict:
    """Images per second of each block: median and spread (quarter points)."""
    wall = [BATCH * steps / b["wall"] for b in blocks]
    quarters = statistics.quantiles(wall, n=4) if len(wall) > 1 else [wall[0]] * 3
    cpu = statistics.median(b["cpu"] for b in blocks) / steps
    return {
        "images_per_second": statistics.median(wall),
        "quarters": [quarters[0], quarters[2]],
        "cpu_seconds_per_step": cpu,
        "blocks": wall,
        "last_loss": blocks[-1]["loss"],
    }


def compare(options) -> dict:
    """Run all sides in alternating blocks."""
    pythons = {"jaxgen": sys.executable, **dict.fromkeys(options.rivals, options.torch_python)}
    running, facts, sides = {}, {}, {}
    try:
        for side, python in pythons.items():
            running[side], facts[side] = start(side, python, options)
            if "error" in facts[side]:
                print(f"{side}: left out ({facts[side]['error']})", flush=True)
        alive = [side for side in pythons if "error" not in facts[side]]
        sizes = {side: facts[side]["parameters"] for side in alive}
        for side in alive:
            print(f"{side}: {facts[side]['version']}, parameters {sizes[side]}", flush=True)
        if any(size != sizes[alive[0]] for size in sizes.values()):
            raise SystemExit("The two sides differ in their number of parameters; the comparison would not be fair.")
        sides = {side: [] for side in alive}
        for block in range(options.blocks):
            for side in alive if block % 2 == 0 else alive[::-1]:
                sides[side].append(ask(running[side], options.steps))
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    result = {
        "benchmark": "tutorial_dcgan",
        "config": options.config,
        "machine": {"processor": platform.processor() or platform.machine(), "threads": options.threads},
        "steps_per_block": options.steps,
        "facts": facts,
        "sides": {side: summary(blocks, options.steps) for side, blocks in sides.items()},
    }
    result["ratios"] = {
        side: statistics.median(a["wall"] / b["wall"] for a, b in zip(sides[side], sides["jaxgen"]))
        for side in sides
        if side != "jaxgen" and "jaxgen" in sides
    }
    return result


def table(result: dict) -> str:
    """The result for people."""
    lines = [f"{'side':22}{'images/s':>10}{'quarters':>18}{'CPU s/step':>12}{'jaxgen is':>12}"]
    for side, row in result["sides"].items():
        low, high = row["quarters"]
        ratio = f"{result['ratios'][side]:.2f}x" if side in result["ratios"] else ""
        lines.append(
            f"{side:22}{row['images_per_second']:>10.1f}{f'{low:.1f} - {high:.1f}':>18}"
            f"{row['cpu_seconds_per_step']:>12.3f}{ratio:>12}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="", help="write the result as JSON to this file")
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10, help="steps per block")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rivals", nargs="*", default=["torch"], help="torch, torch_channels_last, torch_compile")
    parser.add_argument("--torch-python", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.config, options.threads)
        return
    result = compare(options)
    print(table(result))
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
