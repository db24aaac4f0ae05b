"""The benchmark from the request to the sheet. Its jobs run in this process, and once in one of their own."""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen import cli
from jaxgen.benchmark import chart, probes, sampling, sheet, table, worker
from jaxgen.core import Spec, Task

CONFIG = "gan/cgan_digits:smoke"
SETTINGS = sheet.Settings(batches=(1, 8), seconds=0.05)


def inside(request, cache):
    """`sheet.ask` without a process."""
    begun, said = time.perf_counter(), {}

    def say(event, **facts):
        said[event] = json.loads(json.dumps({**facts, "clock": time.perf_counter() - begun}))

    arguments = dict(request)
    worker.JOBS[arguments.pop("job")](say, **arguments)
    return said


@pytest.fixture(scope="module", params=[False, True], ids=["sample", "train"])
def found(request):
    settings = SETTINGS._replace(train=request.param)
    results = [figures for _, figures, _, _ in sheet.collect([CONFIG], settings, ask=inside)]
    return sheet.sheet(results, {"gan/other": "it was not there."}, settings)


def test_the_sheet_has_every_figure(found):
    again = json.loads(json.dumps(found))
    assert again["hardware"]["cpus"]
    assert again["packages"]["jax"] == jax.__version__
    (result,) = again["results"]
    assert result["config"] == CONFIG
    for kind in ("cold", "warm"):
        assert result[kind]["first_seconds"] >= result[kind]["call_seconds"] > 0
        assert result[kind]["compile_seconds"] > 0
    assert result["memory"]["bytes"] > 1e6
    assert result["matmul_rate"] > 1e7
    train = again["kind"] == "train"
    assert [row["batch"] for row in result["rows"]] == ([8] if train else [1, 8])
    for row in result["rows"]:
        speed = row["images_per_second"]
        assert 0 < speed["low"] <= speed["median"] <= speed["high"]
        assert speed["calls"] >= 5
        assert row["share_of_matmul_rate"] > 0
        if train:
            assert row["images_per_second_on_one_batch"]["median"] > 0
            assert row["pipeline_keeps"]["calls"] == 5
        else:
            assert row["evaluations"] == 1


def test_the_sheet_is_shown_and_drawn(found, tmp_path, capsys):
    table.show(found)
    shown = capsys.readouterr().out
    assert CONFIG in shown
    assert "no figures for gan/other: it was not there." in shown
    chart.draw(found, tmp_path / "chart.png")
    picture = np.asarray(Image.open(tmp_path / "chart.png"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3


def test_recompiling_is_noticed():
    heard = probes.Compilations()
    double = jax.jit(lambda x: 2 * x)
    three, four = np.ones(3, np.float32), np.ones(4, np.float32)
    double(three)
    with heard.none_in("this"):
        double(three)
    with pytest.raises(probes.Wrong, match="this compiled 1 programs more"), heard.none_in("this"):
        double(four)


def test_numbers_that_are_not_finite_are_noticed_behind_bytes():
    task = Task(lambda weights, keys, inputs: {"image": inputs["x"]}, {"x": Spec("latent", (2,))}, {})
    task = task._replace(outputs={"image": Spec("image", (2,))})
    x = jnp.array([[0.0, 1.0], [0.5, jnp.nan], [jnp.inf, 0.0]])
    outputs = sampling.checked(task).fn(None, jax.random.split(jax.random.key(0), 3), {"x": x})
    assert outputs["image"].dtype == jnp.uint8
    assert outputs[sampling.FINITE].tolist() == [True, False, False]


def test_different_images_from_the_cache_are_noticed(tmp_path):
    first = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    for name, images in (("a", first), ("b", np.clip(first, 1, 255)), ("c", first[::-1])):
        np.savez(tmp_path / f"{name}.npz", first=images)
    sheet._same(tmp_path / "a.npz", tmp_path / "b.npz")
    with pytest.raises(probes.Wrong, match="different images"):
        sheet._same(tmp_path / "a.npz", tmp_path / "c.npz")


def test_a_process_refuses_in_one_sentence(tmp_path):
    request = {"job": "save", "config": "gan/dcgan_digit", "overrides": [], "workdir": str(tmp_path)}
    with pytest.raises(sheet.Refused, match=r"^Unknown config 'gan/dcgan_digit'.*dcgan_digits"):
        sheet.ask(request, tmp_path)


def test_bad_input(fails, tmp_path):
    fails("benchmark", "gan/dcgan_digit", says="gan/dcgan_digits")
    fails("benchmark", CONFIG, "--batch", "0", says="--batch")
    fails("benchmark", CONFIG, "--batch", "many", says="--batch")
    fails("benchmark", CONFIG, "--seconds", "-1", says="--seconds")


def test_wrong_results_fail_and_slow_ones_do_not(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def wrong(name, settings, ask):
        raise probes.Wrong("numbers that are not finite")

    monkeypatch.setattr(sheet, "measure", wrong)
    assert cli.main(["benchmark", CONFIG]) == 2
    assert "not finite" in capsys.readouterr().err.splitlines()[-1]  # after a line that says what was measured


@pytest.mark.long
@pytest.mark.parametrize("extra", [[], ["--train"]])
def test_the_command(extra, tmp_path, capsys):
    out = tmp_path / "speed.json"
    assert cli.main(["benchmark", "gan/cgan_digits", "--quick", "--out", str(out), *extra]) == 0
    (result,) = json.loads(out.read_text())["results"]
    assert result["warm"]["compile_seconds"] < result["cold"]["compile_seconds"]
    assert out.with_suffix(".png").is_file()
    assert CONFIG in capsys.readouterr().out
