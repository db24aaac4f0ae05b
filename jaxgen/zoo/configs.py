"""Finding, loading and overriding configs. A config file holds `get_config(arg="") -> ConfigDict`, plain data only."""

import ast
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict, config_dict

from jaxgen.core import UserError, suggest


def root() -> Path:
    """The folder of the configs: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def names() -> list[str]:
    """Every config as "family/model_dataset", sorted."""
    found = root().glob("*/*.py")
    return sorted(str(path.relative_to(root()).with_suffix("")) for path in found if path.stem != "__init__")


def path_of(name: str) -> Path:
    """The file of a config given as "family/model_dataset" or as a path to a .py file.

    Raises:
      UserError: there is no such config; the nearest name is suggested.
    """
    own = Path(name)
    if own.suffix == ".py":
        if not own.is_file():
            raise UserError(f"There is no config file {name}.")
        return own
    path = root() / f"{name}.py"
    if not path.is_file():
        raise UserError(f"Unknown config {name!r}.{suggest(name, names())} `jaxgen zoo` lists them all.")
    return path


def docstring(name: str) -> str:
    """The config file's docstring, read without running it."""
    return ast.get_docstring(ast.parse(path_of(name).read_text())) or ""


def facts(name: str) -> dict[str, str]:
    """The "Key: value" lines of a config's docstring (Paper, Command, Hardware, Time, Score, ...) plus "title"."""
    lines = docstring(name).splitlines() or [""]
    found = {"title": lines[0].rstrip(".")}
    last = ""
    for line in lines[1:]:
        key, colon, value = line.partition(":")
        if colon and key.isalpha() and key[0].isupper():
            last = key.lower()
            found[last] = value.strip()
        elif last and line.startswith("  "):
            found[last] += " " + line.strip()
        else:
            last = ""
    return found


def load(name: str, overrides: Iterable[str] = ()) -> ConfigDict:
    """The config `name`, or `name:arg` to pass an argument such as "smoke", with "dotted.key=value" overrides.

    Raises:
      UserError: unknown config or key (the nearest is named), wrong type or value, malformed override.
    """
    stem, _, arg = name.partition(":")
    path = path_of(stem)
    spec = importlib.util.spec_from_file_location(f"jaxgen_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} cannot be loaded as a config file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise UserError(f"{path} has no function get_config(arg), so it is not a config.")
    config = module.get_config(arg)
    override(config, overrides)
    return config


def override(config: ConfigDict, overrides: Iterable[str]) -> None:
    """Apply "a.b.c=value" strings in place; typed and strict."""
    for item in overrides:
        key, equals, text = item.partition("=")
        if not equals:
            raise UserError(f"Override {item!r} should read key=value, e.g. train.steps=2000.")
        _set(config, key.strip(), text)


def _set(config: ConfigDict, dotted: str, text: str) -> None:
    *sections, leaf = dotted.split(".")
    node: Any = config
    for depth, part in enumerate([*sections, leaf]):
        here = ".".join([*sections, leaf][:depth])
        if not isinstance(node, ConfigDict):
            raise UserError(f"Config key {here!r} is a value, not a section, so {dotted!r} cannot be set.")
        if part not in node:
            prefix = f"{here}." if here else ""
            raise UserError(f"Unknown config key {dotted!r}.{suggest(prefix + part, [prefix + key for key in node])}")
        if depth < len(sections):
            node = node[part]
    node[leaf] = _typed(dotted, text, node[leaf])


def _typed(key: str, text: str, old: Any) -> Any:
    """`text` as a value of the type the key has already."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False, "none": None}.get(text.lower(), text)
    if isinstance(old, ConfigDict):
        raise UserError(f"Config key {key!r} is a section; set one of its keys: {', '.join(sorted(old.keys()))}.")
    if isinstance(old, str):
        return text
    if isinstance(old, bool):
        good = isinstance(value, bool)
    elif isinstance(old, int):
        good = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(old, float):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if good else value
    elif isinstance(old, tuple | list):
        value = (value,) if isinstance(value, int | float) else value
        good = isinstance(value, tuple | list) and all(type(v) is type(o) for v in value for o in old[:1])
        value = tuple(value) if good else value
    else:
        good = True
    if not good:
        raise UserError(f"Config key {key!r} takes {_kind(old)}, such as {old!r}; {text!r} is not one.")
    return value


def _kind(old: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", tuple: "a tuple"}.get(
        type(old), f"a {type(old).__name__}"
    )


def to_json(config: ConfigDict) -> str:
    """The resolved config as JSON; `from_json` inverts it."""
    return json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> ConfigDict:
    """A config written by `to_json`; lists become tuples again."""
    return ConfigDict(_tuples(json.loads(text)))


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def differences(a: ConfigDict, b: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, with both values; a key absent on one side has None there."""
    flat_a, flat_b = (
        config_dict.ConfigDict(c).to_dict() if not isinstance(c, ConfigDict) else c.to_dict() for c in (a, b)
    )
    left, right = dict(_flat(flat_a)), dict(_flat(flat_b))
    return {
        key: (left.get(key), right.get(key))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    }


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    items = []
    for key, value in tree.items():
        items += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return items
