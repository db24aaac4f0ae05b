"""A room imports only lower floors and itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxgen"
FLOORS = {
    "errors": -1,
    "core": 0,
    "ops": 1,
    "processes": 1,
    "optim": 1,
    "parallel": 1,
    "data": 1,
    "layers": 2,
    "objectives": 2,
    "samplers": 2,
    "evals": 2,
    "training": 2,
    "nets": 3,
    "methods": 4,
    "interop": 5,
    "zoo": 6,
    "runs": 7,
    "evaluation": 8,
    "export": 8,
    "benchmark": 8,
    "api": 9,
    "plan": 9,
    "commands": 10,
    "cli": 11,
}


def _imported(path: Path) -> set[str]:
    """Rooms of ours that a file imports, wherever the import stands."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module or ""]
            if node.module == "jaxgen":
                names = [f"jaxgen.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("jaxgen.")}
    return rooms & FLOORS.keys()


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if _room(path) in FLOORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    room = _room(path)
    up = {other for other in _imported(path) if other != room and FLOORS[other] >= FLOORS[room]}
    assert not up, f"{path} on floor {FLOORS[room]} imports {sorted(up)}"


def test_every_room_has_a_floor():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms - {"configs"} <= FLOORS.keys()


def test_import_is_light():
    """`import jaxgen` pulls in none of the heavy libraries."""
    heavy = ["jax", "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets", "grain", "sklearn", "torch"]
    code = f"import sys, jaxgen; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
