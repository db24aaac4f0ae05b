"""Style transfer from the command line: trained, run on files of any size and kind, judged."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgen import api
from jaxgen.cli import main


@pytest.fixture(scope="module")
def adain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adain")
    assert main(["train", "style/adain_photos:smoke", "--workdir", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def gatys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gatys")
    assert main(["train", "style/gatys_photo:smoke", "--workdir", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def files(tmp_path):
    """A grey content and a style with alpha, of odd sizes."""
    noise = np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 256, (21, 70), np.uint8)).save(tmp_path / "content.png")
    Image.fromarray(noise.integers(0, 256, (17, 13, 4), np.uint8)).save(tmp_path / "style.png")
    return [str(tmp_path / "content.png"), str(tmp_path / "style.png")]


def size(path):
    with Image.open(path) as image:
        return image.size, image.mode


def test_pictures_keep_their_size(adain, files, tmp_path):
    out = tmp_path / "out.png"
    assert main(["run", str(adain), "stylize", "--input", *files, "--out", str(out)]) == 0
    assert size(out) == ((70, 21), "RGB")
    strengths = tmp_path / "strengths"
    assert main(["run", str(adain), "stylize", "--input", *files, "alpha=0,1", "--out", str(strengths)]) == 0
    plain, full = (np.asarray(Image.open(file)) for file in sorted(strengths.iterdir()))
    assert (plain != full).any()
    np.testing.assert_array_equal(full, np.asarray(Image.open(out)))


def test_several_styles_and_mistakes(adain, files, tmp_path, capsys):
    out = tmp_path / "mixed"
    two = ["run", str(adain), "stylize", "--input", *files, files[1], "--out", str(out), "sampler.styles=2"]
    assert main([*two, "sampler.size=16,24"]) == 0
    assert size(out / "000000.png") == ((24, 16), "RGB")
    assert main(["run", str(adain), "stylize", "--input", *files, "alpha=strong", "--out", str(out)]) == 2
    assert "separated by commas" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["adain", "gatys"])
def test_cards_set_results_beside_contents_and_styles(name, request):
    folder = request.getfixturevalue(name)
    assert main(["evaluate", str(folder), "-n", "4"]) == 0
    card = json.loads((folder / "card.json").read_text())["style"]
    assert card["content"]["style"] > 0
    assert card["style"]["style"] == pytest.approx(0.0, abs=1e-6)
    speed = "images_per_second" if name == "adain" else "steps_per_second"
    assert card[speed] > 0


def test_a_stored_picture_is_shown(gatys, tmp_path):
    out = tmp_path / "pictures"
    assert main(["run", str(gatys), "stylize", "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 8
    run = api.load(gatys)
    assert run.state.frozen["encoder"]["conv1_1"]["kernel"].shape == (3, 3, 3, 4)


def test_another_encoder_is_refused(adain, capsys):
    more = ["train.steps=6", "frozen.encoder=random:5"]
    assert main(["train", "style/adain_photos:smoke", "--workdir", str(adain), "--quiet", *more]) == 2
    assert "is not the one this run was trained with" in capsys.readouterr().err
