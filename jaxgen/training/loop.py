"""The training loop. It knows methods and devices only as a `Strategy`, and data only as batch(step)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.core import Method, State, UserError
from jaxgen.parallel import Strategy, launch
from jaxgen.training import records as run_records
from jaxgen.training.begin import begin
from jaxgen.training.checkpoints import Checkpoints
from jaxgen.training.pace import Due, Pace, check, check_start, due
from jaxgen.training.places import in_bucket, place
from jaxgen.training.prefetch import prefetch, stacked
from jaxgen.training.profile import Profile
from jaxgen.training.screen import Screen
from jaxgen.training.stop import Interrupted, Stop
from jaxgen.training.window import Window
from jaxgen.training.writers import Writer


class _Run(NamedTuple):
    """What the steps of a run report to, and what they hear from."""

    settings: Mapping[str, Any]
    screen: Screen
    store: Checkpoints
    stop: Stop
    writer: Writer | None
    """None in all processes but the first."""
    draw: Callable[[State, int], None] | None
    examples_per_step: int
    window: Window
    pace: Pace
    profile: Profile


def fit(
    method: Method,
    strategy: Strategy,
    batch_fn: Callable[[int], Any],
    *,
    settings: Mapping[str, Any],
    workdir: str | Path,
    rng: jax.Array,
    frozen: dict[str, Any] | None = None,
    records: Mapping[str, str] | None = None,
    draw: Callable[[State, int], None] | None = None,
    examples_per_step: int,
    progress: bool = True,
    profile: int = 0,
) -> State:
    """Train for `settings["steps"]` steps, going on from the newest good checkpoint in `workdir` if there is one.

    Args:
      batch_fn: step -> this process's host batch of that step, leaves [(k,) B, ...]; a pure function of the step.
      settings: a config's `train` section. `sample_every` or `checkpoint_every` = 0: only at the end.
      rng: () typed key that decides the initial weights and all noise.
      frozen: pretrained networks, name -> weights.
      records: file name -> text, written into `workdir` at the start.
      draw: (state, step) -> None, called every `sample_every` steps and at the end; must not donate the state.
      examples_per_step: images per step, for the speed that is reported.
      progress: show progress on stderr.
      profile: trace this many steps into `workdir`/profile.

    Returns:
      The final state.

    Raises:
      Diverged: a metric or the weights are not finite; nothing is saved beyond that step.
      Interrupted: SIGTERM or Ctrl-C; the state is saved.
      UserError: settings that do not fit together, a folder that cannot be used.
    """
    check(settings)
    missing = [name for name in method.requires if name not in (frozen or {})]
    if missing:
        raise UserError(f"The method needs the frozen network {missing[0]!r}; name its file or run in the config.")
    steps, call, leader = settings["steps"], settings["steps_per_call"], jax.process_index() == 0
    with ExitStack() as stack, launch.together():
        folder, best = place(workdir), settings.get("keep_best", "")
        store = stack.enter_context(Checkpoints(folder / "checkpoints", settings["keep"], best))
        screen = stack.enter_context(closing(Screen(steps, examples_per_step, shown=progress and leader)))
        stop = stack.enter_context(Stop(lambda name: screen.say(f"{name}: saving, then stopping")))
        start, state = begin(strategy, store, screen, rng, batch_fn(0), frozen or {})
        if leader:
            run_records.start(workdir, records or {}, seed=settings["seed"], step=start)
        if start >= steps:
            screen.say(f"the run has its {steps} steps already")
            return state
        check_start(start, call)
        writer = stack.enter_context(closing(Writer(folder, start))) if leader else None
        screen.advance(start)
        ahead = prefetch(lambda s: strategy.put(stacked(batch_fn, s, call)), range(start, steps, call))
        batches = stack.enter_context(closing(ahead))
        traces = Path("profile") if in_bucket(workdir) else folder / "profile"
        trace = stack.enter_context(closing(Profile(traces, start, profile if leader else 0, call, screen.say)))
        window, pace = Window(store.last), Pace(start)
        run = _Run(settings, screen, store, stop, writer, draw, examples_per_step, window, pace, trace)
        return _steps(run, strategy, state, batches, start)


def _steps(run: _Run, strategy: Strategy, state: State, batches: Iterator[Any], start: int) -> State:
    """From step `start` to the end, with what is due on the way."""
    call = run.settings["steps_per_call"]
    for step in range(start, run.settings["steps"], call):
        run.profile.at(step, state)
        with run.pace.waiting("data"):
            batch, done = next(batches), step + call
        if step == start:
            with run.screen.busy("compiling"):
                state, metrics = strategy.step(state, batch)
            jax.block_until_ready(metrics)
            run.pace.restart(done)
        else:
            with run.pace.calling():
                state, metrics = strategy.step(state, batch)
        with run.pace.waiting("device"):
            run.window.add(step + 1, metrics)
        run.screen.advance(done)
        now = due(run.settings, done)
        number = run.stop.agreed(done, now.log)
        if number or now.log or now.save or now.draw:
            _pause(run, state, done, now, number)
    if run.pace.starved():
        run.screen.say(run.pace.starved())
    return state


def _pause(run: _Run, state: State, done: int, now: Due, number: int) -> None:
    """Between two steps: log, save and draw what is due, and stop after a signal of this number."""
    with run.pace.waiting("device"):
        run.window.examine()
    if now.log or number:
        (rate, seconds), means = run.pace.measured(done), run.window.means()
        run.screen.report(done, means, rate)
        if run.writer:
            row = {"time": run.writer.seconds + run.pace.total, "images_per_second": rate * run.examples_per_step}
            run.writer.scalars(done, {**row, **seconds, **means})
    stopping = number and not now.last
    with run.pace.paused():
        if now.save or number:
            run.store.save(done, state, run.window.latest)
        if now.draw and run.draw and not stopping:
            run.draw(state, done)
    if stopping:
        run.store.wait()
        raise Interrupted(done, number)
