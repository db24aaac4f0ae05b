"""Clips: arrays, recordings cut into windows, folders, and moving digits that are a function of seed and index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxgen import data, evals
from jaxgen.core import UserError
from jaxgen.data import moving

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(0, 256, (20, 5, 6, 7, 3), dtype=np.uint8)


def all_of(section, split="train"):
    parts = list(data.load(section).epoch(split, 7))
    return {key: np.concatenate([part[key][part["mask"]] for part in parts]) for key in parts[0] if key != "mask"}


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return {"name": "video", "path": str(tmp_path / "a.npz")}

    return write


def test_an_array_of_clips_holds_every_tenth_out(npz):
    section = npz(videos=CLIPS, labels=np.arange(20) % 3)
    info = data.load(section).info
    assert (info.image, info.frames, info.classes) == ((6, 7, 3), 5, ("0", "1", "2"))
    test = all_of(section, "test")
    np.testing.assert_array_equal(test["video"], CLIPS[[9, 19]])
    assert test["label"].tolist() == [0, 1]
    np.testing.assert_array_equal(all_of({**section, "train": "all[5:8]"})["video"], CLIPS[5:8])
    assert data.Info.from_dict(info.to_dict()) == info


def test_columns_of_a_table_of_labels_make_the_classes(npz, caplog):
    table = np.stack([np.arange(20), np.arange(20) % 2, np.arange(20) // 10], axis=1)
    section = npz(video=CLIPS, label=table)
    assert "label" not in all_of(section)
    assert "3 columns" in caplog.text
    chosen = {**section, "label": (2, 1), "train": "all"}
    assert data.load(chosen).info.classes == ("0 0", "0 1", "1 0", "1 1")
    np.testing.assert_array_equal(all_of(chosen)["label"], 2 * table[:, 2] + table[:, 1])
    with pytest.raises(UserError, match="columns 0 to 2"):
        data.load({**section, "label": (3,)})


def test_recordings_are_splits_by_name_and_windows_are_cut_from_each(npz):
    events = {name: RNG.integers(0, 256, (length, 4, 4), dtype=np.uint8) for name, length in (("a", 6), ("b", 9))}
    section = {**npz(**events), "frames": 4}
    found = data.load({**section, "train": "a", "test": "b", "hop": 2})
    assert (found.info.sizes, found.info.frames, found.info.image) == ({"train": 2, "test": 3}, 4, (4, 4, 1))
    windows = all_of({**section, "train": "b"})["video"][..., 0]
    np.testing.assert_array_equal(windows, [events["b"][i : i + 4] for i in range(6)])
    both = {**section, "train": "a+b"}
    assert data.load(both).info.sizes["train"] == 3 + 6
    assert data.load(section).info.sizes == {"train": 3, "test": 6}  # the last one is left out


@pytest.mark.parametrize(
    ("arrays", "more", "says"),
    [
        ({"videos": CLIPS}, {"frames": 6}, "6 frames, but clip 0"),
        ({"a": CLIPS[0], "b": CLIPS[1][:3]}, {"frames": 4}, "b of .* has 3"),
        ({"a": CLIPS[0], "b": CLIPS[1][:3], "c": CLIPS[2]}, {}, "b has 3 frames"),
        ({"videos": CLIPS[0, 0]}, {}, "must be uint8"),
        ({"videos": CLIPS.astype(float)}, {}, "float64"),
        ({"a": CLIPS}, {}, "be called videos"),
        ({"videos": CLIPS, "labels": np.arange(3)}, {}, "20 clips but 3 labels"),
        ({"videos": CLIPS}, {"frames": -1}, "must not be negative"),
        ({"videos": CLIPS}, {"hop": 0}, "at least 1"),
    ],
)
def test_clips_that_do_not_fit_are_named(npz, arrays, more, says):
    with pytest.raises(UserError, match=says):
        data.load({**npz(**arrays), **more})


def test_images_are_no_clips_and_clips_no_images(npz):
    with pytest.raises(UserError, match="holds no clips"):
        data.load({"name": "digits", "frames": 4})
    with pytest.raises(UserError, match=r"data\.name=video"):
        data.load({**npz(videos=CLIPS), "name": "array"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two clips as frames and one as a GIF with a frame shown twice as long; grey, told apart by their level."""
    root = tmp_path_factory.mktemp("set")
    for name, level in (("walk/a", 10), ("walk/b", 60)):
        (root / name).mkdir(parents=True)
        for t in range(11):
            Image.fromarray(np.full((8, 8), level + t, np.uint8)).save(root / name / f"{t}.png")
    frames = [Image.fromarray(np.full((8, 8), 100 + 10 * t, np.uint8)) for t in range(10)]
    (root / "jump").mkdir()
    durations = [100] * 3 + [200] + [100] * 6
    frames[0].save(root / "jump" / "c.gif", save_all=True, append_images=frames[1:], duration=durations)
    return root


