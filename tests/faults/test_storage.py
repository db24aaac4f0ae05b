"""Disks that fill up, checkpoints that vanish or rot, buckets that refuse: one sentence, and nothing is lost."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgen import training
from jaxgen.core import UserError
from jaxgen.training import places, records

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
import training_toys as toys


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    return toys.run(tmp_path_factory.mktemp("straight"))


def _rot(folder):
    largest = max((f for f in (folder / "params").rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)


@pytest.mark.parametrize("harm", [shutil.rmtree, _rot, lambda f: shutil.rmtree(f / "opt")], ids=["gone", "rot", "part"])
def test_the_newest_checkpoint_is_harmed(straight, tmp_path, capsys, harm):
    toys.run(tmp_path, steps=8)
    harm(tmp_path / "checkpoints" / "8")
    toys.assert_equal(toys.run(tmp_path, progress=True), straight)
    said = capsys.readouterr().err
    assert "going on from step 4" in said
    assert ("Using the checkpoint of step 4 instead" in said) == (harm is not shutil.rmtree)


def test_a_disk_fills_up_in_the_middle_of_a_run(straight, tmp_path, monkeypatch):
    import orbax.checkpoint as ocp

    write, calls = ocp.CheckpointManager.save, []

    def full(self, step, *rest, **settings):
        calls.append(step)
        if step == 8:
            (tmp_path / "checkpoints" / "8.orbax-checkpoint-tmp").mkdir()
            raise OSError(28, "No space left on device")
        return write(self, step, *rest, **settings)

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.raises(UserError, match=r"step 8 could not be saved .* the disk is full\. .* step 4 is intact"):
        toys.run(tmp_path)
    monkeypatch.undo()
    assert calls == [4, 8]
    assert not list((tmp_path / "checkpoints").glob("*tmp*"))
    toys.assert_equal(toys.run(tmp_path), straight)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """gs://bucket lies in a local folder; (folder, errors): what is put into `errors` is raised by any access."""
    import fsspec
    from etils.epath import backend
    from fsspec.implementations.dirfs import DirFileSystem

    errors: list[Exception] = []

    class Bucket(DirFileSystem):
        def _join(self, path):
            if errors:
                raise errors[0]
            return super()._join(path.removeprefix("gs://") if isinstance(path, str) else path)

    held = Bucket(path=str(tmp_path), fs=fsspec.filesystem("file", auto_mkdir=True))
    monkeypatch.setattr(backend.fsspec_backend, "_get_filesystem", lambda name: held)
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: name == "gcsfs" or None)
    return tmp_path / "bucket", errors


def test_a_run_in_a_bucket(bucket):
    """Its records and metrics; orbax has its own way to the bucket."""
    folder, _ = bucket
    url = "gs://bucket/runs/mine"
    assert str(places.place(url) / "samples") == f"{url}/samples"
    store = training.Checkpoints(f"{url}/checkpoints")
    assert str(store.folder) == f"{url}/checkpoints"
    assert store.steps() == []
    records.start(url, {"config.json": "{}"}, seed=1, step=0)
    assert (folder / "runs" / "mine" / "config.json").read_text() == "{}"
    assert records.read(url, "run.json")
    writer = training.Writer(url)
    writer.scalars(1, {"loss": 2.0})
    writer.scalars(2, {"loss": 1.0})
    writer.close()
    again = training.Writer(url, step=1)
    again.scalars(2, {"loss": 0.5})
    assert [row["loss"] for row in training.read_metrics(f"{url}/metrics.jsonl")] == [2.0, 0.5]
    with places.through(places.place(url) / "samples" / "1.png") as local:
        local.write_bytes(b"picture")
    assert (folder / "runs" / "mine" / "samples" / "1.png").read_bytes() == b"picture"


def test_a_bucket_without_permission(bucket):
    _, errors = bucket
    errors.append(OSError("Forbidden: https://storage.googleapis.com/... 403"))
    with pytest.raises(UserError, match=r"Cannot reach gs://bucket/mine: no permission\. Sign in") as caught:
        places.reachable("gs://bucket/mine")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"Cannot write gs://bucket/mine/config.json: no permission to write there"):
        records.start("gs://bucket/mine", {"config.json": "{}"}, seed=0, step=0)
    assert places.reason(ValueError("PERMISSION_DENIED: a@b.c does not have storage.objects.create")) == (
        "no permission to write there"
    )


def test_what_a_bucket_needs(monkeypatch):
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install gcsfs"):
        places.place("gs://bucket/mine")
    with pytest.raises(UserError, match="Unknown kind of storage 'ftp'"):
        places.place("ftp://bucket/mine")


def test_the_best_checkpoint_stays(tmp_path):
    """Of the losses 3 1 2 4 at steps 1 ... 4 the second; the two newest stay as well. A later start knows it too."""
    state = toys.run(tmp_path / "run", steps=4, checkpoint_every=0)
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 4.0}
    with training.Checkpoints(tmp_path / "c", keep=2, best="model/loss") as store:
        for step, loss in losses.items():
            store.save(step, state, {"model/loss": loss, "other": -loss})
    store = training.Checkpoints(tmp_path / "c", keep=2, best="model/loss")
    assert store.steps() == [2, 3, 4]
    assert store.best() == 2
    assert training.Checkpoints(tmp_path / "c", best="none").best() is None
    with store:
        store.save(5, state, {"model/loss": 0.5})
        store.save(6, state)
    assert (store.steps(), store.best()) == ([5, 6], 5)


def test_a_run_keeps_its_best(tmp_path):
    toys.run(tmp_path, keep=1, keep_best="model/loss")
    rows = training.read_metrics(tmp_path / "metrics.jsonl")
    best = min(rows, key=lambda row: row["model/loss"])["step"]
    assert training.Checkpoints(tmp_path / "checkpoints").steps() == sorted({best, 12})


def test_weights_without_a_model(straight, tmp_path):
    toys.run(tmp_path, steps=12)
    store = training.Checkpoints(tmp_path / "checkpoints")
    got = store.arrays()
    assert sorted(got) == ["ema", "params"]
    assert isinstance(got["params"]["model"]["w"], np.ndarray)
    np.testing.assert_array_equal(got["params"]["model"]["w"], straight.params["model"]["w"])
    np.testing.assert_array_equal(
        got["ema"]["model"]["ema"]["params"]["w"], straight.ema["model"]["ema"]["params"]["w"]
    )
    _rot(tmp_path / "checkpoints" / "12")
    assert store.arrays(("params",))["params"]["model"]["w"].shape == (3,)
    with pytest.raises(UserError, match="no checkpoint of step 5"):
        store.arrays(step=5)
