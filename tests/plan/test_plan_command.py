"""`jaxgen plan` from the command line, and the process that compiles."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from jaxgen.cli import main
from jaxgen.core import UserError
from jaxgen.plan import compiling
from jaxgen.zoo import configs

DEMO = "diffusion/edm_digits:smoke"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def plan(tmp_path, *args):
    out = tmp_path / "plan.json"
    assert main(["plan", *args, "--out", str(out)]) == 0
    return json.loads(out.read_text())


def test_eight_cpus(tmp_path, capsys):
    """The step and the sampler are compiled, once; what is said twice is the same."""
    found = plan(tmp_path, DEMO, "--topology", "cpu:8")
    shown = capsys.readouterr()
    train = found["train"]
    assert "data 8" in shown.out
    assert "the training step for cpu:8" in shown.err
    assert (train["chips"], train["source"], train["cached"], train["fits"]) == (8, "compiled", False, None)
    assert train["memory_total"] == sum(train["memory_per_chip"].values())
    assert train["collectives"]["total"] == pytest.approx(train["collectives"]["least_total"], rel=0.1, abs=1024)
    assert found["task"]["name"] == "sample"
    assert found["task"]["images_per_call"] == 8
    assert found["task"]["temporary_bytes"] > 0
    again = plan(tmp_path, DEMO, "--topology", "cpu:8")
    assert again["train"].pop("cached") is True
    train.pop("cached")
    assert again["train"] == train


def test_quick_compiles_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "compile", lambda *a, **k: pytest.fail("compiled"))
    found = plan(tmp_path, DEMO, "--topology", "v5e:2x2", "--quick")
    assert found["train"]["source"] == "shapes"
    assert found["train"]["fits"] is True
    assert found["train"]["seconds"]["overlapped"] > 0
    assert "fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--topology", "v5e:16"], "slices of v5e have 2 sides"),
        (["--topology", "h100:8"], "Unknown chip"),
        (["--topology", "cpu:3", "--quick"], "does not divide over 3 chips"),
        (["--topology", "cpu:8", "--limit", "0"], "--limit must be above 0"),
        (["--topology", "cpu:8", "mesh.fsdp=3", "--quick"], "does not fit 8 chips"),
        (["--topology", "cpu:1", "--task", "enlarge", "--limit", "0.1"], "no task 'enlarge'"),
    ],
)
def test_bad_input_is_one_sentence(args, says, capsys, tmp_path):
    assert main(["plan", DEMO, *args, "--out", str(tmp_path / "plan.json")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in error
    assert not (tmp_path / "plan.json").exists()


def test_without_the_compiler_of_tpus(monkeypatch, capsys, tmp_path):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "libtpu" else real(name))
    assert main(["plan", DEMO, "--topology", "v5e:2x2", "--out", str(tmp_path / "plan.json")]) == 2
    assert "pip install 'jaxgen[plan]'" in capsys.readouterr().err


def test_a_compilation_that_takes_too_long_is_given_up(tmp_path, capsys):
    found = plan(tmp_path, DEMO, "--topology", "cpu:2", "--limit", "0.2", "--no-task")
    assert found["train"]["late"] == 0.2
    assert found["train"]["source"] == "shapes"
    assert "not compiled within" in capsys.readouterr().out
    assert not list(compiling.cache_folder().glob("*")) if compiling.cache_folder().exists() else True


def test_what_the_compiler_says_of_memory():
    reason = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 20.50G of 15.75G hbm. Exceeded by 4.75G."
    assert compiling.used(reason) == 20.5 * 2**30
    assert compiling.used("something else") is None


def families():
    """One config of every family: the first that `jaxgen zoo` lists."""
    found: dict[str, str] = {}
    for name in configs.names():
        found.setdefault(name.partition("/")[0], name)
    return sorted(found.values())


@pytest.mark.long
@pytest.mark.parametrize("name", families())
def test_every_family_compiles_for_a_tpu(name, tmp_path):
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("needs libtpu: pip install 'jaxgen[plan]'")
    found = plan(tmp_path, f"{name}:smoke", "--topology", "v5e:2x2", "--no-task")
    assert found["train"]["source"] == "compiled"
    assert found["train"]["fits"]
    assert found["train"]["memory_per_chip"]["activations"] >= 0


@pytest.mark.long
def test_two_plans_for_a_tpu_side_by_side(tmp_path):
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("needs libtpu: pip install 'jaxgen[plan]'")
    command = [sys.executable, "-m", "jaxgen.cli", "plan", "vae/mlp_digits:smoke", "--topology", "v5e:2x2", "--no-task"]
    started = [
        subprocess.Popen(
            [*command, "--out", str(tmp_path / f"{i}.json")],
            env=os.environ | {"JAXGEN_CACHE": str(tmp_path / f"cache{i}")},
            stderr=subprocess.PIPE,
        )
        for i in range(2)
    ]
    for i, process in enumerate(started):
        assert process.wait() == 0, process.stderr.read().decode()
        assert json.loads((tmp_path / f"{i}.json").read_text())["train"]["source"] == "compiled"


def test_what_a_worker_says_or_does_not_say():
    full = compiling._answer({"lowered": {}, "full": {"reason": "Used 2.0G of 1.0G hbm"}}, [], "step", 0)
    assert full == {"full": "Used 2.0G of 1.0G hbm", "used": 2.0 * 2**30}
    with pytest.raises(UserError, match="ended without an answer: Killed by somebody"):
        compiling._answer({"lowered": {}}, ["a line\n", "Killed by somebody\n", "\n"], "step", -9)
    with pytest.raises(UserError, match=r"^as it said$"):
        compiling._answer({"refused": {"reason": "as it said"}}, [], "step", 0)
