"""What a person sees of a run: a progress bar in a terminal, one updated line in a notebook, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    hours, rest = divmod(int(seconds + 0.5), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def losses(metrics: Mapping[str, float]) -> str:
    """ "loss 0.1234", or "generator 1.2 discriminator 0.7" with several players."""
    found = {name.rpartition("/")[0]: value for name, value in metrics.items() if name.rpartition("/")[2] == "loss"}
    if len(found) == 1:
        return f"loss {next(iter(found.values())):.4g}"
    if found:
        return "  ".join(f"{player} {value:.4g}" for player, value in found.items())
    return "  ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:2])


class Screen:
    """Shows a run of `steps` steps of `examples` images each. `shown=False` shows nothing."""

    def __init__(self, steps: int, examples: int, *, shown: bool = True):
        self.steps, self.examples, self.step = steps, examples, 0
        self._bar: Any = None
        self._task: Any = None
        self._cell: Any = None
        self._console: Any = None
        self._text, self._rate = "", 0.0
        self._drawn = 0.0
        if not shown:
            return
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        if self._console.is_jupyter:
            from IPython.display import display

            self._cell = display({"text/plain": ""}, raw=True, display_id=True)
        elif self._console.is_terminal:
            self._bar = _bar(self._console)
            self._task = self._bar.add_task("", total=steps, text="", rate="")
            self._bar.start()

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._console is None:
            return
        if self._cell is not None:
            from IPython.display import display

            display({"text/plain": text}, raw=True)
        else:
            self._console.print(text, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Something slow: announced where a bar can show it, and stated with its time when it is over."""
        begun = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, text=f"{what} ...")
        yield
        if self._bar is not None:
            self._bar.update(self._task, text="")
        self.say(f"{what} ... {time.monotonic() - begun:.1f} s")

    def advance(self, step: int) -> None:
        """`step` steps are done."""
        self.step = step
        if self._bar is not None:
            self._bar.update(self._task, completed=step)
        elif self._cell is not None and time.monotonic() - self._drawn > 0.25:
            self._draw()

    def report(self, step: int, metrics: Mapping[str, float], steps_per_second: float) -> None:
        """A log point."""
        self._text, self._rate, self.step = losses(metrics), steps_per_second, step
        if self._bar is not None:
            self._bar.update(self._task, completed=step, text=self._text, rate=self._speed())
        elif self._cell is not None:
            self._draw()
        elif self._console is not None:
            self.say(self._line())

    def _speed(self) -> str:
        images = self._rate * self.examples
        return f"{self._rate:.3g} steps/s  {images:,.0f} images/s" if self._rate else ""

    def _line(self) -> str:
        width = len(str(self.steps))
        left = f"{clock((self.steps - self.step) / self._rate)} left" if self._rate and self.step < self.steps else ""
        parts = [f"step {self.step:{width}d}/{self.steps}", self._text, self._speed(), left]
        return "  ".join(part for part in parts if part)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        share = self.step / max(self.steps, 1)
        bar = "█" * round(24 * share) + "░" * (24 - round(24 * share))
        self._cell.update({"text/plain": f"{bar} {self._line()}"}, raw=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}", style="bold"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(compact=True),
        console=console,
        refresh_per_second=4,
    )
