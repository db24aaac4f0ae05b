"""Super-resolution from the command line: photographs of any size in, larger ones out, and what evaluation says."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgen import cli

CONFIG = "super_resolution/srcnn_kodak_x2:smoke"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "srcnn"
    assert cli.main(["train", CONFIG, "--workdir", str(folder), "--quiet"]) == 0
    return folder


def test_photographs_of_any_size(run, tmp_path, capsys):
    sizes = {"small": (9, 7), "wide": (20, 45)}
    for seed, (name, size) in enumerate(sizes.items()):
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in sizes]
    assert cli.main(["run", str(run), "upscale", "--input", *files, "--out", str(tmp_path / "out")]) == 0
    for name, (height, width) in sizes.items():
        assert Image.open(tmp_path / "out" / f"{name}.png").size == (2 * width, 2 * height)
    one = tmp_path / "one.png"
    assert cli.main(["run", str(run), "upscale", "--input", files[1], "--out", str(one), "sampler.ensemble=true"]) == 0
    assert Image.open(one).size == (90, 40)
    capsys.readouterr()
    assert cli.main(["run", str(run), "upscale", "--input", *files, "--out", str(one)]) == 2
    assert "folder" in capsys.readouterr().err


def test_evaluation_stands_beside_bicubic(run, capsys):
    assert cli.main(["evaluate", str(run), "-n", "3"]) == 0
    card = json.loads((run / "card.json").read_text())["enlarging"]
    assert len(card["photographs"]) == 3
    assert card["model"].keys() == card["bicubic"].keys() == {"psnr_y", "psnr_rgb"}
    assert card["bicubic"]["psnr_y"] > card["model"]["psnr_y"]  # after four steps
    shown = capsys.readouterr().out
    assert "bicubic" in shown
    assert "megapixels/s" in shown


def test_the_body_starts_from_another_scale(run, tmp_path, caplog):
    config = "super_resolution/srcnn_kodak_x3:smoke"
    workdir = ["--workdir", str(tmp_path / "x3"), "--quiet"]
    assert cli.main(["train", config, f"train.init_from=part:{run}", "nets.upscaler.kernels=(5,1,3)", *workdir]) == 0
    assert "takes 6 of its 6 weights" in caplog.text
