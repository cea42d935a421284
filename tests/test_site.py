"""The site of README and docs: `make docs` makes all of it, and it loads nothing from elsewhere."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import browsing
from support import ROOT

_LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\s>]*")
_STYLES = re.compile(r"<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon)[^>]*//[^\s>]*")


@pytest.mark.long
def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Strict: no dead link, no page left out of the menu; a phone scrolls tables, not the page."""
    make = shutil.which("make")
    if not make or not importlib.util.find_spec("material"):
        pytest.skip("make or mkdocs-material is not installed")
    ready = ["-o", ".venv/.demo-ready", "-o", ".venv/.ready-docs"]
    command = [make, *ready, "docs", f"BIN={sys.prefix}/bin"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    site = ROOT / "build" / "site"
    pages = [*site.rglob("*.html")]
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert _LOADED.findall(text) + _STYLES.findall(text) == [], page.name
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any("download.max_pixels" in each["text"] for each in index["docs"])
    with browsing(tmp_path) as tab:
        for name in ("index", "docs/reference/settings", "docs/lookalikes"):
            tab.session = ""
            tab.open(site / f"{name}.html")
            tab.show(400, 900, touch=True)
            assert tab.evaluate("document.documentElement.scrollWidth") <= 400, name
    assert [each for each in tab.requests if not each.startswith(("file:", "data:"))] == []
