"""The report: all that it shows is in the dataset, and nothing of it is more than text."""

import hashlib
import io
import os
import re
from contextlib import nullcontext
from dataclasses import replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from reports import Page, fill, jpeg, row
from support import TOKEN, equigen, from_json, make_context, write_rows

from equigen.commands import dedupe, report, split
from equigen.dataset.covers import dataset_covers
from equigen.errors import LockedError, MissingInputError, UsageError
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover, CoverPair
from equigen.schema import Link

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "</style></script><h1>no</h1><!--",
    "' onfocus=alert(1) autofocus '",
    "\u202eturned\u202c & &amp; \u0007bell",
)


def read(folder: Path, **flags: object) -> Page:
    """Make a report and read it."""
    summary = report.run(make_context(folder), **flags)  # type: ignore[arg-type]
    assert summary.rows_in == summary.rows_out
    return Page(Path(str(summary.facts["file"])).read_text(encoding="utf-8"))


def record(folder: Path, *covers: Cover) -> None:
    """Note what became of covers."""
    with Ledger(make_context(folder).ledger) as ledger:
        ledger.record_covers(covers)


def file_of(folder: Path, at: int) -> Path:
    """Return the file of a row's cover."""
    context = make_context(folder)
    return context.images / [row.path for row in dataset_covers(context)][at]


def table(page: Page, *header: str) -> list[list[str]]:
    """Return the rows of the table that starts with these titles."""
    (found,) = [rows for rows in page.tables if rows[0][: len(header)] == list(header)]
    return found[1:]


def test_the_page_asks_for_nothing_and_says_what_everything_is(tmp_path: Path) -> None:
    """Each picture is inside and has its text, each table its headers, and each id is alone."""
    fill(tmp_path, [row(at, ("Jazz", "Rock", "Pop")[at % 3]) for at in range(30)])
    page = read(tmp_path)
    pictures = page.all("img")
    assert len(pictures) == 30
    assert all(str(each["src"]).startswith("data:image/jpeg;base64,") for each in pictures)
    assert all(re.fullmatch(r"Cover of Album \d+ by Artist \d+", str(i["alt"])) for i in pictures)
    links = [value for _, found in page.elements for key, value in found.items()
             if key in {"src", "href", "action", "srcset", "style", "onclick"}]  # fmt: skip
    assert all(str(link).startswith(("data:", "#")) for link in links)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    named = [found[key] for _, found in page.elements for key in ("for", "aria-labelledby",
             "aria-describedby") if key in found]  # fmt: skip
    assert set(named) <= set(ids)
    assert {str(link)[1:] for link in links if str(link).startswith("#")} <= set(ids)
    assert len(page.tables) == len(page.all("caption")) == 5
    assert all(each.get("scope") for each in page.all("th"))
    assert all(len(page.tables[at][0]) > 1 for at in range(5))
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_whatever_stands_in_the_dataset_is_text(tmp_path: Path) -> None:
    """Titles, artists, genres, years and hosts that are HTML, script or template are shown."""
    plain = read_plain(tmp_path / "plain")
    rows = [
        row(at, genre=text, artist=text, album=text, year=text, image_url=f"http://{text}/a.jpg")
        for at, text in enumerate(HOSTILE)
    ]
    covers = fill(tmp_path, rows, pictures=dict.fromkeys((0, 1), jpeg(1)))
    record(tmp_path, replace(covers[2], status="failed", reason=HOSTILE[0]))
    page = read(tmp_path)
    assert {name for name, _ in page.elements} <= {name for name, _ in plain.elements} | {"strong"}
    attributes = {key for _, found in page.elements for key in found}
    assert attributes <= {key for _, found in plain.elements for key in found}
    assert len(page.all("script")) == 1
    for text in HOSTILE[:6]:
        assert text in page.text
        assert f"Cover of {text} by {text}" in {i["alt"] for i in page.all("img")} or (
            text == HOSTILE[2]  # it failed
        )
    assert "& &amp;  bell" in page.text.replace("\u202c", "")


