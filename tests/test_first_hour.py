"""What README and the tutorial tell to type works, in order, and prints what they show."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

_BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "-- end of a block --"


def script_of(page: str) -> tuple[str, list[str]]:
    """Return a script of the page's blocks, and the output that it shows of each."""
    script, shown = ["set -euo pipefail"], [""]
    for not_run, language, text in _BLOCK.findall(page):
        if not_run:
            continue
        if language == "text":
            shown[-1] += text
        else:
            assert language in {"sh", "python"}, language
            code = text if language == "sh" else f"python - <<'END'\n{text}END\n"
            script += [code, f"echo '{_END}'"]
            shown.append("")
    return "\n".join(script), shown[1:]


@pytest.mark.long
@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_a_newcomer_can_type_what_stands_there(tmp_path: Path, name: str) -> None:
    """In an empty home and a fresh folder, by bash: each block ends well, each line shown comes."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    script, shown = script_of((ROOT / name).read_text(encoding="utf-8"))
    home, folder = tmp_path / "home", tmp_path / "clone"
    home.mkdir()
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)  # as `make demo` leaves it
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    if name == "README.md":  # its `make demo`
        equigen = [f"{sys.prefix}/bin/equigen", "demo", "-q"]
        subprocess.run(equigen, cwd=folder, env=env, check=True, timeout=300)
    done = subprocess.run(
        [bash, "-c", script], cwd=folder, env=env, text=True, encoding="utf-8", timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    outputs = done.stdout.split(f"{_END}\n")[:-1]
    assert len(outputs) == len(shown) >= 2
    for told, came in zip(shown, outputs, strict=True):
        lines = came.splitlines()
        assert [line for line in told.splitlines() if line != "..." and line not in lines] == []