def test_folders_of_frames_and_films(folder):
    section = {"name": "video", "path": str(folder), "channels": 1, "train": "train+test"}
    try:
        found = data.load({**section, "frames": 11})
    except UserError:  # every clip's hash fell to one side
        section["train"] = "train"
        found = data.load({**section, "frames": 11})
    assert found.info.classes == ("jump", "walk")
    examples = all_of({**section, "frames": 11})
    by_level = sorted(zip(examples["video"][:, :, 0, 0, 0].tolist(), examples["label"].tolist()))
    # Frame 2 comes before frame 10, and a frame shown twice as long is two.
    assert by_level[0] == ([10 + t for t in range(11)], 1)
    assert by_level[2] == ([100, 110, 120, 130, 130, 140, 150, 160, 170, 180, 190], 0)
    windows = all_of({**section, "frames": 10})
    assert len(windows["video"]) == 6
    assert data.load({**section, "frames": 4, "size": 4}).info.image == (4, 4, 1)
    with pytest.raises(UserError, match="12 frames, but jump/c"):
        data.load({**section, "frames": 12})


def test_folders_that_hold_no_clips(tmp_path, folder):
    (tmp_path / "x").mkdir()
    with pytest.raises(UserError, match="holds no clips"):
        data.load({"name": "video", "path": str(tmp_path)})
    (tmp_path / "x" / "0.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"x/0\.png"):
        data.load({"name": "video", "path": str(tmp_path)})
    (tmp_path / "y.gif").write_bytes(b"nothing")
    (tmp_path / "x" / "0.png").unlink()
    with pytest.raises(UserError, match=r"y\.gif"):
        data.load({"name": "video", "path": str(tmp_path)})


def test_all_frames_of_a_clip_are_flipped_and_cropped_alike(npz):
    section = {**npz(videos=CLIPS), "train": "all", "flip": True, "random_crop": 2}
    drawn = data.load(section).batches("train", 20, 0)(0)["video"]
    plain = data.load({**section, "flip": False, "random_crop": 0}).batches("train", 20, 0)(0)["video"]
    assert drawn.shape == plain.shape
    assert (drawn != plain).any()
    for moved, clip in zip(drawn, plain):
        # Each frame is moved as the first is: number its pixels, and look where they went.
        codes = {tuple(pixel): index for index, pixel in enumerate(clip[0].reshape(-1, 3).tolist())}
        went = np.array([codes[tuple(pixel)] for pixel in moved[0].reshape(-1, 3).tolist()])
        for before, after in zip(clip, moved):
            np.testing.assert_array_equal(after.reshape(-1, 3), before.reshape(-1, 3)[went])


DIGITS = np.zeros((3, 4, 4, 1), np.uint8) + np.array([50, 100, 150], np.uint8)[:, None, None, None]


@given(seed=st.integers(0, 9), index=st.integers(0, 10**6), others=st.lists(st.integers(0, 10**6), max_size=3))
@settings(max_examples=25, deadline=None)
def test_a_moving_clip_is_a_function_of_seed_and_index(seed, index, others):
    alone = moving.draw(DIGITS, seed, np.array([index]), 10, 6, 2)
    among = moving.draw(DIGITS, seed, np.array([*others, index]), 10, 9, 2)
    np.testing.assert_array_equal(alone["video"][0], among["video"][-1][:6])
    np.testing.assert_array_equal(alone["which"][0], among["which"][-1])


def test_digits_stay_whole_move_evenly_and_bounce():
    video = moving.draw(DIGITS, 0, np.arange(50), 24, 40, 1)["video"][..., 0] > 0
    assert (video.sum(axis=(2, 3)) == 16).all()
    # Undo the reflections: the way left per frame is constant, so no coordinate jumps by more than SPEED * 20 + 1.
    tops, lefts = (video.any(axis=axis).argmax(axis=2) for axis in (3, 2))
    steps = np.hypot(np.diff(tops), np.diff(lefts))
    assert steps.max() <= moving.SPEED * 20 + 1.5
    assert np.median(steps) == pytest.approx(2, abs=0.35)
    assert {0, 20} <= set(tops.ravel()) & set(lefts.ravel())
    turns = np.sign(np.diff(tops))
    assert ((turns == 1).any(axis=1) & (turns == -1).any(axis=1)).mean() > 0.8


def test_moving_digits_keep_their_splits_apart_and_name_single_digits():
    one = {"name": "moving_digits", "digits": 1, "frames": 3}
    found = data.load(one)
    assert (found.info.image, found.info.frames, len(found.info.classes)) == ((24, 24, 1), 3, 10)
    stored = {split: all_of({}, split) for split in ("train", "test")}
    for split in ("train", "test"):
        batch = found.batches(split, 12, 0)(5)
        for clip, label in zip(batch["video"], batch["label"]):
            rows, columns = (np.flatnonzero(clip[0, ..., 0].any(axis=axis)) for axis in (1, 0))
            cut = clip[0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, 0]
            images = stored[split]["image"][stored[split]["label"] == label][..., 0]
            inside = (np.lib.stride_tricks.sliding_window_view(images, cut.shape, axis=(1, 2)) == cut).all(axis=(3, 4))
            assert inside.any()
    assert data.load({"name": "moving_digits"}).info.classes == ()
    with pytest.raises(UserError, match="8 pixels"):
        data.load({"name": "moving_digits", "size": 4})


def test_a_contact_sheet_shows_a_row_per_clip():
    sheet = data.contact_sheet({"name": "moving_digits", "frames": 3}, rows=2)
    assert sheet.width > 2.5 * 64
    assert sheet.height < 2.5 * 100


PERSISTENCE = {  # mean over all pairs (t, t + 1) and (t, t + 6) of squared differences of value / 150
    "mch_20150515": (0.00655, 0.03443),
    "mch_20160711": (0.00830, 0.05400),
    "mch_20170131": (0.00818, 0.03973),
    "fmi_20160928": (0.00508, 0.03175),
}


@pytest.mark.parametrize("event", PERSISTENCE)
def test_persistence_on_radar_is_what_was_found_elsewhere(jaxgen_data, event):
    if not (jaxgen_data / "radar-128.npz").exists():
        pytest.skip("radar-128.npz is not in JAXGEN_DATA")
    for lead, wanted in zip((1, 6), PERSISTENCE[event]):
        section = {"name": "video", "path": "radar-128.npz", "train": event, "test": event, "frames": lead + 1}
        clips = all_of(section)["video"]
        assert len(clips) == 40 - lead
        assert clips.max() <= 151
        found = evals.persistence_errors(clips[:, :1], clips[:, 1:], 150.0)[:, -1].mean()
        assert found == pytest.approx(wanted, abs=6e-6)


def test_sprites_have_nine_classes_of_action_and_direction(jaxgen_data):
    if not (jaxgen_data / "lpc-sprites-1800x8x64.npz").exists():
        pytest.skip("lpc-sprites-1800x8x64.npz is not in JAXGEN_DATA")
    info = data.load({"name": "video", "path": "lpc-sprites-1800x8x64.npz", "label": (4, 5), "train": "all[:90%]"}).info
    assert (info.image, info.frames, len(info.classes), info.sizes["train"]) == ((64, 64, 3), 8, 9, 1620)
