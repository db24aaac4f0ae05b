"""The command line from the outside: what a person types, what they see, and what exit code they get."""

import json
import os
import subprocess

import numpy as np
import pytest
from PIL import Image

from jaxgen import cli
from jaxgen.zoo import configs

DEMO = "diffusion/ddpm_digits:smoke"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained smoke run."""
    folder = tmp_path_factory.mktemp("runs") / "demo"
    assert cli.main(["train", DEMO, "train.steps=4", "--workdir", str(folder), "--quiet"]) == 0
    return folder


def test_help_everywhere(capsys):
    for argv in (
        ["--help"],
        *([name, "--help"] for name in ("train", "sample", "run", "evaluate", "compare", "zoo", "config")),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(argv)
        assert stop.value.code == 0
        assert "usage: jaxgen" in capsys.readouterr().out


def test_zoo_lists_every_config(capsys):
    assert cli.main(["zoo"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in configs.names())


def test_config_prints_the_tree(capsys):
    assert cli.main(["config", "diffusion/ddpm_digits", "train.steps=7"]) == 0
    assert "steps: 7" in capsys.readouterr().out


def test_a_run_holds_everything(run):
    for name in ("config.json", "data.json", "run.json", "metrics.jsonl", "curve.png", "checkpoints"):
        assert (run / name).exists(), name
    assert list((run / "samples").glob("*.png"))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4
    about = json.loads((run / "run.json").read_text())[-1]
    assert about["seed"] == 0
    assert "jax" in json.dumps(about)


def test_sample_in_three_forms(run, tmp_path):
    assert cli.main(["sample", str(run), "-n", "5", "--out", str(tmp_path / "a.npz")]) == 0
    assert cli.main(["sample", str(run), "-n", "3", "--chunk", "2", "--out", str(tmp_path / "folder")]) == 0
    assert cli.main(["sample", str(run), "-n", "4", "--seed", "1", "--out", str(tmp_path / "grid.png")]) == 0
    with np.load(tmp_path / "a.npz") as stored:
        images = stored["images"]
    assert images.dtype == np.uint8
    assert images.shape[0] == 5
    singles = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "folder").iterdir())]
    assert len(singles) == 3
    # An image depends on seed and index alone, whatever the chunk (one level of rounding is allowed).
    assert np.abs(np.stack(singles).astype(int) - images[:3, ..., 0].astype(int)).max() <= 1


def test_sampler_settings_change_without_training(run, tmp_path):
    key = "sampler.steps=3"
    assert cli.main(["sample", str(run), key, "-n", "2", "--out", str(tmp_path / "b.npz")]) == 0


def test_keys_may_stand_anywhere(run, tmp_path, capsys):
    assert cli.main(["sample", str(run), "-n", "2", "sampler.steps=3", "--out", str(tmp_path / "c.npz")]) == 0
    with pytest.raises(SystemExit) as stop:
        cli.main(["sample", str(run), "-n", "2", "--fast"])
    assert stop.value.code == 2
    assert "--fast" in capsys.readouterr().err


def test_run_a_task(run, tmp_path, capsys):
    out = tmp_path / "filled.png"
    mask = tmp_path / "mask.png"
    Image.fromarray(np.repeat([[255], [0]], 4, 0).astype(np.uint8).repeat(8, 1)).save(mask)
    argv = ["run", str(run), "inpaint", "--input", "test:3", f"mask={mask}", "--out", str(out)]
    assert cli.main(argv) == 0
    assert Image.open(out).size[0] >= 8


def test_same_command_again_has_nothing_to_do(run):
    before = {path: path.stat().st_mtime_ns for path in (run / "checkpoints").rglob("*") if path.is_file()}
    assert cli.main(["train", DEMO, "train.steps=4", "--workdir", str(run), "--quiet"]) == 0
    assert {p: p.stat().st_mtime_ns for p in (run / "checkpoints").rglob("*") if p.is_file()} == before


def test_bad_configs(fails):
    fails("train", "diffusion/dpm_digits", says="diffusion/ddpm_digits")
    fails("train", DEMO, "optim.lrr=1", says="optim.lr")
    fails("train", DEMO, "train.steps=many", says="whole number")
    fails("train", DEMO, "method.name=gam", says="gan")
    fails("train", DEMO, "data.name=digit", says="digits")
    assert not os.path.exists("runs")


def test_another_model_in_the_same_workdir(fails, run):
    fails("train", DEMO, "optim.lr=0.5", "--workdir", run, says="optim.lr")


def test_batch_that_does_not_divide(fails, tmp_path):
    fails("train", DEMO, "train.batch_size=6", "--workdir", tmp_path / "x", "--quiet", says="6")


def test_meshes_and_processes_that_do_not_fit(fails, tmp_path):
    """The tests have four devices."""
    train = ("train", DEMO, "--workdir", tmp_path / "x")
    fails(*train, "mesh.fsdp=3", says="does not fit 4 devices")
    fails(*train, "mesh.rules=(('kernel$', ('tensr',)),)", says="'tensor'")
    fails(*train, "train.remat=product", says="'products'")
    fails(*train, "--coordinator", "here", says="HOST:PORT")
    assert not (tmp_path / "x").exists()


def test_no_run(fails, tmp_path):
    fails("sample", tmp_path / "none", says="no run")
    (tmp_path / "empty").mkdir()
    fails("sample", tmp_path / "empty", says="config.json")


def test_unknown_task_lists_the_tasks(fails, run):
    fails("run", run, "fly", says="inpaint")


def test_only_sampler_keys_change(fails, run):
    fails("sample", run, "train.steps=3", says="sampler.")
    fails("sample", run, "sampler.stepz=3", says="sampler.steps")


def test_bad_numbers(fails, run):
    fails("sample", run, "-n", "0", says="at least 1")
    fails("sample", run, "-n", "2", "--out", "x.gif", says=".png")


def test_no_permission(fails, run, read_only):
    fails("sample", run, "-n", "2", "--out", read_only / "x.png", says="cannot be written")


def test_image_folders(fails, tmp_path):
    train = (
        "train",
        DEMO,
        "data.name=folder",
        "data.size=8",
        "data.channels=1",
        "--workdir",
        tmp_path / "w",
        "--quiet",
    )
    fails(*train, f"data.path={tmp_path / 'missing'}", says="missing")
    (tmp_path / "empty").mkdir()
    fails(*train, f"data.path={tmp_path / 'empty'}", says="empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"nothing")
    fails(*train, f"data.path={tmp_path / 'broken'}", says="a.png")
    assert not (tmp_path / "w").exists(), "nothing half written"


def test_damaged_checkpoints_fall_back(run, tmp_path, fails):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    newest = max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name) if path.name.isdigit() else -1)
    for path in newest.glob("ema/**/d/*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    fails("sample", folder, "-n", "2", says="checkpoint")


def test_data_show(tmp_path, fails):
    assert cli.main(["data", "show", "digits", "--out", str(tmp_path / "digits.png")]) == 0
    assert min(Image.open(tmp_path / "digits.png").size) >= 64
    fails("data", "show", "digit", says="digits")


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_really_is_full_ends_a_run_with_one_sentence(tmp_path, capfd):
    """Nothing that libraries report from their threads reaches the screen either."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        changes = ["train.steps=40", "train.checkpoint_every=2", "--workdir", str(disk / "run"), "--quiet"]
        assert cli.main(["train", "gan/mlp_digits:smoke", *changes]) == 2
        err = capfd.readouterr().err
        assert err.count("\n") == 1, err
        assert "the disk is full" in err
        assert cli.main(["sample", str(disk / "run"), "-n", "2", "--out", str(tmp_path / "x.png")]) == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
