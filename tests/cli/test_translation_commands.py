"""Translation from the command line, between folders of a user's own."""

import numpy as np
from PIL import Image

from jaxgen import api, cli
from jaxgen.training import pictures


def test_folders_of_different_lengths_and_fewer_held_out_images_than_a_picture_shows(tmp_path, capsys):
    for seed, (name, count) in enumerate({"summer": 5, "winter": 3}.items()):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)):
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    data = dict(name="unpaired", path=tmp_path / "summer", target=tmp_path / "winter", train="train", test="train")
    given = [f"data.{key}={value}" for key, value in data.items()]
    run = tmp_path / "run"
    config = "translation/cyclegan_emoji:smoke"
    code = cli.main(["train", config, *given, "train.samples=8", "--workdir", str(run), "--quiet"])
    assert code == 0, capsys.readouterr().err
    picture = Image.open(max((run / "samples").glob("*.png")))
    five = np.zeros((5, 8, 8, 3), np.uint8)
    assert picture.size == api.show(pictures.beside(five, five)).size  # the five there are, each beside its translation
    capsys.readouterr()
    out = str(tmp_path / "out.png")
    assert cli.main(["run", str(run), "translate", "--input", "test:8", "--out", out]) == 2
    assert "has 5 examples, but 8 were asked for" in capsys.readouterr().err
