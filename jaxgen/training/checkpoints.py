"""Checkpoints that are checked: every leaf carries a fingerprint, and a restore falls back to the newest good step.

Layout of a step: one item per part of the state (params, opt, ema, stats, memory, clock), so that sampling reads the
weights without the optimizer, and `meta`, which lists every leaf with its dtype, shape and fingerprint. Frozen networks
are not saved; their fingerprints are, and a restore insists on the same networks.
"""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

from jaxgen.core import State, UserError
from jaxgen.training import contents
from jaxgen.training.contents import CLOCK, FORMAT, ITEMS, WEIGHTS
from jaxgen.training.places import in_bucket, place, reason, remove
from jaxgen.training.window import Diverged

BROKEN = "broken-"
"""Prefix of folders set aside because they could not be restored."""


class Corrupt(Exception):
    """A checkpoint that cannot be restored; an older one may be."""


class Checkpoints:
    """The checkpoints in one folder. Reading changes nothing on disk; saving removes what crashes left behind.

    Args:
      folder: a path, or gs://BUCKET/...
      keep: how many of the newest are kept.
      best: the metric whose lowest value marks one more that is kept; "" for none.
    """

    def __init__(self, folder: str | os.PathLike, keep: int = 3, best: str = ""):
        self.folder = place(folder) if in_bucket(folder) else place(folder).absolute()
        self.keep, self.metric = keep, best
        self._manager: Any = None
        self._writing = False
        self._last: int | None = None
        self._frozen: dict[str, list] | None = None
        self._pending: int | None = None
        self._metrics: dict[int, dict[str, float]] = {}

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            self.close()
        except UserError:
            # An error already on its way explains more than the save it interrupted.
            if kind is None:
                raise

    def steps(self) -> list[int]:
        """Steps that have a folder, oldest first; not all of them need be good."""
        if not self.folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.folder.iterdir() if entry.is_dir() and entry.name.isdecimal())

    def last(self) -> int | None:
        """The newest step known to be good: saved or restored here, or else the newest that has a folder."""
        self.wait()
        return next(reversed(self.steps()), None) if self._last is None else self._last

    def items(self, step: int) -> list[str]:
        """Names of the items saved at a step."""
        folder = self.folder / str(step)
        return [name for name in ITEMS if (folder / name).is_dir()]

    def best(self) -> int | None:
        """The step with the lowest value of the metric `best`; None where none has any."""
        return self._lowest(self.steps())

    def _lowest(self, steps: Sequence[int]) -> int | None:
        """`best` among these. The files are read without the library, which may be in the midst of a save."""
        for step in steps:
            if step not in self._metrics:
                self._metrics[step] = {}
                with contextlib.suppress(OSError, ValueError):
                    text = (self.folder / str(step) / "meta" / "metadata").read_text()
                    self._metrics[step] = json.loads(text).get("metrics", {})
        known = {step: self._metrics[step][self.metric] for step in steps if self.metric in self._metrics[step]}
        return min(known, key=lambda step: (known[step], step)) if known else None

    # ---- saving

    def save(self, step: int, state: State, metrics: Mapping[str, float] | None = None) -> None:
        """Start saving `state` in the background; its buffers may be donated as soon as this returns.

        Args:
          metrics: kept beside it.

        Raises:
          Diverged: weights are not finite; such a state is not saved.
          UserError: this save, or the one before it, could not be written.
        """
        if step == self._last:
            return
        self.wait()
        parts = contents.parts(state)
        tables = {name: contents.table(part) for name, part in parts.items()}
        for path, (*_, fine) in tables.get("params", {}).items():
            if not fine:
                raise Diverged(step, f"params/{path}", self.last())
        self._frozen = contents.table(state.frozen) if self._frozen is None else self._frozen
        meta = {
            "format": FORMAT,
            "step": step,
            "leaves": tables,
            "frozen": self._frozen,
            "metrics": dict(metrics or {}),
        }
        import orbax.checkpoint as ocp

        args = {name: ocp.args.StandardSave(part) for name, part in parts.items()}
        self._pending, self._metrics[step] = step, dict(metrics or {})
        try:
            self._make_room(step)
            if not self._open().save(step, args=ocp.args.Composite(**args, meta=ocp.args.JsonSave(meta)), force=True):
                raise OSError(f"{self.folder} refused step {step}")
        except Exception as error:
            raise self._failed(error) from error

    def wait(self) -> None:
        """Return when the last save is on disk.

        Raises:
          UserError: it could not be written.
        """
        if self._pending is None:
            return
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._failed(error) from error
        self._last, self._pending = self._pending, None

    def close(self) -> None:
        """Wait for the last save and let go of the folder."""
        try:
            self.wait()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            # A save that failed was reported by `wait`.
            with contextlib.suppress(Exception):
                manager.close()

    def _open(self) -> Any:
        if self._manager is None:
            import orbax.checkpoint as ocp

            kept = _Newest(self) if self.metric else None
            most = None if self.metric else self.keep
            options = ocp.CheckpointManagerOptions(max_to_keep=most, preservation_policy=kept, create=False)
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        return self._manager

    def _make_room(self, step: int) -> None:
        """Before a save: the folder, no leftovers of killed saves, and no folder that claims this step or a later one
        (training restarted from an earlier step because these could not be restored)."""
        if jax.process_index() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not in_bucket(self.folder) and not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "not writable", str(self.folder))
            if not self._writing:
                self._clean()
            stale = [other for other in self.steps() if other >= step]
            for other in stale:
                self._let_go()
                target = self.folder / f"{BROKEN}{other}"
                remove(target)
                (self.folder / str(other)).rename(target)
        self._writing = True
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("jaxgen: room for a checkpoint")

    def _clean(self) -> None:
        for entry in self.folder.glob("*.orbax-checkpoint-tmp*"):
            remove(entry)

    def _failed(self, error: Exception) -> UserError:
        step, self._pending = self._pending, None
        self._let_go()
        if jax.process_index() == 0 and self.folder.is_dir():
            self._clean()
        good = [other for other in self.steps() if other != step]
        kept = f"The checkpoint of step {good[-1]} is intact." if good else "There is no earlier checkpoint."
        return UserError(f"The checkpoint of step {step} could not be saved in {self.folder}: {reason(error)}. {kept}")

    # ---- restoring

    def restore_latest(
        self, abstract: State, on_fallback: Callable[[str], None] = lambda message: None, *, weights_only: bool = False
    ) -> tuple[int, State] | None:
        """(step, state) of the newest good checkpoint, or None if the folder holds none at all.

        Args:
          abstract: shapes, dtypes and shardings to restore into, with the real frozen networks or their shapes.
          on_fallback: called with one sentence for every newer checkpoint that was passed over.

        Raises:
          UserError: there are checkpoints but none is good, or they belong to another model.
        """
        steps = self.steps()[::-1]
        problems = []
        for step in steps:
            try:
                state = self._restore(step, abstract, WEIGHTS if weights_only else ITEMS)
            except Corrupt as problem:
                problems.append(str(problem))
                continue
            for sentence in problems:
                on_fallback(f"{sentence} Using the checkpoint of step {step} instead.")
            self._last = step
            return step, state
        if steps:
            raise UserError(
                f"None of the {len(steps)} checkpoints in {self.folder} can be restored. {problems[0]} "
                "Remove or rename the folder to start from scratch."
            )
        return None

    def restore(self, step: int, abstract: State) -> State:
        """The state saved at `step`.

        Raises:
          UserError: there is no such step, it is damaged, or it belongs to another model.
        """
        self._known(step)
        try:
            return self._restore(step, abstract, ITEMS)
        except Corrupt as problem:
            raise UserError(str(problem)) from problem

    def restore_weights(
        self, abstract: State, step: int | None = None, on_fallback: Callable[[str], None] = lambda message: None
    ) -> State:
        """The state without its optimizer (`opt` is {}), of `step` or of the newest good checkpoint.

        Raises:
          UserError: as for `restore`, and where there is no checkpoint.
        """
        if step is None:
            found = self.restore_latest(abstract, on_fallback, weights_only=True)
            if found is None:
                raise UserError(f"There are no checkpoints in {self.folder}; train the model first.")
            return found[1]
        self._known(step)
        try:
            return self._restore(step, abstract, WEIGHTS)
        except Corrupt as problem:
            raise UserError(str(problem)) from problem

    def arrays(self, items: tuple[str, ...] = ("params", "ema", "stats"), step: int | None = None) -> dict[str, Any]:
        """Weights as nested dicts of numpy arrays, of `step` or of the newest good checkpoint. It needs no model and no
        device; items that the run does not have are left out.

        Raises:
          UserError: as for `restore_weights`.
        """
        if step is not None:
            self._known(step)
        problem = f"There are no checkpoints in {self.folder}; train the model first."
        for chosen in self.steps()[::-1] if step is None else [step]:
            try:
                leaves = self._meta(chosen)["leaves"]
                return self._checked(chosen, [name for name in items if name in leaves], leaves, self._on_host)
            except Corrupt as error:
                problem = str(error)
        raise UserError(problem)

    def _known(self, step: int) -> None:
        if step not in self.steps():
            known = ", ".join(map(str, self.steps())) or "none"
            raise UserError(f"There is no checkpoint of step {step} in {self.folder}; saved steps: {known}.")

    def _restore(self, step: int, abstract: State, names: tuple[str, ...]) -> State:
        wanted = {name: part for name, part in contents.parts(abstract).items() if name in names}
        meta = self._meta(step)
        for name, part in wanted.items():
            contents.same_model(contents.describe(part), meta["leaves"].get(name, {}), name, self.folder)
        contents.same_frozen(abstract.frozen, meta["frozen"])
        placed = {name: jax.tree.map(contents.placed, part) for name, part in wanted.items()}
        got = self._checked(step, list(wanted), meta["leaves"], lambda step, _: self._placed(step, placed))
        parts = {name: got[name] if name in wanted else {} for name in names if name != CLOCK}
        empty = {name: getattr(abstract, name) for name in names if name != CLOCK and name not in wanted}
        clock = got[CLOCK]
        return abstract.replace(**{"opt": {}, **parts, **empty}, step=clock["step"], rng=clock["rng"])

    def _checked(self, step: int, names: Sequence[str], saved: dict[str, Any], read: Callable) -> dict[str, Any]:
        """Items of a step as `read(step, names)` reads them, if they agree with their fingerprints `saved`."""
        try:
            got = read(step, names)
        except Exception as error:
            raise Corrupt(f"The checkpoint of step {step} is damaged ({reason(error)}).") from error
        for name in names:
            bad = [path for path, row in contents.table(got[name]).items() if row != saved[name][path]]
            if bad:
                raise Corrupt(f"The checkpoint of step {step} is damaged (the bytes of {name}/{bad[0]} have changed).")
        return got

    def _on_host(self, step: int, names: Sequence[str]) -> dict[str, Any]:
        """As numpy arrays in nested dicts, in the structure that the files describe."""
        import numpy as np
        import orbax.checkpoint as ocp

        reader, found = ocp.PyTreeCheckpointer(), {}
        for name in names:
            folder = self.folder / str(step) / name
            shapes = reader.metadata(folder).item_metadata.tree
            how = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), shapes)
            with quiet():
                found[name] = reader.restore(folder, restore_args=how)
        return found

    def _placed(self, step: int, wanted: dict[str, Any]) -> dict[str, Any]:
        """On the devices that `wanted` names."""
        import orbax.checkpoint as ocp

        got = self._read(step, ocp.args.Composite(**{n: ocp.args.StandardRestore(part) for n, part in wanted.items()}))
        return {name: got[name] for name in wanted}

    def _meta(self, step: int) -> dict[str, Any]:
        import orbax.checkpoint as ocp

        try:
            meta = self._read(step, ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]
            _ = meta["format"], meta["leaves"], meta["frozen"]
        except Exception as error:
            raise Corrupt(f"The checkpoint of step {step} is incomplete ({reason(error)}).") from error
        return contents.migrated(meta, f"The checkpoint of step {step} in {self.folder}")

    def _read(self, step: int, args: Any) -> Any:
        with quiet():
            return self._open().restore(step, args=args)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """orbax logs a traceback for every damaged file; the person reads one sentence instead."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Newest:
    """An orbax preservation policy: the newest, and the best of all."""

    def __init__(self, store: Checkpoints):
        self._store = store

    def should_preserve(self, checkpoints, *, context) -> list[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        newest = sorted(steps)[-self._store.keep :]
        best = self._store._lowest(steps)
        return [step in newest or step == best for step in steps]
