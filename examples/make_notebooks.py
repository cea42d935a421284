"""Write a notebook for each script here, with the same cells: `# %%` begins one of code.

python examples/make_notebooks.py
"""

import json
from pathlib import Path

HERE = Path(__file__).parent


def notebook(script: str) -> str:
    """Return the notebook of a script, as JSON."""
    cells = []
    for number, part in enumerate(script.split("# %%")[1:]):
        head, _, body = part.partition("\n")
        lines = body.strip("\n").splitlines()
        kind = "markdown" if "[markdown]" in head else "code"
        if kind == "markdown":
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        more = {"execution_count": None, "outputs": []} if kind == "code" else {}
        source = "\n".join(lines).replace(
            'sys.argv[1] if sys.argv[1:] else "equigen_demo"', '"equigen_demo"'
        )
        cells.append(
            {
                "cell_type": kind,
                "id": f"cell-{number}",
                "metadata": {},
                "source": source.splitlines(keepends=True),
                **more,
            }
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in sorted(HERE.glob("*_*.py")):
        if each.name != Path(__file__).name:
            text = notebook(each.read_text(encoding="utf-8"))
            each.with_suffix(".ipynb").write_text(text, encoding="utf-8")
