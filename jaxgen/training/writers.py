"""Where metrics go: `metrics.jsonl`, one line per log point, and TensorBoard event files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgen.training.places import in_bucket, place

METRICS = "metrics.jsonl"


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`, oldest first. A last line cut short by a crash is left out; no file, no rows."""
    found = place(path)
    if not found.exists():
        return []
    rows = []
    for line in found.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


class Writer:
    """Writes both. Rows beyond `step`, which a resumed run will write again, are dropped first."""

    def __init__(self, workdir: str | Path, step: int = 0, *, tensorboard: bool = True):
        from jaxgen.training.records import write

        self._rewrite = write
        self.path = place(workdir) / METRICS
        rows = [row for row in read_metrics(self.path) if row["step"] <= step]
        self.seconds = float(rows[-1].get("time", 0.0)) if rows else 0.0
        """Training time that the kept rows account for."""
        self._lines = [_line(row) for row in rows]
        write(self.path, "".join(self._lines))
        # Nothing can be added to an object in a bucket: there the file is written anew, and event files are left out.
        self._file = None if in_bucket(workdir) else self.path.open("a", encoding="utf-8")
        self._events = None
        if tensorboard and self._file:
            from tensorboardX import SummaryWriter

            self._events = SummaryWriter(str(Path(workdir) / "tensorboard"), purge_step=step + 1 if step else None)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One row; on disk when this returns."""
        line = _line({"step": step, **values})
        if self._file:
            self._file.write(line)
            self._file.flush()
        else:
            self._lines.append(line)
            self._rewrite(self.path, "".join(self._lines))
        for name, value in values.items():
            if self._events:
                self._events.add_scalar(name, value, step)

    def image(self, step: int, name: str, pixels) -> None:
        """A picture for TensorBoard: uint8 [H, W, C]."""
        if self._events:
            self._events.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        if self._file:
            self._file.close()
        if self._events:
            self._events.close()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps({key: _short(value) for key, value in row.items()}) + "\n"


def _short(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value
