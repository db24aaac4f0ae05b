"""Checkpoints: what is damaged is noticed, what is good is found, whatever was saved where."""

import os
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import NamedSharding, PartitionSpec

from jaxgen import parallel
from jaxgen.core import State, UserError
from jaxgen.training import Checkpoints, Diverged
from jaxgen.training.fingerprints import fingerprints

sys.path.insert(0, str(Path(__file__).parent))
import training_toys as helpers


def state(step: int, frozen=None) -> State:
    """A state with every kind of leaf: bfloat16, integers, booleans, keys, an empty tree, a named tuple."""
    rng = jax.random.key(step)
    weight = jax.random.normal(rng, (64, 256))
    return State(
        step=jnp.int32(step),
        rng=rng,
        params={"model": {"w": weight, "b": jnp.ones(3, jnp.bfloat16)}},
        opt={"model": (jnp.int32(step), {"mu": weight / 2}), "still": ()},
        ema={},
        stats={"model": {}},
        frozen=frozen or {},
        memory={"pool": {"keys": jax.random.split(rng, 3), "used": jnp.array([True, False]), "n": jnp.uint8(7)}},
    )


def shapes(of: State) -> State:
    return jax.eval_shape(lambda: of)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    with Checkpoints(folder) as store:
        for step in (1, 2, 3):
            store.save(step, state(step))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "checkpoints"))


def biggest(folder: Path) -> Path:
    return max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_everything_comes_back(saved):
    store = Checkpoints(saved)
    assert store.steps() == [1, 2, 3]
    assert store.items(3) == ["params", "opt", "memory", "clock"]
    step, got = store.restore_latest(shapes(state(0)))
    assert step == 3
    assert jax.tree.structure(got) == jax.tree.structure(state(3))
    helpers.assert_equal(got, state(3))
    helpers.assert_equal(store.restore(1, shapes(state(0))), state(1))


def test_weights_without_the_optimizer(saved):
    got = Checkpoints(saved).restore_weights(shapes(state(0)))
    assert got.opt == {}
    helpers.assert_equal(got, state(3).replace(opt={}))
    helpers.assert_equal(Checkpoints(saved).restore_weights(shapes(state(0)), 2), state(2).replace(opt={}))


