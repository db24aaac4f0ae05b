"""Every notebook runs from the first cell to the last."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "colabs").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, monkeypatch, tmp_path):
    monkeypatch.setenv("QUICKSTART_STEPS", "20")
    monkeypatch.setenv("QUICKSTART_WORKDIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells
    for index, cell in enumerate(cells):
        lines = [line for line in cell["source"] if not line.lstrip().startswith(("!", "%"))]
        exec(compile("".join(lines), f"{path.name}[{index}]", "exec"), names)
    assert names["run"].step == 20
