"""An exported sampler against `jaxgen sample`, read by the script of its documentation, without jaxgen."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load

from jaxgen import cli, runs
from jaxgen.benchmark import fresh

DOCS = Path(__file__).parents[1] / "docs" / "export.md"


def made(folder, config):
    """(a run with fresh weights, its exported sampler)"""
    fresh.save(config, [], folder / "run")
    assert cli.main(["export", str(folder / "run"), "--out", str(folder / "model.jaxexp")]) == 0
    return folder / "run", folder / "model.jaxexp"


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    return made(tmp_path_factory.mktemp("gan"), "gan/cgan_digits:smoke")


def test_the_script_draws_the_same_images_without_jaxgen(tmp_path):
    run, exported = made(tmp_path, "diffusion/cfg_digits:smoke")  # fresh weights draw noise: every pixel is tested
    (script,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    strangers = ("jaxgen", "flax", "optax", "orbax")
    check = f"\nassert not [name for name in sys.modules if name.split('.')[0] in {strangers}]\n"
    (tmp_path / "draw.py").write_text(script + check)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for count, out in ((5, "images.npz"), (3, "column.png")):
        subprocess.run(
            [sys.executable, "draw.py", exported, str(count), out], cwd=tmp_path, env=environment, check=True
        )
    with np.load(tmp_path / "images.npz") as found:
        theirs = found["images"]
    ours = runs.sample(runs.load(run), 5)
    assert ours.std() > 50
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    assert (tmp_path / "column.png").is_file()


def test_only_what_the_task_reads_is_written(gan):
    with zipfile.ZipFile(gan[1]) as archive:
        about, kept = json.loads(archive.read("about.json")), load(archive.read("weights.safetensors"))
    assert kept
    assert all("generator" in name for name in kept)
    assert about["task"] == "sample"
    assert about["inputs"]["label"]["below"] == len(about["classes"]) == 10
    assert about["packages"]["jax"]


def test_bad_input(gan, tmp_path, fails):
    run, _ = gan
    fails("export", tmp_path, says="not a run")
    fails("export", run, "--task", "reconstruct", says="it has interpolate, sample")
    fails("export", run, "--platforms", "abacus", says="abacus")
    fails("export", run, "--batch", "-1", says="--batch")
    fails("export", run, "train.steps=3", says="sampler.")


def test_weights_alone(gan, tmp_path):
    """Every weight of every player by name, and the config; no program."""
    from safetensors import safe_open

    out = tmp_path / "w.safetensors"
    assert cli.main(["export", str(gan[0]), "--weights", "--out", str(out)]) == 0
    held = runs.load(gan[0]).state
    with safe_open(out, "numpy") as file:
        names, config = set(file.keys()), json.loads(file.metadata()["config"])
        players = {name.split("/")[1] for name in names if name.startswith("params/")}
        sizes = sum(file.get_tensor(name).size for name in names if name.startswith("params/"))
    assert config["method"]["name"] == "gan"
    assert players == {"generator", "discriminator"}
    assert sizes == sum(x.size for tree in held.params.values() for x in jax.tree.leaves(tree))
    assert not any(name.startswith("opt/") for name in names)
