"""`jaxgen evaluate` and `jaxgen compare` from the outside: a run, folders, an interruption, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen import cli, evaluation
from jaxgen.evaluation import images as measured

RUN = "vae/mlp_digits:smoke"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXGEN_REFERENCES", str(tmp_path / "references"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae"
    assert cli.main(["train", RUN, "train.steps=2", "--workdir", str(folder), "--quiet"]) == 0
    return folder


def test_a_card_says_everything_and_goes_on_after_an_interruption(run, capsys, monkeypatch):
    argv = ["evaluate", str(run), "-n", "300", "--metrics", "judged"]
    drawn, stream = [], measured.stream

    def interrupted(*args, **settings):
        drawn.append(settings["start"])
        if settings["start"]:
            raise KeyboardInterrupt
        return stream(*args, **settings)

    monkeypatch.setattr(measured, "stream", interrupted)
    assert cli.main(argv) == 130
    assert drawn == [0, 256]
    monkeypatch.setattr(measured, "stream", lambda *a, **s: drawn.append(s["start"]) or stream(*a, **s))
    assert cli.main(argv) == 0
    assert drawn == [0, 256, 256]
    first = json.loads((run / "card.json").read_text())
    shown = capsys.readouterr().out
    assert "95 % interval" in shown
    assert "class 9" in shown
    assert (first["nfe"], first["seed"], first["n"]) == (1, 0, 300)
    assert {"versions", "hardware", "seconds", "sampler", "guidance", "date", "peak_memory_mb"} <= first.keys()
    found = {entry["metric"]: entry for entry in first["metrics"]}
    distance = found["FD-mlp_digits"]
    assert distance["interval"][0] < distance["value"] < distance["interval"][1]
    assert (distance["n"], distance["reference"]["examples"], distance["protocol"]) == (300, 1442, "judge")
    assert len(distance["reference"]["sha256"]) == 64
    assert found["p_copied"]["value"] is not None
    assert Image.open(run / "evaluation" / "neighbours.png").size[0] > 100
    # The whole at once gives the same card.
    assert cli.main([*argv, "--out", "again.json"]) == 0
    again = json.loads(Path("again.json").read_text())
    assert again["metrics"] == first["metrics"]
    assert drawn == [0, 256, 256]
    # Fewer samples than features: said, and a figure all the same.
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), "-n", "64", "--metrics", "fd", "--out", "few.json"]) == 0
    assert "64 examples for 128 features" in capsys.readouterr().out
    (few,) = json.loads(Path("few.json").read_text())["metrics"]
    assert np.isfinite(few["value"])
    assert drawn == [0, 256, 256]


def test_chosen_metrics_need_no_judge_and_cards_compare(run, capsys, monkeypatch):
    monkeypatch.setattr(measured, "judge_of", None)
    assert cli.main(["evaluate", str(run), "-n", "64", "--metrics", "prdc,likelihood", "--out", "a.json"]) == 0
    card = json.loads(Path("a.json").read_text())
    names = {entry["metric"] for entry in card["metrics"]}
    assert {"precision", "recall", "density", "coverage", "elbo"} <= names
    assert not names & {"copied", "confident", "accuracy"}
    assert card["likelihood"]["dequantisation"]
    capsys.readouterr()
    assert cli.main(["compare", "a.json", "a.json", "--out", "c.png"]) == 0
    assert "precision (pixels, n=64)" in capsys.readouterr().out
    assert Image.open("c.png").size[0] > 100


def save(path, x):
    path.mkdir()
    for index, image in enumerate(x):
        Image.fromarray(image).save(path / f"{index:03d}.png")
    return path


def test_folders_against_folders(tmp_path, capsys, fails):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (30, 8, 8, 3), np.uint8)
    real = save(tmp_path / "real", x)
    copies = save(tmp_path / "copies", np.concatenate([x[:10], x[:10]]))
    assert cli.main(["evaluate", "--images", str(copies), "--reference", str(real)]) == 0
    assert "copies of training images" in capsys.readouterr().out
    found = {entry["metric"]: entry["value"] for entry in json.loads((tmp_path / "card.json").read_text())["metrics"]}
    assert found["copied"] == 1
    assert found["duplicates"] == 0.5
    assert found["precision"] == 1
    noisy = save(tmp_path / "noisy", np.repeat(np.repeat(x, 2, 1), 2, 2) // 2)
    large = save(tmp_path / "large", np.repeat(np.repeat(x, 2, 1), 2, 2))
    argv = ["evaluate", "--images", str(noisy), "--reference", str(large), "--metrics", "psnr,ssim"]
    assert cli.main(argv) == 0
    assert "30 pairs" in capsys.readouterr().out
    found = {entry["metric"]: entry for entry in json.loads((tmp_path / "card.json").read_text())["metrics"]}
    assert set(found) == {"psnr", "psnr_y", "ssim", "ssim_y"}
    assert 3 < found["psnr"]["interval"][0] < found["psnr"]["value"] < 20
    (tmp_path / "empty").mkdir()
    for argv, says in {
        ("--images", "empty", "--reference", real): "holds no images",
        ("--images", real): "--reference",
        (): "Name a RUN",
        ("--images", real, "--reference", "nowhere"): "no folder",
        ("--images", real, "--reference", real, "--metrics", "fd"): "--judge",
        ("--images", real, "--reference", real, "--metrics", "fid"): "--protocol",
        ("--images", real, "--reference", real, "--metrics", "frechet"): "metric",
        ("--images", real, "--reference", real, "--protocol", "amd"): "adm",
        ("--images", real, "--reference", real, "--judge", tmp_path): "not a run",
        ("--images", large, "--reference", real): "one form",
        ("--images", large, "--reference", real, "--metrics", "ssim"): "in pairs",
        ("--images", real, "--reference", real, "--metrics", "ssim"): "11 x 11",
        ("--images", real, "--reference", real, "--metrics", "lpips"): "alexnet-owt",
        ("--images", save(tmp_path / "three", x[:3]), "--reference", real): "more than 3",
    }.items():
        fails("evaluate", *argv, says=says)


def test_protocols_ask_for_the_weights_and_refuse_others(run, tmp_path, fails, monkeypatch):
    from safetensors.numpy import save_file

    monkeypatch.setenv("JAXGEN_DATA", str(tmp_path))
    asked = ["evaluate", run, "--protocol", "adm", "--metrics", "fid", "-n", "8"]
    fails(*asked, says="pt_inception-2015-12-05-6726825d.pth")
    save_file({"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)}, tmp_path / "vgg.safetensors")
    fails(*asked, "--weights", tmp_path / "vgg.safetensors", says="does not hold FID's Inception v3")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 cut")
    fails(*asked, "--weights", tmp_path / "cut.pth", says="cannot be read")
    fails("evaluate", run, "-n", "-3", says="at least 1")
    fails("compare", run.parent, says="jaxgen evaluate")


def test_every_figure_of_every_measure_has_one_name():
    names = [name for measure in evaluation.MEASURES.values() for name in measure.names]
    assert {name for name in names if names.count(name) > 1} == {"is"}
