"""The soak: what goes wrong in it, how it is found that something differs, and a small one."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bench.blows import Blow, Blows
from bench.lives import End, Lives, Program, highest
from bench.processes import Memory
from bench.sameness import Dataset, contradictions, differences
from bench.small_covers import cover, odd_cover
from bench.troubled_host import TOKEN, TroubledHost
from bench.troubles import OF_PICTURES, Chances, Nature
from downloads import linux_only
from support import ROOT, program_env

from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.ledger import LEDGER_NAME
from equigen.sandbox.catalogue import make_catalogue

SEARCH = "/database/search?genre=Jazz&format=album&year=2020&per_page=100&page=1"
ASKED = f"GET %s HTTP/1.1\r\nAuthorization: Discogs token={TOKEN}"
DATASET = Dataset({"m1": "A"}, {"a.jpg": "ok"}, {"a.jpg": "ff"}, {"a.jpg": "train"}, {"x": "there"})


def body_of(host: TroubledHost, target: str, head: str = "GET %s HTTP/1.1") -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    top, _, body = host.answer((head % target).encode()).data.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


def test_troubles_come_as_often_as_they_should_and_the_same_each_time() -> None:
    """One in twenty, of all kinds, decided by the seed alone."""
    chances = Chances()
    drawn = [chances.trouble(OF_PICTURES, f"/{n}", 1) for n in range(20_000)]
    assert drawn == [chances.trouble(OF_PICTURES, f"/{n}", 1) for n in range(20_000)]
    kinds = Counter(drawn)
    assert 0.04 < 1 - kinds[None] / 20_000 < 0.06
    assert set(kinds) == {*OF_PICTURES, None}
    assert drawn != [Chances(7).trouble(OF_PICTURES, f"/{n}", 1) for n in range(20_000)]


def test_a_disturbed_host_answers_well_in_the_end() -> None:
    """Whatever is asked for comes as it is after two troubles at most."""
    host = TroubledHost(make_catalogue(albums_per_label=8), Chances(transit=1, expired=0, nature=0))
    _, calm = body_of(host, SEARCH, ASKED)
    rows = json.loads(calm)["results"]
    host.disturb()
    address = rows[0]["cover_image"].partition(":0")[2]
    for target, right, head in (
        (SEARCH, calm, ASKED),
        (address, cover(name_of(rows[0])), "GET %s HTTP/1.1"),
    ):
        came = [host.answer((head % target).encode()).data for _ in range(5)]
        assert [data.endswith(right) and b"200 OK" in data for data in came[-2:]] == [True, True]
    assert sum(host.counts.troubles.values()) <= 4
    assert not host.counts.strays


def name_of(row: dict[str, Any]) -> str:
    """Return the name of a result's picture."""
    return next(
        str(entry.picture)
        for entry in make_catalogue(albums_per_label=8)
        if (entry.kind, entry.id) == (row["type"], row["id"])
    )


def test_an_expired_address_is_renewed_by_its_object() -> None:
    """The first one is refused for ever, the one that the master or release tells is answered."""
    chances = Chances(transit=0, expired=1, nature=0)
    host = TroubledHost(make_catalogue(albums_per_label=8), chances)
    row = json.loads(body_of(host, SEARCH, ASKED)[1])["results"][0]
    host.disturb()
    old = row["cover_image"].partition(":0")[2]
    assert body_of(host, old)[0] in {403, 404, 410}
    item = json.loads(body_of(host, f"/{row['type']}s/{row['id']}", ASKED)[1])
    new = item["images"][0]["uri"].partition(":0")[2]
    assert body_of(host, new) == (200, cover(name_of(row)))
    assert body_of(host, old)[0] != 200


@pytest.mark.parametrize("nature", [each for each in Nature if odd_cover("R-1.jpeg", each)])
def test_odd_pictures_are_what_they_are_called(nature: Nature) -> None:
    """Those that are covers pass the check, the others don't."""
    body, is_cover = odd_cover("R-1.jpeg", nature), nature.is_cover
    try:
        check_picture(body, Demands(2, 50_000_000))
    except PictureError:
        assert not is_cover
    else:
        assert is_cover


def test_what_differs_is_said_with_an_example() -> None:
    """Rows, covers, files, sets and names are each compared."""
    assert differences(DATASET, DATASET) == []
    other = replace(
        DATASET, rows={}, sets={"a.jpg": "val"}, names={"x": "there", ".new-1": "there"}
    )
    assert differences(DATASET, other) == [
        "rows: 1 missing, such as m1",
        "sets: 1 different, such as a.jpg: 'val' instead of 'train'",
        "names: 1 too many, such as .new-1",
    ]