def read_plain(folder: Path) -> Page:
    """Return a report with every part in it, of a dataset that means no harm."""
    covers = fill(folder, [row(at, ("Jazz", "Rock")[at % 2]) for at in range(12)],
                  pictures=dict.fromkeys(range(11), jpeg(1)))  # fmt: skip
    record(folder, replace(covers[11], status="failed", reason="HTTP 500"))
    file_of(folder, 0).unlink()
    return read(folder)


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    """Neither credentials nor passwords inside of addresses, wherever they stand."""
    data = tmp_path / "data"
    covers = fill(data, [row(1, image_url="http://me:hunter2@images.example/a.jpg"), row(2)])
    record(data, replace(covers[0], status="failed", reason="HTTP 401"))
    (tmp_path / ".env").write_text("DISCOGS_KEY=secret-key\nDISCOGS_SECRET=secret-secret\n")
    env = {
        "DISCOGS_TOKEN": TOKEN,
        "EQUIGEN_DISCOGS__BASE_URL": "http://me:hunter2@127.0.0.1:9",
        "EQUIGEN_DISCOGS__USER_AGENT": "Mine/1.0 +https://me:hunter2@example.org/ or http://a:hunter2@b",
    }
    done = equigen("report", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert from_json(done.stdout)["pictures"] == 1
    text = (data / "report.html").read_text(encoding="utf-8")
    assert "images.example" in text
    assert "Mine/1.0" in text
    for secret in (TOKEN, "secret-key", "secret-secret", "hunter2"):
        assert secret not in text + done.stdout + done.stderr


def test_numbers_are_those_of_the_dataset(tmp_path: Path) -> None:
    """Labels by decade, sets with their shares, and failures by reason and host add up."""
    rows = [row(at, "Jazz", year="1971") for at in range(8)]
    rows += [row(at + 8, "Rock", year=("soon", "19x5", "\u0661\u0669\u0669\u0661", "2001")[at])
             for at in range(4)]  # fmt: skip
    covers = fill(tmp_path, rows)
    record(
        tmp_path,
        replace(covers[0], status="missing", reason="HTTP 404"),
        replace(covers[4], status="missing", reason="HTTP 404"),
        replace(covers[11], status="broken", reason="broken"),
    )
    page = read(tmp_path)
    assert table(page, "Label", "1970s") == [
        ["Jazz", "8", "0", "0", "8"], ["Rock", "0", "1", "3", "4"], ["All", "8", "1", "3", "12"],
    ]  # fmt: skip
    failed = [cells[:4] for cells in table(page, "Reason", "Host")]
    assert failed == [
        ["HTTP 404", "127.0.0.1", "2", "66.7\u00a0%"], ["broken", "127.0.0.1", "1", "33.3\u00a0%"],
    ]  # fmt: skip
    sets = table(page, "Label", "train wanted 70\u00a0%")
    assert sets[0][:4] == ["Jazz", "2 33.3\u00a0%", "2 33.3\u00a0%", "2 33.3\u00a0%"]
    assert sets[0][4] == "36.7\u00a0%", "furthest off: a third of the covers is in train, not 70 %"
    assert sets[-1][0] == "All"


def test_look_alikes_stand_side_by_side_and_conflicts_are_told(tmp_path: Path) -> None:
    """A group is all albums that show its files, and files of the same bytes are one as well."""
    rows = [row(at, ("Jazz", "Rock")[at % 2]) for at in range(16)]
    same = {5: jpeg(200), 7: jpeg(200)}  # both Rock: no conflict
    covers = fill(tmp_path, rows, pictures={3: jpeg(2), **same})
    with Ledger(make_context(tmp_path).ledger) as ledger:
        one, other = sorted((covers[2].sha256, covers[9].sha256))
        alone = covers[15].sha256
        ledger.record_pairs([CoverPair(one, other, 5, 0.9371)])
        ledger.record_groups({one: "g1", other: "g1", alone: "g2"})
    page = read(tmp_path)
    assert "Group 1 3 albums" in page.text.replace("\n", " ")
    assert "up to 5 of the 60 bits of their hashes differ, likeness at least 0.937" in page.text
    assert "Group 2 2 albums, the same bytes" in page.text.replace("\n", " ")
    assert "Group 3" not in page.text, "one album is no group"
    told = table(page, "Conflict", "Label", "Genre")
    assert [cells[-6:-1] for cells in told] == [
        ["Jazz", "Jazz", "Artist 2", "Album 2", "1992"],
        ["Rock", "Rock", "Artist 3", "Album 3", "1993"],
        ["Rock", "Rock", "Artist 9", "Album 9", "1999"],
    ]


def test_two_genres_of_one_label_are_no_conflict(tmp_path: Path) -> None:
    """Salsa and Bolero are World both, and no picture can be World and Jazz."""
    rows = [row(at, ("Salsa (World)", "Bolero (World)", "Jazz")[at % 3]) for at in range(6)]
    fill(tmp_path, rows, pictures={0: jpeg(7), 1: jpeg(7), 2: jpeg(8), 3: jpeg(8)})
    page = read(tmp_path)
    assert [cells[-6:-4] for cells in table(page, "Conflict", "Label", "Genre")] == [
        ["Jazz", "Jazz"],
        ["World", "Salsa (World)"],
    ]


@pytest.mark.parametrize("by_split", [False, True])
def test_a_search_that_found_nothing_was_made(tmp_path: Path, by_split: bool) -> None:  # noqa: FBT001  (pytest's own)
    """After any search for look-alikes the report asks for no other."""
    fill(tmp_path, [row(at) for at in range(8)])
    assert "looks for the others" in read(tmp_path).text
    context = make_context(tmp_path)
    split.run(context) if by_split else dedupe.run(context, covers=True)
    page = read(tmp_path)
    assert "looks for the others" not in page.text
    assert "No two covers are known to look alike." in page.text


def test_only_the_first_of_very_many_look_alikes_are_shown(tmp_path: Path) -> None:
    """Twelve groups, eight pictures a group, and how many more there are."""
    rows = [row(at, ("Jazz", "Rock")[at % 2]) for at in range(50)]
    pictures = {at: jpeg(at // 2) for at in range(50)}
    pictures |= dict.fromkeys(range(20), jpeg(99))
    fill(tmp_path, rows, pictures=pictures)
    summary = report.run(make_context(tmp_path), covers=0)
    assert summary.facts["look_alike_groups"] == 16
    assert summary.facts["label_conflicts"] == 16
    assert summary.facts["pictures"] == 8 + 11 * 2
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "And 12 more." in page.text
    assert "And 4 more groups." in page.text
    assert "and 0 more" not in page.text


def test_a_cover_that_is_gone_or_torn_leaves_a_word(tmp_path: Path) -> None:
    """What can't be shown says why, and the page is made."""
    fill(tmp_path, [row(at) for at in range(4)], pictures={1: b"no picture"})
    file_of(tmp_path, 0).unlink()
    file_of(tmp_path, 2).write_bytes(jpeg(1, (400, 400))[:400])
    page = read(tmp_path)
    assert len(page.all("img")) == 1
    for word in ("file missing", "file is no good: not a picture", "file is no good: broken"):
        assert word in page.text


def test_covers_that_split_moved_are_shown(tmp_path: Path) -> None:
    """They are looked for in their sets, and what the split said of its groups is told."""
    rows = [row(at, artist="One & Two" if at % 2 else ("One", "Two")[at % 4 // 2])
            for at in range(60)]  # fmt: skip
    fill(tmp_path, rows)
    split.run(make_context(tmp_path), link=Link.MOVE)
    page = read(tmp_path, covers=12)
    assert len(page.all("img")) == 12
    assert "Groups that were larger than 2% of a label: 1, the largest 100.0%" in page.text
    assert "cut at their 30 collaborations" in page.text


def test_a_folder_whose_name_is_no_utf_8_is_shown_in_part(tmp_path: Path) -> None:
    """What has no letter becomes U+FFFD, in the title and among the settings."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    fill(folder, [row(1)])
    report.run(make_context(folder))
    assert "caf\ufffd" in (folder / "report.html").read_text("utf-8")


def test_the_same_dataset_gives_the_same_page(tmp_path: Path) -> None:
    """Whatever the order of its rows, and however often; nothing but the page is written."""
    rows = [row(at, year=str(1950 + at)) for at in range(60)]
    fill(tmp_path, rows)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    first = report.run(make_context(tmp_path), output=tmp_path / "one.html", covers=9)
    after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert set(after) - set(before) == {tmp_path / "one.html"}
    assert {file: after[file] for file in before} == before
    second = report.run(make_context(tmp_path), output=tmp_path / "two.html", covers=9)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert first.facts["size_bytes"] == (tmp_path / "one.html").stat().st_size
    assert first.facts["pictures"] == second.facts["pictures"] == 9
    write_rows(tmp_path / "equigen_dataset.tsv", *reversed(rows))
    page = read(tmp_path, covers=9)
    shown = re.findall(r"Album \d+", Page((tmp_path / "one.html").read_text("utf-8")).text)
    assert re.findall(r"Album \d+", page.text) == shown


def test_before_there_is_anything_the_report_says_what_is_missing(tmp_path: Path) -> None:
    """Without rows, ledger or covers there is a page all the same; without a dataset none."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        report.run(make_context(tmp_path))
    assert list(tmp_path.iterdir()) == []
    write_rows(tmp_path / "equigen_dataset.tsv")
    assert "The dataset has no rows yet: run equigen fetch." in read(tmp_path).text
    write_rows(tmp_path / "equigen_dataset.tsv", row(1), row(2, image_url=""))
    page = read(tmp_path)
    assert "There is no ledger beside equigen_dataset.tsv" in page.text
    assert "No cover is there to be shown." in page.text
    assert [cells[:3] for cells in table(page, "Reason")] == [["no picture", "no address", "1"]]
    with Ledger(make_context(tmp_path).ledger):
        pass
    page = read(tmp_path)
    assert "1 covers were not asked for yet: run equigen download." in page.text
    assert len(page.all("code")) == 3 + 2, "the commands that check it, and those that are missing"


@pytest.mark.long
def test_noise_and_very_many_labels_stay_within_the_budget(tmp_path: Path) -> None:
    """Hundreds of labels, long titles, pictures that can't be made small: a few MB."""
    noise = jpeg_of_noise()
    rows = [row(at, genre=f"Genre {at % 700}", album="long " * 900) for at in range(701)]
    fill(tmp_path, rows, pictures=dict.fromkeys(range(701), noise))
    summary = report.run(make_context(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert sum(map(len, re.findall('src="(data:[^"]+)"', text))) <= 3_000_000
    assert int(str(summary.facts["size_bytes"])) < 4_000_000
    assert summary.facts["pictures"] == 600, "592 labels of one cover, and eight look-alikes"
    page = Page(text)
    assert "And 108 more labels, which are too many to be shown." in page.text
    assert "600 other labels" in page.text


def jpeg_of_noise() -> bytes:
    """Return a picture that no codec makes small."""
    out = io.BytesIO()
    Image.frombytes("RGB", (112, 112), os.urandom(3 * 112 * 112)).save(out, "JPEG", quality=95)
    return out.getvalue()


def test_versions_and_settings_are_told(tmp_path: Path) -> None:
    """The exact versions of the libraries, each setting, and the SHA-256 of the dataset."""
    fill(tmp_path, [row(1)])
    page = read(tmp_path)
    facts = {cells[0]: cells[1] for rows in page.tables if rows[0] == ["What", "Value"]
             for cells in rows[1:]}  # fmt: skip
    digest = hashlib.sha256((tmp_path / "equigen_dataset.tsv").read_bytes()).hexdigest()
    assert facts["SHA-256"] == digest
    for name in ("pillow", "numpy", "simplejpeg", "jinja2"):
        assert facts[name] == metadata.version(name)
    assert facts["split.ratio"] == "[0.7, 0.15, 0.15]"
    assert facts['download.hosts."i.discogs.com".per_day'] == "1000"
    assert "Made on 2026-06-15 12:00 UTC" in page.text
    assert "equigen split --verify" in page.text


def test_a_page_is_asked_for_by_its_name(tmp_path: Path) -> None:
    """What isn't called .html isn't overwritten: it may be the dataset."""
    fill(tmp_path, [row(1)])
    with pytest.raises(UsageError, match=r"\.html"):
        report.run(make_context(tmp_path), output=tmp_path / "equigen_dataset.tsv")


@pytest.mark.parametrize("changes", [1, 2])
def test_a_dataset_that_changes_meanwhile_is_read_anew(tmp_path: Path, changes: int) -> None:
    """The numbers and the SHA-256 are those of one and the same file; else there is no report."""
    fill(tmp_path, [row(at) for at in range(5)])
    tsv = tmp_path / "equigen_dataset.tsv"
    left = list(range(changes))

    class Writer:
        """A bar at whose first step another command replaces the dataset."""

        def advance(self, _count: int = 1, **_: object) -> None:
            if left:
                left.pop()
                write_rows(tsv, *(row(at) for at in range(20 + len(left))))

        def expect(self, total: int) -> None:
            """Take note of nothing."""

    context = replace(make_context(tmp_path), bar=lambda *_: nullcontext(Writer()))  # type: ignore[arg-type]
    if changes > 1:
        with pytest.raises(LockedError, match="it changed while it was read"):
            report.run(context)
        assert not (tmp_path / "report.html").exists()
        return
    assert report.run(context).rows_in == 20
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert hashlib.sha256(tsv.read_bytes()).hexdigest() in page.text