DAMAGE = {
    "a flipped bit": lambda step: flip(biggest(step / "params")),
    "a truncated file": lambda step: os.truncate(biggest(step / "params"), 100),
    "a missing file": lambda step: biggest(step / "opt").unlink(),
    "a missing item": lambda step: shutil.rmtree(step / "memory"),
    "no manifest": lambda step: (step / "params" / "manifest.ocdbt").unlink(),
    "unreadable facts": lambda step: (step / "meta" / "metadata").write_text("{"),
    "no facts": lambda step: shutil.rmtree(step / "meta"),
    "an empty folder": lambda step: (shutil.rmtree(step), step.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_damage_is_noticed_and_the_newest_good_step_found(folder, damage):
    damage(folder / "3")
    said = []
    step, got = Checkpoints(folder).restore_latest(shapes(state(0)), said.append)
    assert step == 2
    helpers.assert_equal(got, state(2))
    assert len(said) == 1
    assert "step 3" in said[0]
    assert "step 2 instead" in said[0]
    assert "\n" not in said[0]
    with pytest.raises(UserError, match="step 3"):
        Checkpoints(folder).restore(3, shapes(state(0)))


def test_foreign_folders_are_passed_over(folder):
    (folder / "9").mkdir()
    (folder / "notes").mkdir()
    (folder / "12").write_text("")
    (folder / "5.orbax-checkpoint-tmp").mkdir()
    store = Checkpoints(folder)
    step, _ = store.restore_latest(shapes(state(0)))
    assert step == 3
    # Going on from step 3 passes the empty folder, which is set aside, and clears the leftovers.
    store.save(9, state(9))
    store.close()
    assert Checkpoints(folder).restore_latest(shapes(state(0)))[0] == 9
    assert (folder / "broken-9").is_dir()
    assert (folder / "notes").is_dir()
    assert not list(folder.glob("*tmp*"))


def test_reading_changes_nothing(folder):
    (folder / "5.orbax-checkpoint-tmp").mkdir()
    before = sorted(str(f) for f in folder.rglob("*"))
    with Checkpoints(folder, keep=1) as store:
        store.restore_weights(shapes(state(0)))
    assert sorted(str(f) for f in folder.rglob("*")) == before


def test_none_good_is_an_error_and_none_at_all_is_not(folder, tmp_path):
    assert Checkpoints(tmp_path / "nothing").restore_latest(shapes(state(0))) is None
    with pytest.raises(UserError, match="no checkpoints"):
        Checkpoints(tmp_path / "nothing").restore_weights(shapes(state(0)))
    for step in (1, 2, 3):
        flip(biggest(folder / str(step) / "params"))
    with pytest.raises(UserError, match=r"None of the 3 checkpoints .* start from scratch"):
        Checkpoints(folder).restore_latest(shapes(state(0)))
    with pytest.raises(UserError, match=r"no checkpoint of step 7 .* 1, 2, 3"):
        Checkpoints(folder).restore(7, shapes(state(0)))


def test_another_model_is_named(saved):
    wider = state(0).replace(params={"model": {"w": jnp.zeros((64, 128)), "b": jnp.ones(3, jnp.bfloat16)}})
    with pytest.raises(UserError, match=r"another model: params/model/w is .*256.* there and .*128.* here"):
        Checkpoints(saved).restore_latest(shapes(wider))
    narrow = state(0).replace(params={"model": {"w": state(0).params["model"]["w"]}})
    with pytest.raises(UserError, match="also holds params/model/b"):
        Checkpoints(saved).restore_latest(shapes(narrow))


def test_formats(tmp_path):
    """A checkpoint written in format 1 is read, one of the future is not."""
    import json
    import zipfile

    import jaxgen.training.contents as contents

    with zipfile.ZipFile(Path(__file__).parent / "formats" / "1.zip") as kept:
        kept.extractall(tmp_path / "c")
    weights = {"w": jnp.arange(6, dtype=jnp.float32).reshape(2, 3), "b": jnp.ones(3, jnp.bfloat16)}
    wanted = State(
        step=jnp.int32(7),
        rng=jax.random.key(5),
        params={"model": weights},
        opt={"model": (jnp.int32(7), {"mu": jnp.full((2, 3), 0.5)})},
        ema={"model": {"ema": {"params": {"w": jnp.full((2, 3), 2.0)}, "stats": {}}}},
        stats={"model": {}},
        frozen={},
        memory={},
    )
    step, got = Checkpoints(tmp_path / "c").restore_latest(shapes(wanted))
    assert step == 7
    helpers.assert_equal(got, wanted)
    np.testing.assert_array_equal(Checkpoints(tmp_path / "c").arrays()["params"]["model"]["w"], weights["w"])
    with Checkpoints(tmp_path / "c") as store:
        store.save(8, wanted)
    file = tmp_path / "c" / "8" / "meta" / "metadata"
    meta = json.loads(file.read_text())
    assert meta["format"] == contents.FORMAT == 1 + max(contents.MIGRATIONS)
    file.write_text(json.dumps({**meta, "format": contents.FORMAT + 1}))
    with pytest.raises(UserError, match=r"step 8 .* has format 3; .* up to 2: update jaxgen"):
        Checkpoints(tmp_path / "c").restore_latest(shapes(wanted))


def test_only_the_newest_are_kept(tmp_path):
    with Checkpoints(tmp_path / "c", keep=2) as store:
        for step in (1, 2, 3, 4):
            store.save(step, state(step))
    assert Checkpoints(tmp_path / "c").steps() == [3, 4]


def test_donated_buffers_do_not_reach_the_save(tmp_path):
    """The save runs in the background while the next steps overwrite the buffers it was given."""
    advance = jax.jit(lambda w: w * 1.5 + 1, donate_argnums=0)
    first = jax.random.normal(jax.random.key(0), (1024, 1024))
    expected = np.array(first)
    with Checkpoints(tmp_path / "c") as store:
        store.save(1, state(1).replace(params={"w": first}))
        for _ in range(5):
            first = advance(first)
    got = Checkpoints(tmp_path / "c").restore(1, shapes(state(1).replace(params={"w": first})))
    np.testing.assert_array_equal(got.params["w"], expected)


def test_another_frozen_network_is_refused(tmp_path):
    with Checkpoints(tmp_path / "c") as store:
        store.save(1, state(1, {"judge": {"w": jnp.ones(4)}}))
    restore = Checkpoints(tmp_path / "c").restore_latest
    with pytest.raises(UserError, match="frozen network 'judge'"):
        restore(shapes(state(0)).replace(frozen={"judge": {"w": jnp.ones(4).at[2].set(2)}}))
    kept = {"judge": {"w": jnp.ones(4)}}
    assert restore(shapes(state(0)).replace(frozen=kept))[1].frozen is kept


def test_weights_that_are_not_finite_are_refused(tmp_path):
    bad = state(1).replace(params={"model": {"w": jnp.array([1.0, jnp.inf])}})
    with Checkpoints(tmp_path / "c") as store, pytest.raises(Diverged, match="params/model/w"):
        store.save(1, bad)


@pytest.mark.parametrize("sizes", [(4, 1), (1, 4), (2, 2), (1, 2, 2)])
def test_saved_on_four_devices_restored_on_one_and_back(tmp_path, sizes):
    mesh, one = parallel.make_mesh(*sizes), parallel.make_mesh(devices=jax.devices()[:1])

    def placed(mesh):
        places = parallel.shardings(shapes(state(0)), mesh, small=8)
        return jax.tree.map(lambda s, p: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=p), shapes(state(0)), places)

    for step, (here, there) in enumerate([(mesh, one), (one, mesh)], start=1):
        there_state = jax.device_put(state(step), jax.tree.map(lambda s: s.sharding, placed(here)))
        with Checkpoints(tmp_path / str(step)) as store:
            store.save(step, there_state)
        _, got = Checkpoints(tmp_path / str(step)).restore_latest(placed(there))
        helpers.assert_equal(got, state(step))
        assert got.params["model"]["w"].sharding == placed(there).params["model"]["w"].sharding


def test_a_full_disk_is_one_sentence(folder, monkeypatch):
    """The write of the data fails; older checkpoints stay good and nothing half-written stays behind."""
    import orbax.checkpoint as ocp

    def full(self):
        (folder / "4.orbax-checkpoint-tmp").mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "wait_until_finished", full)
    with pytest.raises(UserError, match=r"step 4 could not be saved .* the disk is full\. .* step 3 is intact"):
        Checkpoints(folder).save(4, state(4))
    monkeypatch.undo()
    assert not list(folder.glob("*tmp*"))


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_really_is_full(tmp_path):
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        store = Checkpoints(disk / "checkpoints", keep=100)
        large = jax.random.normal(jax.random.key(0), (512, 512))

        def fill():
            for step in range(1, 100):
                store.save(step, state(step).replace(params={"w": large + step}))

        with pytest.raises(UserError, match="the disk is full"):
            fill()
        good, got = Checkpoints(disk / "checkpoints").restore_latest(shapes(state(0).replace(params={"w": large})))
        np.testing.assert_array_equal(got.params["w"], large + good)
        assert not list((disk / "checkpoints").glob("*tmp*"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_no_permission_is_one_sentence(read_only):
    with pytest.raises(UserError, match="no permission"):
        Checkpoints(read_only).save(4, state(4))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_fingerprint_sees_any_flipped_bit(data):
    kind = data.draw(st.sampled_from(["float32", "bfloat16", "int8", "uint16", "int32"]))
    shape = data.draw(st.lists(st.integers(1, 5), max_size=3).map(tuple))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(jnp.dtype(kind))
    y = bytearray(x.tobytes())
    bit = data.draw(st.integers(0, 8 * len(y) - 1))
    y[bit // 8] ^= 1 << (bit % 8)
    changed = np.frombuffer(bytes(y), x.dtype).reshape(shape)
    assert fingerprints([jnp.asarray(x)])[0] != fingerprints([jnp.asarray(changed)])[0]


def test_a_fingerprint_sees_order_but_not_sharding():
    x = jax.random.normal(jax.random.key(0), (8, 12, 4))
    mesh = parallel.make_mesh(2, 2)
    specs = [(), ("data",), (None, "fsdp"), ("fsdp", None, "data"), (None, ("data", "fsdp"))]
    values = {fingerprints(jax.device_put(x, NamedSharding(mesh, PartitionSpec(*spec))))[0][0] for spec in specs}
    assert values == {fingerprints(x)[0][0]}
    assert fingerprints(x[::-1])[0][0] not in values
