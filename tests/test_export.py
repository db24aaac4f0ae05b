"""An exported sampler against `jaxgen sample`, read by the script of its documentation, without jaxgen."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from jaxgen import cli, runs
from jaxgen.benchmark import fresh

DOCS = Path(__file__).parents[1] / "docs" / "export.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with fresh weights of a GAN with labels."""
    folder = tmp_path_factory.mktemp("runs") / "gan"
    fresh.save("gan/cgan_digits:smoke", [], folder)
    return folder


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "model.jaxexp"
    assert cli.main(["export", str(run), "--out", str(out)]) == 0
    return out


def test_the_script_draws_the_same_images_without_jaxgen(run, exported, tmp_path):
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
    assert ours.std() > 1
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    assert (tmp_path / "column.png").is_file()


def test_only_what_the_task_reads_is_written(exported):
    with zipfile.ZipFile(exported) as archive:
        about, kept = json.loads(archive.read("about.json")), load(archive.read("weights.safetensors"))
    assert kept
    assert all("generator" in name for name in kept)
    assert about["task"] == "sample"
    assert about["inputs"]["label"]["below"] == len(about["classes"]) == 10
    assert about["packages"]["jax"]


def test_bad_input(run, tmp_path, capsys):
    def fails(*argv, says):
        assert cli.main(["export", *map(str, argv)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert says in err

    fails(tmp_path, says="not a run")
    fails(run, "--task", "reconstruct", says="it has interpolate, sample")
    fails(run, "--platforms", "abacus", says="abacus")
    fails(run, "--batch", "-1", says="--batch")
    fails(run, "train.steps=3", says="sampler.")
