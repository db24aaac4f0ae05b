"""Video on the command line: train, sample in every form, predict, evaluate, show."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgen import cli

PREDICTOR, GENERATOR = "video/convlstm_digits:smoke", "video/mocogan_digits:smoke"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in (PREDICTOR, GENERATOR):
        assert cli.main(["train", name, "--workdir", str(folder / name[6:10]), "--quiet"]) == 0
    return {name: folder / name[6:10] for name in (PREDICTOR, GENERATOR)}


def test_pictures_of_training_are_strips(runs):
    strip = Image.open(next((runs[GENERATOR] / "samples").glob("*.png")))
    assert strip.width > strip.height  # three frames, two clips
    both = Image.open(next((runs[PREDICTOR] / "samples").glob("*.png")))
    assert both.width == pytest.approx(both.height, rel=0.1)  # four frames of truth above forecast, two clips


def test_sample_in_four_forms(runs, tmp_path, capsys, fails):
    run = str(runs[GENERATOR])
    for name in ("a.gif", "a.png", "a.npz", "folder"):
        assert cli.main(["sample", run, "-n", "4", "--chunk", "2", "--out", str(tmp_path / name)]) == 0
    assert "4 clips" in capsys.readouterr().out
    with np.load(tmp_path / "a.npz") as stored:
        assert (stored["videos"].shape, stored["videos"].dtype) == ((4, 3, 8, 8, 1), np.uint8)
    assert len(list((tmp_path / "folder").glob("*.gif"))) == 4
    assert cli.main(["sample", run, "-n", "1", "sampler.frames=6", "--out", str(tmp_path / "long.npz")]) == 0
    assert np.load(tmp_path / "long.npz")["videos"].shape[1] == 6
    fails("sample", run, "-n", "1", "--out", "a.mp4", says=".gif")


def test_forecasts_of_held_out_clips_and_of_files(runs, tmp_path, fails):
    run = str(runs[PREDICTOR])
    assert cli.main(["run", run, "compare", "--input", "test:2", "--out", str(tmp_path / "a.gif")]) == 0
    assert Image.open(tmp_path / "a.gif").n_frames == 4
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 12, 12, 1), dtype=np.uint8)
    np.savez(tmp_path / "in.npz", clips)
    assert cli.main(["run", run, "predict", "--input", str(tmp_path / "in.npz"), "--out", str(tmp_path / "b.npz")]) == 0
    assert np.load(tmp_path / "b.npz")["videos"].shape == (2, 2, 12, 12, 1)
    np.savez(tmp_path / "short.npz", clips[:, :1])
    fails("run", run, "predict", "--input", tmp_path / "short.npz", says="1 frames")


def test_evaluations(runs, capsys):
    for name, says in ((PREDICTOR, "persistence"), (GENERATOR, "within / between")):
        assert cli.main(["evaluate", str(runs[name])]) == 0
        assert says in capsys.readouterr().out
    card = json.loads((runs[PREDICTOR] / "card.json").read_text())["forecast"]
    assert (card["clips"], len(card["mse"]), len(card["persistence"])) == (8, 2, 2)
    clips = json.loads((runs[GENERATOR] / "card.json").read_text())["clips"]
    assert clips["reals"]["between"] > 0
    assert clips["reals"]["within"] == 0  # at this size there is no room to move
    assert clips["samples"]["clips"] == clips["reals"]["clips"] == 8


def test_clips_and_configs_that_do_not_fit(fails, tmp_path):
    train = ("train", PREDICTOR, "--workdir", tmp_path / "w", "--quiet")
    fails(*train, "method.future=3", says="set data.frames")
    fails(*train, "data.name=digits", "data.frames=0", says="needs clips")
    fails("train", GENERATOR, "method.conditional=true", "method.categories=0", "data.digits=2", says="no labels")
    np.savez(tmp_path / "flat.npz", videos=np.zeros((4, 8, 8), np.uint8))
    fails(*train, "data.name=video", f"data.path={tmp_path / 'flat.npz'}", says="must be uint8")
    assert not (tmp_path / "w").exists()


def test_data_show_draws_strips(tmp_path):
    np.savez(tmp_path / "clips.npz", videos=np.zeros((20, 5, 8, 8, 3), np.uint8))
    for name in ("moving_digits", str(tmp_path / "clips.npz")):
        assert cli.main(["data", "show", name, "--out", str(tmp_path / "a.png")]) == 0
        assert min(Image.open(tmp_path / "a.png").size) > 64
    frames = [Image.fromarray(np.full((8, 8), 30 * t, np.uint8)) for t in range(6)]
    (tmp_path / "films").mkdir()
    frames[0].save(tmp_path / "films" / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    argv = ["data", "show", str(tmp_path / "films"), "data.name=video", "data.frames=4"]
    assert cli.main([*argv, "--out", str(tmp_path / "b.png")]) == 0
