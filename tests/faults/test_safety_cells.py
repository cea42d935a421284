"""Cells from strangers: text in the TSV and in the report, never a formula, a script or a link."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browsing
from downloads import JPEG, run_download
from lxml import html
from program import program
from reports import fill, jpeg, row
from splits import run_split
from support import Script, ScriptedServer, make_context

from equigen.commands import balance, clean, dedupe, report
from equigen.dataset.context import Context
from equigen.dataset.tsv import write_tsv
from equigen.ledger.ledger import Ledger

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{7*7}}",
    "{% include '/etc/passwd' %}",
    "</style><style>*{background:url(http://evil.example/)}",
    "</script><script>alert(1)</script>",
    "</title><svg/onload=alert(1)>",
    "--><iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "`<b>bold</b>`",
    "&lt;script&gt;alert(1)",
    "\u202e<script>\u2066alert(1)",
)
ADDRESSES = (
    *HOSTILE,
    "http://<script>alert(1)</script>/a.jpg",
    'https://a.example/"><img src=x onerror=alert(1)>.jpg',
    "https://a.example/{{7*7}}/</style>",
)
FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", "+1", "+49 30 1234", "-1", "--", "@SUM(A1)", "@", "=", "+", "-",
    '=HYPERLINK("http://evil.example","click")', "\t=1+1", "%0A=1+1", "'=1+1",
)  # fmt: skip
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "country", "notes")
_ADDRESS = re.compile(r"(#|data:,|data:image/jpeg;base64,[A-Za-z0-9+/=]+$)")


def hostile_context(folder: Path) -> Context:
    """Return a run whose settings are hostile, too: they are in the report."""
    labels = [
        {"name": f"Label {at} {text}", "genre": text, "style": text, "folder": text}
        for at, text in enumerate(HOSTILE)
    ]
    return make_context(
        folder,
        fetch={"label": labels},
        discogs={"user_agent": "T/1 " + HOSTILE[0]},
        download={"hosts": {"<script>alert(1)</script>": {"per_minute": 3}}},
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a dataset whose every cell, failure, set and setting is hostile."""
    folder = tmp_path_factory.mktemp("hostile") / "<b onclick=alert(1)>"
    rows = [
        row(at, genre=text, artist=text, album=text, year=text, image_url=address)
        for at, (text, address) in enumerate(zip(HOSTILE * 3, ADDRESSES * 3, strict=False))
    ]
    rows += [row(100 + at, f"Label {at} {text}") for at, text in enumerate(HOSTILE)]
    covers = fill(folder, rows, pictures=dict.fromkeys(range(24), jpeg(1)))
    failed = covers[12 : 12 + len(HOSTILE)]
    with Ledger(folder / "equigen_ledger.sqlite") as ledger:
        ledger.record_covers(
            [
                replace(cover, status="failed", reason=text, final_url=text)
                for cover, text in zip(failed, HOSTILE, strict=True)
            ]
        )
    report.run(hostile_context(folder))
    return folder / "report.html"


def test_a_report_holds_no_element_that_is_not_ours(page: Path) -> None:
    """One script, ours; pictures inside of the page; no attribute that runs; no other address."""
    found = list(html.fromstring(page.read_bytes()).iter("*"))
    names = [each.tag for each in found]
    assert names.count("script") == 1
    assert names.count("style") == 1
    assert not {"iframe", "object", "embed", "svg", "form", "base", "b", "video"} & set(names)
    for each in found:
        for name, value in ((str(key), str(value)) for key, value in each.attrib.items()):
            assert not name.startswith("on")
            if name in {"src", "href"}:
                assert _ADDRESS.match(value), value
            assert name not in {"style", "action", "formaction", "srcset", "background", "ping"}
    text = page.read_text(encoding="utf-8")
    assert "49</" not in text
    assert "root:" not in text
    shown = " ".join(map(str, html.fromstring(page.read_bytes()).itertext()))
    for hostile in HOSTILE[:9]:
        assert hostile in shown


def test_a_browser_runs_nothing_of_it(page: Path, tmp_path: Path) -> None:
    """No dialog, no error, no request; what looks like a script is read as text."""
    with browsing(tmp_path) as tab:
        tab.open(page)
        assert tab.errors == []
        asked = [url for url in tab.requests if not url.startswith("data:")]
        assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
        assert tab.evaluate("document.scripts.length") == 1
        assert (
            tab.evaluate("document.querySelectorAll('[onerror],[onload],iframe,svg').length") == 0
        )
        assert tab.evaluate("document.body.innerText.includes('<script>alert(1)</script>')")


def test_cells_that_look_like_formulas_stay(tmp_path: Path) -> None:
    """What begins with = + - or @ is a name, and goes through all stages letter by letter."""
    with ScriptedServer(Script(body=JPEG)) as host:
        rows = [
            [text, f"{text} album {at}", text, text, text, f"{host.url}/{at}.jpg", text, text]
            for at, text in enumerate(FORMULAS)
        ]
        tsv = tmp_path / "equigen_dataset.tsv"
        write_tsv(tsv, COLUMNS, rows)
        context = make_context(tmp_path)
        clean.run(context)
        dedupe.run(context)
        assert run_download(tmp_path).rows_out == len(FORMULAS)
        run_split(tmp_path)
        report.run(context)
        balance.run(make_context(tmp_path, balance={"per_label": 999}))
    with tsv.open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file, delimiter="\t", strict=True))
    # White space at the ends of artists is what `clean` is there for.
    assert read == [list(COLUMNS), *([row[0].strip(), *row[1:]] for row in rows)]


# Controls but for line ends, what turns the direction of writing, and what shows nothing.
SHOWN_BY_NONE = (
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\U000e0041]"
)


def test_no_cell_and_no_answer_commands_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escape sequences in cells, names and what hosts say are shown as what they are: rubbish."""
    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\x08\u202eexe.gpj\u2066\u200b\U000e0041"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIGEN_DATASET__DIRECTORY", str(tmp_path / f"data {evil}"))
    monkeypatch.setenv("EQUIGEN_HTTP__TRIES", "1")
    monkeypatch.setenv("EQUIGEN_DISCOGS__REQUESTS_PER_MINUTE", "0")
    with ScriptedServer(Script(status=404, body=f"gone {evil}".encode())) as host:
        monkeypatch.setenv("EQUIGEN_DISCOGS__BASE_URL", host.url)
        tsv = tmp_path / f"data {evil}" / "equigen_dataset.tsv"
        rows = [[evil, evil, evil, f"Jazz {evil}", evil, f"{host.url}/{evil}.jpg", evil, evil]]
        write_tsv(tsv, COLUMNS, rows)
        said = ""
        for command in (
            ["counts", "--by", "label"], ["counts", "--by", "country"], ["download"], ["status"],
            ["balance", "--per-label", "1"], ["report"], ["split"], ["fetch", "--label", "Jazz"],
        ):  # fmt: skip
            ran = program(*command)
            said += ran.out + ran.err
            assert not re.search(SHOWN_BY_NONE, said), (command, said)
        assert "gone" in said
        tsv.write_text(f"artist\t{evil}\n")
        assert not re.search(SHOWN_BY_NONE, program("status").err)
