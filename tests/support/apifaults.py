"""What tests of a misbehaving API need: a small service, spoiled answers, and what must hold."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from fetches import album, rows_of, run_fetch
from support import TOKEN, FakeTime, equigen, program_env, sandbox_env

from equigen.sandbox.catalogue import Entry
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
LABELS = ["Blues", "Jazz", "Salsa"]
# Two years in which the labels have one, three and two pages.
SETTINGS = {"labels": LABELS, "limit": 5000, "from_year": 2020, "to_year": 2019}
# Rests of a minute are waited for on a made-up clock.
PATIENT = {"read_timeout_s": 20, "tries": 3, "max_wait_s": 120}
# A silent or slow service is given up soon, by the real clock.
IMPATIENT = {"read_timeout_s": 0.3, "tries": 5, "max_wait_s": 0.01}
_TRUTH = {"User-Agent": "Truth/1", "Authorization": f"Discogs token={TOKEN}"}

Spoil = Callable[[bytes], Reply]
Row = dict[str, str]


def jazz(first: int, count: int, year: int = 2020) -> list[Entry]:
    """Return so many jazz albums."""
    return [album(n, year=year) for n in range(first, first + count)]


def entries() -> list[Entry]:
    """Return the albums of the service."""
    blues = {"genres": ("Blues",), "styles": ("Country Blues",)}
    salsa = {"genres": ("Latin",), "styles": ("Salsa",)}
    return [
        *(album(10_000 + n, **blues) for n in range(30)),
        *jazz(1, 250),
        *jazz(2_001, 20, year=2019),
        *(album(20_000 + n, **salsa) for n in range(120)),
        *(album(30_000 + n, year=2019, **salsa) for n in range(5)),
    ]


@contextmanager
def service(albums: list[Entry] | None = None) -> Iterator[Sandbox]:
    """Serve them; addresses of pictures are the same for each fetch."""
    with Sandbox(entries() if albums is None else albums, signing_key=b"same") as sandbox:
        yield sandbox


def fetch_all(folder: Path, sandbox: Sandbox, **settings: object) -> Summary:
    """Fetch all that there is, without waiting for real."""
    chosen: dict[str, Any] = {"http": PATIENT, "clock": FakeTime().clock(), **SETTINGS, **settings}
    return run_fetch(folder, sandbox, chosen.pop("limit"), **chosen)


def undisturbed(folder: Path, sandbox: Sandbox, **settings: object) -> list[Row]:
    """Fetch while all is well, and forget the requests."""
    hook, sandbox.hook = sandbox.hook, None
    summary = fetch_all(folder / "undisturbed", sandbox, **settings)
    assert not summary.partly
    assert not odd_notes(summary)
    sandbox.hook = hook
    sandbox.log.clear()
    return rows_of(folder / "undisturbed" / TSV)


def rows_in(folder: Path) -> list[Row]:
    """Return the rows of a dataset, none of which may be there twice."""
    rows = rows_of(folder / TSV) if (folder / TSV).exists() else []
    assert not [key for key, count in Counter(r["album_id"] for r in rows).items() if count > 1]
    assert len({(row["genre"], row["album_index"]) for row in rows}) == len(rows)
    return rows


def by_label(rows: list[Row]) -> list[Row]:
    """Order rows by label and index: a label that was left stands behind the others."""
    return sorted(rows, key=lambda row: (row["genre"], int(row["album_index"])))


def check_adds_up(summary: Summary) -> None:
    """Assert that each result is accounted for."""
    assert summary.rows_in == summary.rows_out + sum(summary.dropped.values())
    assert min(summary.dropped.values(), default=0) >= 0


def is_of(label: str, *, year: int = 0, page: int = 0) -> Callable[[Hit], bool]:
    """Return what tells whether a request is for a label, and for a year and page of it."""

    def fits(hit: Hit) -> bool:
        return (
            hit.query.get("style") == [label]
            and (not year or hit.query["year"] == [str(year)])
            and (not page or hit.query["page"] == [str(page)])
        )

    return fits


def true_body(sandbox: Sandbox, hit: Hit) -> bytes:
    """Return what the service would answer if it were well, or b"" where that isn't 200."""
    answer = requests.get(sandbox.base_url + hit.path, params=hit.query, headers=_TRUTH, timeout=10)
    return answer.content if answer.status_code == 200 else b""


@dataclass
class Trouble:
    """A hook that spoils the first `times` answers to some requests, and counts all by page.

    `good` counts the answers that were not spoiled: each is a page that must not be asked again.
    """

    sandbox: Sandbox
    fits: Callable[[Hit], bool]
    spoil: Spoil
    times: int = 1_000_000
    spoiled: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)

    def __call__(self, hit: Hit) -> Reply | None:
        """Answer in place of the sandbox."""
        if hit.headers["user-agent"] == _TRUTH["User-Agent"]:
            return None
        name = " ".join(hit.query[key][0] for key in ("style", "year", "page"))
        if self.fits(hit) and self.spoiled.total() < self.times:
            self.spoiled[name] += 1
            return self.spoil(true_body(self.sandbox, hit))
        self.good[name] += 1
        return None


def with_answer(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Return what changes the true answer in place."""

    def spoil(body: bytes) -> Reply:
        answer = json.loads(body or b'{"pagination": {}, "results": []}')
        change(answer)
        return Reply(200, {}, json.dumps(answer).encode())

    return spoil


def with_results(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Return what changes each result of the true answer in place."""
    return with_answer(lambda answer: [change(each) for each in answer["results"]])


def env_of(folder: Path, base_url: str, **more: str) -> dict[str, str]:
    """Return the settings of the same fetch by the program itself."""
    return sandbox_env(
        base_url,
        EQUIGEN_DATASET__DIRECTORY=str(folder),
        EQUIGEN_FETCH__FROM_YEAR="2020",
        EQUIGEN_FETCH__TO_YEAR="2019",
        EQUIGEN_FETCH__GENRE_LIMIT="5000",
        EQUIGEN_FETCH__WORLD_LIMIT="5000",
        EQUIGEN_HTTP__TRIES="2",
        EQUIGEN_HTTP__MAX_WAIT_S="0.01",
        **more,
    )


_FLAGS = [word for label in LABELS for word in ("--label", label)]


def program(folder: Path, base_url: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Fetch by the program itself, as a user does."""
    folder.mkdir(exist_ok=True)
    return equigen("fetch", *_FLAGS, cwd=folder, env=env_of(folder, base_url, **more))


def started(folder: Path, base_url: str) -> "subprocess.Popen[bytes]":
    """Start such a fetch in a process of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "equigen", "fetch", *_FLAGS]
    env = program_env(**env_of(folder, base_url))
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe)


__all__ = [
    "IMPATIENT",
    "LABELS",
    "PATIENT",
    "SETTINGS",
    "TSV",
    "Row",
    "Spoil",
    "Trouble",
    "by_label",
    "check_adds_up",
    "entries",
    "fetch_all",
    "is_of",
    "jazz",
    "program",
    "rows_in",
    "service",
    "started",
    "true_body",
    "undisturbed",
    "with_answer",
    "with_results",
]


def odd_notes(summary: Summary) -> list[str]:
    """Return what a summary tells beside the sizes of the labels."""
    return [note for note in summary.notes if not note.startswith("classes: ")]
