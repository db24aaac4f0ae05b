"""A process that measures one thing about one config and says what it found, as lines of JSON.

    python -m jaxgen.benchmark.worker REQUEST        REQUEST: a job and its arguments, as JSON

Lines are {"event": ...}: "first" when the first images (or the first step) are there, "done" with the figures, "wrong"
and "refused" with one sentence instead.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.errors import UserError

Say = Callable[..., None]
"""say(event, **facts)"""


def save(say: Say, *, config: str, overrides: list[str], workdir: str) -> None:
    """Job: write a run with fresh weights."""
    from jaxgen.benchmark import fresh

    fresh.save(config, overrides, Path(workdir))
    say("done")


def sample(say: Say, *, workdir: str, task: str, batches: list[int], seconds: float, images: str) -> None:
    """Job: the first images of a saved run, written to the file `images`; with `seconds`, its steady speed too."""
    from jaxgen.benchmark import sampling

    sampling.measure(say, Path(workdir), task, batches, seconds, Path(images))


def steps(say: Say, *, config: str, overrides: list[str], seconds: float) -> None:
    """Job: the first step of training; with `seconds`, the steady speed too."""
    from jaxgen.benchmark import steps

    steps.measure(say, config, overrides, seconds)


JOBS: dict[str, Callable[..., None]] = {"save": save, "sample": sample, "steps": steps}


def main(request: str) -> int:
    """Do a job. What libraries print goes to stderr, so that stdout holds nothing but the lines above."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    begun = time.perf_counter()

    def say(event: str, **facts: Any) -> None:
        print(json.dumps({"event": event, "seconds": time.perf_counter() - begun, **facts}), file=out, flush=True)

    asked = json.loads(request)
    try:
        JOBS[asked.pop("job")](say, **asked)
    except UserError as error:
        say("refused", reason=str(error))
    except Exception as error:
        if type(error).__name__ != "Wrong":
            raise
        say("wrong", reason=str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
