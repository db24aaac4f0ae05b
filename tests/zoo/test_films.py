"""Clips on disk: what is written is read back, in every form, and short clips are named."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.core import Spec, Task, UserError
from jaxgen.zoo import files

RNG = np.random.default_rng(0)
# Few grey levels, as films have: a GIF holds 256 colours per frame.
CLIPS = RNG.integers(0, 8, (3, 5, 8, 8, 1), dtype=np.uint8) * 30
SHAPE = (4, 8, 8, 1)
TASK = Task(lambda *_: {}, {"video": Spec("video", SHAPE)}, {"video": Spec("video", SHAPE)})


def test_a_strip_has_a_row_per_clip_and_a_film_a_frame_per_moment(tmp_path):
    files.write_videos(tmp_path / "strip.png", CLIPS)
    files.write_videos(tmp_path / "film.gif", CLIPS)
    with Image.open(tmp_path / "strip.png") as strip, Image.open(tmp_path / "film.gif") as film:
        assert strip.width / strip.height == pytest.approx(5 / 3, rel=0.05)
        assert film.n_frames == 5
        assert film.info["loop"] == 0
    with pytest.raises(UserError, match=r"\.gif \(a film\)"):
        files.write_videos(tmp_path / "film.mp4", CLIPS)
    with pytest.raises(UserError, match=r"\[N, T, H, W, C\]"):
        files.write_videos(tmp_path / "film.gif", CLIPS[0])


def test_films_arrays_folders_and_held_out_clips_are_read_back(tmp_path):
    files.write_videos(tmp_path / "films", CLIPS)
    files.write_videos(tmp_path / "a.npz", CLIPS)
    frames = tmp_path / "frames"
    frames.mkdir()
    for t, frame in enumerate(CLIPS[0]):
        Image.fromarray(frame[..., 0]).save(frames / f"{t}.png")
    held = lambda first, stop, name="video": CLIPS[first:stop]  # noqa: E731
    for items in (["test:3"], [str(tmp_path / "a.npz")]):
        np.testing.assert_array_equal(files.read_inputs(TASK, items, held)["video"], CLIPS[:, :4])
    # Films were enlarged to be seen, by whole factors.
    for items in ([str(tmp_path / "films")], [str(tmp_path / "films" / f"{i:06d}.gif") for i in range(3)]):
        assert files.read_inputs(TASK, items, held)["video"].shape == (3, *SHAPE)
    np.testing.assert_array_equal(files.read_inputs(TASK, [str(frames)], held)["video"], CLIPS[:1, :4])


def test_frames_that_do_not_change_are_not_lost(tmp_path):
    still = np.concatenate([CLIPS[:1, :1], CLIPS[:1, 1:2], CLIPS[:1, 1:2], CLIPS[:1, 2:3]], axis=1)
    files.write_videos(tmp_path / "film.gif", still)
    found = files.read_inputs(TASK, [str(tmp_path / "film.gif")])["video"]
    np.testing.assert_array_equal(found[0, 1], found[0, 2])
    assert (found[0, 2] != found[0, 3]).any()


def test_clips_that_cannot_be_read(tmp_path):
    np.savez(tmp_path / "short.npz", CLIPS[:, :3])
    np.savez(tmp_path / "flat.npz", CLIPS[0])
    files.write_videos(tmp_path / "short.gif", CLIPS[:1, :2])
    (tmp_path / "empty").mkdir()
    Image.fromarray(CLIPS[0, 0, ..., 0]).save(tmp_path / "a.png")
    for name, says in (
        ("short.npz", "clip 0, has 3 frames"),
        ("flat.npz", "takes uint8"),
        ("short.gif", "has 2 frames"),
        ("empty", "neither"),
        ("a.png", "no clip"),
        ("none.gif", "no file"),
    ):
        with pytest.raises(UserError, match=says):
            files.read_inputs(TASK, [str(tmp_path / name)])
