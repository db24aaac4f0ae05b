"""Two processes with two devices each against one process with four."""

import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen import training

sys.path.insert(0, str(Path(__file__).parent))
import training_toys as toys

CHILD = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
import jax
index, port, folder, steps, here = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
jax.distributed.initialize(
    f"localhost:{port}", num_processes=2, process_id=index, heartbeat_timeout_seconds=20, initialization_timeout=60
)
sys.path.insert(0, here)
import training_toys as toys
toys.run_on_four(folder, steps, rows=slice(2 * index, 2 * index + 2))
"""


@pytest.mark.long
def test_two_processes_train_save_and_resume_like_one(tmp_path):
    expected = toys.run_on_four(tmp_path / "one", 12)
    folder = tmp_path / "two"
    for steps in (8, 12):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        children = []
        try:
            for index in range(2):
                words = [sys.executable, "-c", CHILD, index, port, folder, steps, Path(__file__).parent]
                with (tmp_path / f"{index}.log").open("w") as log:
                    children.append(subprocess.Popen([str(word) for word in words], stdout=log, stderr=log))
            codes = [child.wait(timeout=240) for child in children]
        finally:
            for child in children:
                child.kill()
        assert codes == [0, 0], (tmp_path / "0.log").read_text()[-2000:]
    assert [row["step"] for row in training.read_metrics(folder / "metrics.jsonl")] == [4, 8, 12]
    # The checkpoint of two processes is read by one, whose devices hold other parts.
    one = toys.strategy()
    abstract = one.abstract(jax.random.key(0), toys.batch(0), {})
    step, state = training.Checkpoints(folder / "checkpoints").restore_latest(abstract)
    assert step == 12
    for a, b in zip(toys.numbers(state), toys.numbers(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