def test_a_dataset_that_contradicts_itself_is_found_out() -> None:
    """Files that are missing, unknown, others or torn, though two datasets may agree on them."""
    good = replace(
        DATASET, covers={"a.jpg": "discogs:a ok  ff", "b.jpg": "discogs:b missing HTTP 404 "}
    )
    assert contradictions(good) == []
    found = {
        "files, by the ledger: 1 missing, such as a.jpg": replace(good, files={}),
        "files, by the ledger: 1 too many, such as b.jpg": replace(
            good, files={**good.files, "b.jpg": "aa"}
        ),
        "files, by the ledger: 1 different, such as a.jpg: 'doesn't decode: cut' instead of 'ff'": (
            replace(good, files={"a.jpg": "doesn't decode: cut"})
        ),
        "sets, by the ledger: 1 missing, such as a.jpg": replace(good, sets={}),
    }
    for said, dataset in found.items():
        assert [each.replace('"', "'") for each in contradictions(dataset)] == [said]


def test_memory_is_compared_by_thirds() -> None:
    """What lies between them doesn't count."""
    samples = [Memory(0, pss) for pss in (1, 3, 9, 9, 2, 4)]
    assert highest(samples) == (3, 4)


REFUSED = "equigen: line 2: cut off"
SAYS = "import sys; print({said!r}, file=sys.stderr); sys.exit({code})"


@linux_only
@pytest.mark.parametrize(
    ("said", "code", "findings"),
    [
        (REFUSED, 2, []),
        ("", 0, ["the TSV was cut off: it ended with 0, expected 2 and 'line ': "]),
        (REFUSED, 1, [f"the TSV was cut off: it ended with 1, expected 2 and 'line ': {REFUSED}"]),
        ("no", 2, ["the TSV was cut off: it ended with 2, expected 2 and 'line ': no"]),
    ],
)
def test_a_blow_must_be_told_and_is_taken_back(
    tmp_path: Path, said: str, code: int, findings: list[str]
) -> None:
    """A run on a TSV that was cut off ends with 2 and names the line; its owner puts it back."""
    tsv = tmp_path / "equigen_dataset.tsv"
    tsv.write_text("artist\talbum\nA\tan album\n", encoding="utf-8")
    whole = tsv.read_bytes()
    program = Program(
        [sys.executable, "-c", SAYS.format(said=said, code=code)], tmp_path, program_env()
    )
    lives = Lives(program, tmp_path)
    blows = Blows(tmp_path, lives, None)
    life = blows.one(["clean"], 60, Random(1))
    assert (life.end, life.code) == (End.ITSELF, code)
    assert lives.findings == findings
    assert blows.struck == {"the TSV was cut off": 1}
    assert tsv.read_bytes() == whole


@linux_only
def test_a_tsv_that_is_written_though_it_was_cut_off_is_found_out(tmp_path: Path) -> None:
    """Whatever the run says of it."""
    tsv = tmp_path / "equigen_dataset.tsv"
    tsv.write_text("artist\talbum\nA\tan album\n", encoding="utf-8")
    words = f"open({str(tsv)!r}, 'a').write('x'); {SAYS.format(said=REFUSED, code=2)}"
    lives = Lives(Program([sys.executable, "-c", words], tmp_path, program_env()), tmp_path)
    Blows(tmp_path, lives, None).one(["clean"], 60, Random(1))
    assert lives.findings == ["the TSV was cut off: it was written"]


@linux_only
@pytest.mark.parametrize(("code", "found"), [(5, True), (0, False)])
def test_each_blow_has_an_end_of_its_own(tmp_path: Path, *, code: int, found: bool) -> None:
    """A ledger that is damaged or lost, and an API that refuses who asks: told, or not noticed."""
    ledger = tmp_path / LEDGER_NAME
    script = f"import sys; sys.exit(0 if 'repair' in sys.argv else {code})"
    lives = Lives(Program([sys.executable, "-c", script], tmp_path, program_env()), tmp_path)
    blows = Blows(tmp_path, lives, None)
    rng = Random(3)
    for _ in range(12):
        ledger.write_bytes(bytes(range(256)) * 100)
        blows.one(["fetch"], 60, rng)
    assert set(blows.struck) == {Blow.DAMAGED, Blow.LOST, Blow.REFUSED}
    assert [f"it ended with {code}" in each for each in lives.findings] == [True] * 12 * found


@pytest.mark.long
@linux_only
def test_a_small_soak_comes_out_as_if_nothing_had_gone_wrong(tmp_path: Path) -> None:
    """Troubles and kills leave no trace in the dataset, and the program says so with a 0."""
    words = ["--albums", "150", "--share", "0.1", "--kill-after", "2", "3.5", "--blows", "0.3"]
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "soak.py", *words, "--scratch", tmp_path / "soak"],
        env=program_env(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "| result | the same as undisturbed |" in ran.stdout
    assert "| … SIGKILL" in ran.stdout
    _, _, struck = ran.stdout.partition("| from outside, for one run | times |\n| --- | --- |\n")
    told = struck.partition("\n\n")[0].splitlines()
    assert all(line.split(" | ")[0].removeprefix("| ") in set(Blow) for line in told), told
