"""The one exception a person may see: a sentence, not a traceback."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class UserError(ValueError):
    """Bad input. The message says what was wrong, where, and what to do; the command line exits with 2."""


def suggest(name: str, known: Iterable[str]) -> str:
    """A closing sentence: did you mean x, for the nearest known name, or the list of names when none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" Known: {', '.join(known)}." if known else ""


def choose(table, name: str, what: str):
    """`table[name]`, or a `UserError` that names the nearest key. `what` is the kind of thing, e.g. "objective"."""
    if name not in table:
        raise UserError(f"Unknown {what} {name!r}.{suggest(str(name), table)}")
    return table[name]


def settle(defaults: Mapping[str, Any], given: Mapping[str, Any] | None, section: str) -> dict[str, Any]:
    """The defaults with what was given put over them; a `UserError` names `section.key` where it has no default."""
    for key in given or {}:
        if key not in defaults:
            raise UserError(f"Unknown config key '{section}.{key}'.{suggest(key, defaults)}")
    return {**defaults, **(given or {})}
