"""Rooms stay liveable: a file has at most 400 lines, a function 70, the training loop 150."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE, FUNCTION, LOOP = 400, 70, 150
FILES = sorted(path for room in ("jaxgen", "configs", "benchmarks", "tests") for path in (ROOT / room).rglob("*.py"))


def functions(source: str) -> Iterator[tuple[str, int]]:
    """(name, lines from its first decorator to its end) of every function, methods and inner ones as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(part.lineno for part in (node, *node.decorator_list))
            yield node.name, (node.end_lineno or first) - first + 1


def test_lines_are_counted():
    source = "class A:\n    @staticmethod\n    def f():\n        def g():\n\n            return 1\n\n        return g\n"
    assert dict(functions(source)) == {"f": 7, "g": 3}


@pytest.mark.parametrize("room", ["jaxgen", "configs", "benchmarks", "tests"])
def test_functions_are_short(room):
    """Split a function along its ideas: a piece has a name that a reader of the paper would expect."""
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] == room]
    assert files
    found = {f"{path.relative_to(ROOT)}: {name}": n for path in files for name, n in functions(path.read_text())}
    assert {name: n for name, n in found.items() if n > FUNCTION} == {}


def test_files_are_short():
    found = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    limits = {name: LOOP if name == "jaxgen/training/loop.py" else FILE for name in found}
    assert "jaxgen/training/loop.py" in found
    assert {name: n for name, n in found.items() if n > limits[name]} == {}
