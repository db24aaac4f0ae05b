"""Checkpoints that are checked: every leaf carries a fingerprint, and a restore falls back to the newest good step.

Layout of a step: one item per part of the state (params, opt, ema, stats, memory, clock), so that sampling reads the
weights without the optimizer, and `meta`, which lists every leaf with its dtype, shape and fingerprint. Frozen networks
are not saved; their fingerprints are, and a restore insists on the same networks.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxgen.core import State, UserError
from jaxgen.training.fingerprints import fingerprints
from jaxgen.training.window import Diverged

FORMAT = 1
CLOCK = "clock"
ITEMS = ("params", "opt", "ema", "stats", "memory", CLOCK)
WEIGHTS = ("params", "ema", "stats", "memory", CLOCK)
"""What sampling needs."""
BROKEN = "broken-"
"""Prefix of folders set aside because they could not be restored."""


def _describe(tree: Any) -> dict[str, list]:
    """path -> [dtype, shape] for every leaf, in the order of the leaves."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    return {name: [str(leaf.dtype), list(leaf.shape)] for name, (_, leaf) in zip(names, paths)}


def _table(tree: Any) -> dict[str, list]:
    """path -> [dtype, shape, fingerprint, are all elements finite]."""
    return {name: [*kind, *row] for (name, kind), row in zip(_describe(tree).items(), zip(*fingerprints(tree)))}


def _parts(state: State) -> dict[str, Any]:
    """The items of a state; parts without leaves are left out."""
    parts = {name: getattr(state, name) for name in ITEMS if name != CLOCK}
    parts[CLOCK] = {"step": state.step, "rng": state.rng}
    return {name: part for name, part in parts.items() if jax.tree.leaves(part)}


class Corrupt(Exception):
    """A checkpoint that cannot be restored; an older one may be."""


class Checkpoints:
    """The checkpoints in one folder. Reading changes nothing on disk; saving removes what crashes left behind."""

    def __init__(self, folder: str | os.PathLike, keep: int = 3):
        self.folder = Path(folder).absolute()
        self.keep = keep
        self._manager: Any = None
        self._writing = False
        self._last: int | None = None
        self._frozen: dict[str, list] | None = None
        self._pending: int | None = None

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

    # ---- saving

    def save(self, step: int, state: State) -> None:
        """Start saving `state` in the background; its buffers may be donated as soon as this returns.

        Raises:
          Diverged: weights are not finite; such a state is not saved.
          UserError: this save, or the one before it, could not be written.
        """
        if step == self._last:
            return
        self.wait()
        parts = _parts(state)
        tables = {name: _table(part) for name, part in parts.items()}
        for path, (*_, fine) in tables.get("params", {}).items():
            if not fine:
                raise Diverged(step, f"params/{path}", self.last())
        self._frozen = _table(state.frozen) if self._frozen is None else self._frozen
        meta = {"format": FORMAT, "step": step, "leaves": tables, "frozen": self._frozen}
        import orbax.checkpoint as ocp

        args = {name: ocp.args.StandardSave(part) for name, part in parts.items()}
        self._pending = step
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

            options = ocp.CheckpointManagerOptions(max_to_keep=self.keep, create=False)
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        return self._manager

    def _make_room(self, step: int) -> None:
        """Before a save: the folder, no leftovers of killed saves, and no folder that claims this step or a later one
        (training restarted from an earlier step because these could not be restored)."""
        if jax.process_index() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "not writable", str(self.folder))
            if not self._writing:
                self._clean()
            stale = [other for other in self.steps() if other >= step]
            for other in stale:
                self._let_go()
                target = self.folder / f"{BROKEN}{other}"
                shutil.rmtree(target, ignore_errors=True)
                (self.folder / str(other)).rename(target)
        self._writing = True
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("jaxgen: room for a checkpoint")

    def _clean(self) -> None:
        for entry in self.folder.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(entry, ignore_errors=True)

    def _failed(self, error: Exception) -> UserError:
        step, self._pending = self._pending, None
        self._let_go()
        if jax.process_index() == 0 and self.folder.is_dir():
            self._clean()
        good = [other for other in self.steps() if other != step]
        kept = f"The checkpoint of step {good[-1]} is intact." if good else "There is no earlier checkpoint."
        return UserError(f"The checkpoint of step {step} could not be saved in {self.folder}: {_reason(error)}. {kept}")

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

    def _known(self, step: int) -> None:
        if step not in self.steps():
            known = ", ".join(map(str, self.steps())) or "none"
            raise UserError(f"There is no checkpoint of step {step} in {self.folder}; saved steps: {known}.")

    def _restore(self, step: int, abstract: State, names: tuple[str, ...]) -> State:
        wanted = {name: part for name, part in _parts(abstract).items() if name in names}
        meta = self._meta(step)
        for name, part in wanted.items():
            _same_model(_describe(part), meta["leaves"].get(name, {}), name, self.folder)
        _same_frozen(abstract.frozen, meta["frozen"])
        import orbax.checkpoint as ocp

        args = {name: ocp.args.StandardRestore(jax.tree.map(_placed, part)) for name, part in wanted.items()}
        try:
            got = self._read(step, ocp.args.Composite(**args))
        except Exception as error:
            raise Corrupt(f"The checkpoint of step {step} is damaged ({_reason(error)}).") from error
        for name in wanted:
            saved = meta["leaves"][name]
            bad = [path for path, row in _table(got[name]).items() if row != saved[path]]
            if bad:
                raise Corrupt(f"The checkpoint of step {step} is damaged (the bytes of {name}/{bad[0]} have changed).")
        parts = {name: got[name] if name in wanted else {} for name in names if name != CLOCK}
        empty = {name: getattr(abstract, name) for name in names if name != CLOCK and name not in wanted}
        clock = got[CLOCK]
        return abstract.replace(**{"opt": {}, **parts, **empty}, step=clock["step"], rng=clock["rng"])

    def _meta(self, step: int) -> dict[str, Any]:
        import orbax.checkpoint as ocp

        try:
            meta = self._read(step, ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]
            version, _, _ = meta["format"], meta["leaves"], meta["frozen"]
        except Exception as error:
            raise Corrupt(f"The checkpoint of step {step} is incomplete ({_reason(error)}).") from error
        if version != FORMAT:
            raise UserError(
                f"The checkpoint of step {step} in {self.folder} has format {version}; "
                f"this version of jaxgen reads format {FORMAT}."
            )
        return meta

    def _read(self, step: int, args: Any) -> Any:
        import logging

        # orbax logs a traceback for every damaged file; the person reads one sentence instead.
        logger = logging.getLogger("absl")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        try:
            return self._open().restore(step, args=args)
        finally:
            logger.setLevel(level)


