"""The scripts and notebooks in examples/, and the documented code of loaders, run."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from exported import albums, filled
from support import ROOT, make_context

from equigen.commands import features as command
from equigen.commands.features import FeaturesAction

EXAMPLES = ROOT / "examples"
SCRIPTS = {
    "torch_train": "torch",
    "webdataset_stream": "webdataset",
    "huggingface_map": "datasets",
    "tensorflow_batches": "tensorflow",
}


def test_each_example_has_its_notebook_and_its_line() -> None:
    """With the cells of the script: `python examples/make_notebooks.py` writes them."""
    scripts = {each.stem for each in EXAMPLES.glob("*_*.py")} - {"make_notebooks"}
    assert scripts == {each.stem for each in EXAMPLES.glob("*.ipynb")} == {*SCRIPTS}
    code = (EXAMPLES / "make_notebooks.py").read_text(encoding="utf-8")
    made: dict[str, Any] = {"__file__": str(EXAMPLES), "__name__": "make_notebooks"}
    exec(compile(code, "make_notebooks.py", "exec"), made)  # noqa: S102  (our own)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in scripts:
        script = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        there = (EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8")
        assert there == made["notebook"](script)
        assert f"`{name}.py`" in readme


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "is_notebook"),
    [*((name, False) for name in SCRIPTS), ("webdataset_stream", True)],
)
def test_an_example_runs(tmp_path: Path, name: str, *, is_notebook: bool) -> None:
    """As a script and cell by cell, in the folder where the demo would lie."""
    pytest.importorskip(SCRIPTS[name])
    filled(tmp_path / "equigen_demo", albums(40))
    file = EXAMPLES / f"{name}.py"
    if is_notebook:
        cells = json.loads(file.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        code = ["".join(each["source"]) for each in cells if each["cell_type"] == "code"]
        file = tmp_path / "cells.py"
        file.write_text("\n\n".join(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, file], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.long
def test_the_documented_loaders_run(tmp_path: Path) -> None:
    """The block in docs/python.md, but for lines of frameworks that aren't there."""
    pytest.importorskip("torch")
    folder = filled(tmp_path / "data", albums(12), sets=["train"])
    context = make_context(folder, features={"processes": 1})
    command.run(context, action=FeaturesAction.COMPUTE, names=["colour", "histogram"])
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    block = page.partition("### PyTorch, WebDataset")[2].partition("```python\n")[2]
    lines = block.partition("```")[0].splitlines()
    packages = {".tensorflow(": "tensorflow", ".huggingface(": "datasets"}
    lacking = [call for call, name in packages.items() if find_spec(name) is None]
    code = [line for line in lines if not any(call in line for call in lacking)]
    before = (
        "import equigen\ndataset, transform = equigen.open('data'), lambda picture: picture.size"
    )
    (tmp_path / "all.py").write_text("\n".join([before, *code]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "all.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
