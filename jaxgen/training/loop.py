"""The training loop. It knows methods and devices only as a `Strategy`, and data only as batch(step)."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.core import Method, State, UserError
from jaxgen.parallel import Strategy
from jaxgen.training import records as run_records
from jaxgen.training.checkpoints import Checkpoints
from jaxgen.training.pace import Pace, check
from jaxgen.training.prefetch import prefetch
from jaxgen.training.screen import Screen
from jaxgen.training.stop import Interrupted, Stop
from jaxgen.training.window import Window
from jaxgen.training.writers import Writer


def _chunk(batch_fn: Callable[[int], Any], step: int, count: int) -> Any:
    """The host batches of `count` steps as one: leaves [count, ...], or as they are for a single step."""
    if count == 1:
        return batch_fn(step)
    return jax.tree.map(lambda *parts: np.stack(parts), *[batch_fn(step + i) for i in range(count)])


def _begin(
    strategy: Strategy, store: Checkpoints, screen: Screen, rng: jax.Array, batch: Any, frozen: dict[str, Any]
) -> tuple[int, State]:
    """(step, state): the newest good checkpoint, or a fresh start."""
    abstract = strategy.abstract(rng, batch, frozen)
    if store.steps():
        places = jax.tree.map(lambda s: s.sharding, abstract.frozen)
        found = store.restore_latest(abstract.replace(frozen=jax.device_put(frozen, places)), screen.say)
        if found:
            screen.say(f"going on from step {found[0]}")
            return found
    with screen.busy("initialising"):
        return 0, jax.block_until_ready(strategy.init(rng, batch, frozen))


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
    steps, call, log_every = settings["steps"], settings["steps_per_call"], settings["log_every"]
    leader = jax.process_index() == 0
    with ExitStack() as stack:
        store = stack.enter_context(Checkpoints(Path(workdir) / "checkpoints", settings["keep"]))
        screen = stack.enter_context(closing(Screen(steps, examples_per_step, shown=progress and leader)))
        stop = stack.enter_context(Stop(lambda name: screen.say(f"{name}: saving, then stopping")))
        start, state = _begin(strategy, store, screen, rng, batch_fn(0), frozen or {})
        if leader:
            run_records.start(workdir, records or {}, seed=settings["seed"], step=start)
        if start >= steps:
            screen.say(f"the run has its {steps} steps already")
            return state
        if start % call:
            raise UserError(
                f"The run stands at step {start}, which is not a multiple of train.steps_per_call = {call}; "
                "use a value that divides it."
            )
        writer = stack.enter_context(closing(Writer(workdir, start))) if leader else None
        screen.advance(start)
        batches = stack.enter_context(
            closing(prefetch(lambda s: strategy.put(_chunk(batch_fn, s, call)), range(start, steps, call)))
        )
        window = Window(store.last)
        pace = Pace(start)

        for step in range(start, steps, call):
            batch = next(batches)
            if step == start:
                with screen.busy("compiling"):
                    state, metrics = strategy.step(state, batch)
                jax.block_until_ready(metrics)
                pace.restart(step + call)
            else:
                state, metrics = strategy.step(state, batch)
            window.add(step + 1, metrics)
            done = step + call
            screen.advance(done)
            last = done == steps
            logs, saves, draws = (
                last or (every and done % every == 0)
                for every in (log_every, settings["checkpoint_every"], settings["sample_every"])
            )
            number = stop.agreed(bool(logs))
            if not (logs or saves or draws or number):
                continue
            window.examine()
            if logs or number:
                rate, means = pace.rate(done), window.means()
                screen.report(done, means, rate)
                if writer:
                    writer.scalars(
                        done,
                        {"time": writer.seconds + pace.total, "images_per_second": rate * examples_per_step, **means},
                    )
            with pace.paused():
                if saves or number:
                    store.save(done, state)
                if draws and draw and not (number and not last):
                    draw(state, done)
            if number and not last:
                store.wait()
                raise Interrupted(done, number)
    return state
