"""The commands of docs/multilabel.md, one after the other, on the demo's catalogue."""

import csv
import re
import shlex
from collections import Counter
from pathlib import Path

from reports import faces_table
from support import ROOT, equigen, from_json, make_context, read_rows, sandbox_env

from equigen.dataset.dataset import Dataset
from equigen.sandbox.server import Sandbox

MINOR = {
    "Blues", "Brass & Military", "Children's", "Classical", "Latin", "Non-Music", "Reggae",
    "Stage & Screen",
}  # fmt: skip


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    page = (ROOT / "docs" / "multilabel.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_way_of_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    """But for the faces, whose model isn't here: every second cover is said to have one."""
    (settings,), (way, asking) = blocks("toml"), blocks("sh")
    settings = settings.replace("genre_limit = 1500", "genre_limit = 20")
    (tmp_path / "config.toml").write_text(settings, encoding="utf-8")
    data, done = tmp_path / "data", dict[str, dict[str, object]]()

    def ran(line: str, env: dict[str, str]) -> dict[str, object]:
        name, *words = shlex.split(line)[1:]
        result = equigen(name, *words, "--json", cwd=tmp_path, env=env)
        assert result.returncode == 0, f"{line}: {result.stderr}"
        return from_json(result.stdout)

    with Sandbox() as sandbox:
        env = sandbox_env(sandbox.base_url)
        for line in way.splitlines():
            if line.startswith("equigen features"):
                line = line.removesuffix(" faces")  # noqa: PLW2901
                covers = [each.sha256 for each in Dataset(make_context(data)).examples()]
                found = {sha256: at % 2 for at, sha256 in enumerate(covers)}
                ran(line, env)
                faces_table(data, found)
            else:
                done[line] = ran(line, env)
        rows = read_rows(data / "equigen_dataset.tsv")
        for line in asking.splitlines():
            ran(line, env)
    assert len(rows) > 8
    assert not any(MINOR & {*row["genres"].split("|")} for row in rows)
    assert {row["labels"] for row in rows if "|" in row["labels"]}
    examples = list(Dataset(make_context(data)).examples(features=["faces"]))
    assert all(each.features["faces"]["found"] == 1 for each in examples)
    with (tmp_path / "masters.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table[0]) == 24
    assert len(table) == len(rows) - Counter(each.set for each in examples)[""]