def _placed(leaf: Any) -> jax.ShapeDtypeStruct:
    """With a place to go: where the saving run had the leaf may not exist here."""
    place = getattr(leaf, "sharding", None) or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)


def _same_model(here: dict[str, list], saved: dict[str, list], item: str, folder: Path) -> None:
    """A model that differs is the person's to sort out, unlike a damaged file."""
    for path in [*here, *saved]:
        now, then = here.get(path), saved.get(path, [None, None])[:2]
        if now == then:
            continue
        what = f"{item}/{path}"
        if path not in saved:
            detail = f"{what} is not in the checkpoint"
        elif now is None:
            detail = f"the checkpoint also holds {what}"
        else:
            detail = f"{what} is {then[0]} {then[1]} there and {now[0]} {now[1]} here"
        raise UserError(
            f"The checkpoints in {folder} belong to another model: {detail}. "
            "Use the configuration they were trained with, or another folder."
        )


def _same_frozen(frozen: Any, saved: dict[str, list]) -> None:
    """Frozen networks given as shapes only (nothing to compare) pass."""
    leaves = jax.tree.leaves(frozen)
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves):
        return
    here = _table(frozen) if leaves else {}
    changed = [path for path in {**here, **saved} if here.get(path) != saved.get(path)]
    if changed:
        name = changed[0].split("/")[0]
        raise UserError(
            f"The frozen network {name!r} is not the one this run was trained with ({changed[0]} differs); "
            "give the same file or run."
        )


def _reason(error: BaseException) -> str:
    """One line about an error of the file system or of the checkpoint library."""
    text = str(error)
    if isinstance(error, PermissionError) or "PERMISSION_DENIED" in text or "Permission denied" in text:
        return "no permission to write there"
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if full or any(sign in text for sign in ("RESOURCE_EXHAUSTED", "No space left", "ENOSPC", "File too large")):
        return "the disk is full"
    if isinstance(error, FileNotFoundError):
        return "files are missing"
    text = text.partition(" See full TensorStore details")[0]
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= 120 else line[:117] + "..."
