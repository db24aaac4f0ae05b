"""Batches: pure in the step, the same global content for any number of processes, epochs that cover a split."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import batches, transforms
from jaxgen.data.settings import Settings
from jaxgen.data.source import Split, from_arrays


def numbered(size: int) -> Split:
    """A split whose image i is filled with i, in 4 x 4 pixels that tell left from right."""
    images = np.arange(size, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 1), np.uint8)
    return from_arrays(image=images, label=np.arange(size, dtype=np.int32))


@given(
    size=st.integers(1, 40),
    local=st.integers(1, 5),
    processes=st.integers(1, 4),
    per_step=st.integers(1, 3),
    seed=st.integers(-3, 2**40),
    step=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_the_global_batch_does_not_depend_on_the_number_of_processes(size, local, processes, per_step, seed, step):
    split, total = numbered(size), local * processes
    look = Settings(flip=True, random_crop=2)
    whole = batches.batches(split, look, total, seed, per_step=per_step)(step)
    share = dict(process_count=processes, per_step=per_step)
    parts = [batches.batches(split, look, total, seed, process_index=p, **share)(step) for p in range(processes)]
    for key, values in whole.items():
        joined = np.concatenate([part[key] for part in parts], axis=0 if per_step == 1 else 1)
        np.testing.assert_array_equal(values, joined)
        assert values.shape[: 1 + (per_step > 1)] == ((total,) if per_step == 1 else (per_step, total))


@given(size=st.integers(1, 50), batch=st.integers(1, 60), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_every_epoch_deals_each_example_once(size, batch, seed):
    fn = batches.batches(numbered(size), Settings(), batch, seed)
    epochs = 3
    steps = -(-size * epochs // batch)
    dealt = np.concatenate([fn(step)["label"] for step in range(steps)])[: size * epochs].reshape(epochs, size)
    np.testing.assert_array_equal(np.sort(dealt, axis=1), np.broadcast_to(np.arange(size), (epochs, size)))


def test_a_step_can_be_asked_for_in_any_order_and_again():
    make = lambda: data.load(dict(name="digits", flip=True, random_crop=1)).batches("train", 16, 5)  # noqa: E731
    one, other = make(), make()
    forward = [one(step) for step in range(95)]
    for step in (94, 0, 90, 3, 3):
        again = other(step)
        assert all(np.array_equal(again[key], forward[step][key]) for key in again)
    assert not np.array_equal(forward[0]["image"], forward[1]["image"])


def test_the_seed_and_the_epoch_change_the_order():
    split = numbered(50)
    deal = lambda seed, step: batches.batches(split, Settings(), 50, seed)(step)["label"]  # noqa: E731
    orders = [tuple(deal(seed, step)) for seed in (0, 1) for step in (0, 1)]
    assert len({*orders, tuple(range(50))}) == 5


def test_stacked_batches_are_consecutive_ones():
    split = numbered(30)
    single, stacked = (batches.batches(split, Settings(flip=True), 8, 1, per_step=k) for k in (1, 3))
    for key in ("image", "label"):
        np.testing.assert_array_equal(stacked(2)[key], np.stack([single(step)[key] for step in (6, 7, 8)]))


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_an_epoch_covers_the_split_once_in_order_with_a_masked_tail(processes):
    walks = [list(batches.epoch(numbered(23), 10, process_index=p, process_count=processes)) for p in range(processes)]
    assert {len(walk) for walk in walks} == {3}
    joined = [{key: np.concatenate([walk[i][key] for walk in walks]) for key in walks[0][0]} for i in range(3)]
    assert [part["mask"].sum() for part in joined] == [10, 10, 3]
    seen = np.concatenate([part["label"][part["mask"]] for part in joined])
    np.testing.assert_array_equal(seen, np.arange(23))


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(UserError, match="10 does not divide among 3"):
        batches.batches(numbered(20), Settings(), 10, 0, process_count=3)


def test_augmentation_flips_about_half_and_only_the_train_split():
    split = from_arrays(image=np.tile(np.arange(4, dtype=np.uint8)[None, None, :, None], (400, 4, 1, 1)))
    train, test = (
        batches.batches(split, Settings(flip=True), 400, 0, training=training)(0)["image"] for training in (True, False)
    )
    flipped = (train[:, 0, 0, 0] == 3).mean()
    assert 0.4 < flipped < 0.6
    assert (test[:, 0, 0, 0] == 0).all()


def test_random_crop_equals_cropping_a_reflected_image():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 6, 7, 3), dtype=np.uint8)
    padded = np.pad(image[0], ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {padded[y : y + 6, x : x + 7].tobytes() for y in range(5) for x in range(5)}
    look = Settings(random_crop=2)
    made = transforms.augment(look, 0, np.arange(400), {"image": np.repeat(image, 400, 0)})["image"]
    assert {crop.tobytes() for crop in made} == windows
    with pytest.raises(UserError, match="6x7"):
        transforms.augment(Settings(random_crop=6), 0, np.arange(1), {"image": image})


def test_swapped_channels_are_the_same_pixels_in_another_order():
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 3, 3), dtype=np.uint8)
    orders = {image[0][..., list(order)].tobytes() for order in itertools.permutations(range(3))}
    pair = {name: np.repeat(image, 200, 0) for name in ("image", "target")}
    made = transforms.augment(Settings(swap_channels=True), 0, np.arange(200), pair)
    assert {one.tobytes() for one in made["image"]} == orders
    np.testing.assert_array_equal(made["image"], made["target"])


def test_prefetch_keeps_the_order_and_passes_errors_on():
    def slow(step):
        if step == 12:
            raise UserError("step 12 is bad")
        time.sleep(0.002)
        return step

    assert list(data.prefetch(slow, 1, 10, 3, threads=2)) == [1, 4, 7]
    assert list(data.prefetch(slow, 5, 5)) == []
    walk = data.prefetch(slow, 10, 20)
    assert [next(walk), next(walk)] == [10, 11]
    with pytest.raises(UserError, match="step 12"):
        next(walk)


def test_prefetch_works_ahead_and_stops_when_closed():
    made = []
    walk = data.prefetch(lambda step: made.append(step) or step, 0, 10_000, depth=2)
    assert next(walk) == 0
    deadline = time.time() + 5
    while len(made) < 3 and time.time() < deadline:
        time.sleep(0.01)
    assert len(made) >= 3
    walk.close()
    time.sleep(0.05)
    count = len(made)
    time.sleep(0.1)
    assert len(made) == count < 100
