"""The loop: resuming is exact, stopping is clean, trouble is named."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen import training
from jaxgen.core import UserError

sys.path.insert(0, str(Path(__file__).parent))
import training_toys as helpers


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """12 steps without interruption: (state, folder)."""
    folder = tmp_path_factory.mktemp("straight")
    drawn = []
    state = helpers.run(folder, draw=lambda state, step: drawn.append((int(state.step), step)), records={"a.txt": "b"})
    assert drawn == [(6, 6), (12, 12)]
    return state, folder


def test_it_learns_and_leaves_records(straight):
    state, folder = straight
    assert int(state.step) == 12
    assert (folder / "a.txt").read_text() == "b"
    starts = json.loads((folder / "run.json").read_text())
    assert starts[0]["from_step"] == 0
    assert starts[0]["packages"]["jax"] == jax.__version__
    assert training.Checkpoints(folder / "checkpoints").steps() == [4, 8, 12]
    assert list((folder / "tensorboard").iterdir())


def test_rows_are_means_over_their_window(straight, tmp_path):
    """Log every 4 steps against log every step."""
    helpers.run(tmp_path, log_every=1, checkpoint_every=0, sample_every=0)
    fine, coarse = (training.read_metrics(folder / "metrics.jsonl") for folder in (tmp_path, straight[1]))
    assert [row["step"] for row in coarse] == [4, 8, 12]
    for index, row in enumerate(coarse):
        part = [r["model/loss"] for r in fine[4 * index : 4 * index + 4]]
        assert row["model/loss"] == pytest.approx(np.mean(part), rel=1e-5)
    assert training.Checkpoints(tmp_path / "checkpoints").steps() == [12]


def test_resuming_is_exact_and_metrics_are_consistent(straight, tmp_path):
    """Stopped between two checkpoints, rows beyond the last one are written anew."""

    def fails(step):
        if step == 7:
            raise OSError("the disk went away")
        return helpers.batch(step)

    with pytest.raises(OSError, match="went away"):
        helpers.run(tmp_path, batch_fn=fails, log_every=1)
    assert [row["step"] for row in training.read_metrics(tmp_path / "metrics.jsonl")][-1] > 4
    state = helpers.run(tmp_path, log_every=1)
    helpers.assert_equal(state, straight[0])
    assert [row["step"] for row in training.read_metrics(tmp_path / "metrics.jsonl")] == list(range(1, 13))
    assert [start["from_step"] for start in json.loads((tmp_path / "run.json").read_text())] == [0, 4]


def test_a_longer_run_goes_on(straight, tmp_path):
    helpers.run(tmp_path, steps=8)
    helpers.assert_equal(helpers.run(tmp_path), straight[0])
    helpers.assert_equal(helpers.run(tmp_path), straight[0])


def test_several_steps_per_call_give_the_same_state(straight, tmp_path):
    state = helpers.run(tmp_path, steps_per_call=2)
    for a, b in zip(helpers.numbers(state), helpers.numbers(straight[0])):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_the_step_is_compiled_once(tmp_path):
    made, traces = helpers.method(), []
    counted = made._replace(step=lambda state, batch: (traces.append(1), made.step(state, batch))[1])
    helpers.run(tmp_path / "a", made=counted, steps=4)
    assert len(traces) == 1
    helpers.run(tmp_path / "a", made=counted)
    assert len(traces) == 2


@pytest.mark.parametrize(("call", "bad"), [(1, 5), (2, 5)])
def test_a_metric_that_is_not_finite_stops_the_run(tmp_path, call, bad):
    with pytest.raises(training.Diverged) as caught:
        helpers.run(tmp_path, made=helpers.method(explode_at=bad), steps_per_call=call, log_every=12)
    assert (caught.value.step, caught.value.metric, caught.value.last_good) == (bad + 1, "model/odd", 4)
    assert "step 6" in str(caught.value)
    assert training.Checkpoints(tmp_path / "checkpoints").steps() == [4]
    assert isinstance(caught.value, UserError)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    made = helpers.method()

    def step(state, batch):
        new, metrics = made.step(state, batch)
        bad = jax.numpy.where(new.step >= 6, np.nan, 0.0)
        return new.replace(params=jax.tree.map(lambda x: x + bad, new.params)), {"model/loss": metrics["model/odd"]}

    with pytest.raises(training.Diverged) as caught:
        helpers.run(tmp_path, made=made._replace(step=step))
    assert (caught.value.step, caught.value.metric, caught.value.last_good) == (8, "params/model/w", 4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(straight, tmp_path, number):
    before = signal.getsignal(number)

    def kills(step):
        if step == 6:
            os.kill(os.getpid(), number)
        return helpers.batch(step)

    with pytest.raises(training.Interrupted) as caught:
        helpers.run(tmp_path, batch_fn=kills, steps=500, checkpoint_every=500)
    stopped = caught.value
    assert stopped.signal == number
    assert stopped.exit_code == (130 if number == signal.SIGINT else 0)
    assert training.Checkpoints(tmp_path / "checkpoints").steps() == [stopped.step]
    assert signal.getsignal(number) == before
    if stopped.step <= 12:
        helpers.assert_equal(helpers.run(tmp_path), straight[0])
        assert training.read_metrics(tmp_path / "metrics.jsonl")[-1]["step"] == 12


def test_a_second_interrupt_stops_at_once():
    with training.stop.Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_where_the_time_goes(tmp_path):
    """Batches that take 20 ms are waited for, and the row says so."""
    slow = lambda step: (time.sleep(0.02), helpers.batch(step))[1]  # noqa: E731
    helpers.run(tmp_path, batch_fn=slow, steps=40, log_every=20, checkpoint_every=0)
    row = training.read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert row["data_seconds"] == pytest.approx(0.02, rel=0.5)
    kinds = [row[f"{kind}_seconds"] for kind in ("data", "device", "host")]
    assert all(seconds >= 0 for seconds in kinds)
    assert sum(kinds) == pytest.approx(4 / row["images_per_second"], rel=1e-3)


def test_a_trace_of_some_steps(tmp_path):
    helpers.run(tmp_path, steps=12, profile=2, checkpoint_every=0)
    (trace,) = (tmp_path / "profile").rglob("perfetto_trace.json.gz")
    events = json.loads(gzip.decompress(trace.read_bytes()))
    assert "trained" in json.dumps(events)
    assert list(trace.parent.glob("*.xplane.pb"))


def test_it_runs_outside_the_main_thread(straight, tmp_path):
    states = []
    thread = threading.Thread(target=lambda: states.append(helpers.run(tmp_path)))
    thread.start()
    thread.join()
    helpers.assert_equal(states[0], straight[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(steps=13, steps_per_call=4), "train.steps = 13 .* use 12 or 16"),
        (dict(log_every=3, steps_per_call=2), "train.log_every = 3 .* use 2 or 4"),
        (dict(checkpoint_every=1, steps_per_call=2), "train.checkpoint_every = 1 .* use 2"),
        (dict(steps_per_call=0), "at least 1"),
        (dict(log_every=0), "positive"),
    ],
)
def test_intervals_that_do_not_fit(tmp_path, settings, words):
    with pytest.raises(UserError, match=words):
        helpers.run(tmp_path, **settings)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        helpers.run(tmp_path / "run")


def test_plain_lines_where_there_is_no_terminal(tmp_path, capsys):
    helpers.run(tmp_path, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("compiling ... ") for line in lines)
    assert any(line.startswith("step 12/12  loss ") and "images/s" in line for line in lines)


CHILD = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
sys.path.insert(0, {here!r})
import training_toys as helpers
slow = lambda step: (__import__("time").sleep(0.01), helpers.batch(step))[1]


helpers.run({folder!r}, batch_fn=slow, steps=120, checkpoint_every=4, log_every=4, draw=None, progress=True)
"""


@pytest.mark.long
def test_killed_runs_go_on_bit_for_bit(tmp_path):
    """SIGKILL at arbitrary moments, saves under way included, then the rest: the state of a run without kills."""
    expected = helpers.run(tmp_path / "straight", steps=120, checkpoint_every=0)
    folder = tmp_path / "killed"
    for wait in (0.05, 0.33, 0.71):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(here=str(Path(__file__).parent), folder=str(folder))],
            stderr=subprocess.DEVNULL,
        )
        try:
            known = set(training.Checkpoints(folder / "checkpoints").steps())
            deadline = time.time() + 120
            while set(training.Checkpoints(folder / "checkpoints").steps()) <= known and time.time() < deadline:
                assert child.poll() is None, "the run ended before it could be killed"
                time.sleep(0.02)
            time.sleep(wait)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    assert training.Checkpoints(folder / "checkpoints").steps()
    helpers.assert_equal(helpers.run(folder, steps=120), expected)
    rows = [row["step"] for row in training.read_metrics(folder / "metrics.jsonl")]
    assert rows == sorted(set(rows))
    assert rows[-1] == 120
    assert not list((folder / "checkpoints").glob("*tmp*"))
