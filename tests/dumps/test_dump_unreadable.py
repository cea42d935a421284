"""Records of a dump that can't be read: left out and named, where they are few."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from dumps_made import written
from dumpsets import (
    GROUPS,
    MASTERS,
    Master,
    dumps_in,
    fetch_dumps,
    group,
    write_groups,
    write_masters,
)
from musicbrainz import lines, write_dump

from equigen.dumps import archives, blocks
from equigen.dumps.archives import DumpCounts
from equigen.dumps.discogs import MASTER
from equigen.dumps.musicbrainz import read_groups, read_links
from equigen.dumps.pool import read_dump
from equigen.errors import InputError

MANY = 3_000
BAD = (
    b"&#x1;", b"&#11;", b"&#xFFFF;", b"&#xd800;", b"&#x110000;", b"&#99999999999999;", b"\x0b",
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbf\xbf",
)  # fmt: skip


def xml(numbers: range, bad: dict[int, bytes], *, more: bytes = b"") -> bytes:
    """Return a masters dump; some records have bytes that they may not have in their titles."""
    records = (
        b'<master id="%d"><main_release>7</main_release><title>T%d%b</title>%b</master>\n'
        % (n, n, bad.get(n, b""), more)
        for n in numbers
    )
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<masters>\n%b</masters>\n' % b"".join(records)


def read(path: Path, **how: Any) -> tuple[list[str | int], list[str]]:  # noqa: ANN401  (numbers)
    """Return the ids of a dump's masters, and the names of those that can't be read."""
    counts = DumpCounts()
    found = [row[0] for rows in read_dump(path, MASTER, counts=counts, **how) for row in rows]
    assert counts.rows == len(found)
    assert counts.records == len(found) + len(counts.unread)
    return found, [name for name, _ in counts.unread]


@pytest.mark.parametrize("bad", BAD)
def test_a_master_with_a_character_that_xml_forbids_is_left_out_and_named(
    tmp_path: Path, bad: bytes
) -> None:
    """Every other one is read, also those in its block."""
    path = written(tmp_path / "m.xml.gz", xml(range(1, MANY), {1_234: bad}))
    found, unread = read(path)
    assert found == [n for n in range(1, MANY) if n != 1_234]
    assert unread == ["1234"]


@pytest.mark.long_after(4)
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("block_bytes", [100, 5_000, 1 << 18])
def test_blocks_and_processes_make_no_difference(
    tmp_path: Path, processes: int, block_bytes: int
) -> None:
    """Several in one block, the first record and the last one."""
    bad = {1: b"\xff", 2_000: b"&#x1;", 2_001: b"\x0b", MANY + 2_000: b"\x01"}
    path = written(tmp_path / "m.xml.gz", xml(range(1, MANY + 2_001), bad))
    found, unread = read(path, processes=processes, small_bytes=0, block_bytes=block_bytes)
    assert found == [n for n in range(1, MANY + 2_001) if n not in bad]
    assert unread == [str(n) for n in bad]


def test_a_record_whose_id_is_damaged_is_named_by_its_place(tmp_path: Path) -> None:
    """The bytes of the file that were read until it was met."""
    content = xml(range(1, MANY), {}).replace(b'id="7"', b'id="7\x0b"')
    path = written(tmp_path / "m.xml", content)
    found, unread = read(path)
    assert len(found) == MANY - 2
    assert unread == ["one before byte 65,536"]


def test_what_nobody_reads_may_hold_anything(tmp_path: Path) -> None:
    """Videos are left out before a parser sees them."""
    content = xml(range(1, MANY), {}, more=b"<videos><video>\x0b\xff</video></videos>")
    assert read(written(tmp_path / "m.xml.gz", content)) == (list(range(1, MANY)), [])


@pytest.mark.parametrize(("good", "refused"), [(1_000, False), (999, True)])
def test_from_a_thousandth_on_a_dump_is_refused(
    tmp_path: Path, good: int, *, refused: bool
) -> None:
    """With the first record and its reason, and the same advice as for one that is cut off."""
    path = written(tmp_path / "m.xml", xml(range(1, good + 2), {500: b"\x0b"}))
    if not refused:
        assert read(path)[1] == ["500"]
        return
    with pytest.raises(InputError, match=r"1 of 1,000 .* 500: not XML: .*not the whole") as caught:
        read(path)
    assert str(caught.value).endswith("`equigen dumps get masters` gets it anew.")
    assert "\n" not in str(caught.value)


def test_a_dump_that_is_broken_throughout_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once more can't be read than a thousandth of the largest dump."""
    monkeypatch.setattr(archives, "_MOST_RECORDS", 1_000_000)
    path = written(tmp_path / "m.xml", xml(range(1, 9_000), dict.fromkeys(range(9_000), b"\xff")))
    counts = DumpCounts()
    with pytest.raises(InputError, match=r"[0-9,]+ of [1-4],[0-9]{3} "):
        list(read_dump(path, MASTER, counts=counts, block_bytes=5_000))
    assert 1_000 <= len(counts.unread) < 2_000


def test_a_dump_with_such_a_record_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Packed or not, wherever it ends."""
    content = xml(range(1, MANY), {1_000: b"\x0b"})
    for part in (content[:-12], content[: len(content) // 2], content[: content.index(b"\x0b")]):
        with pytest.raises(InputError, match="cut off"):
            read(written(tmp_path / "m.xml", part))
    (tmp_path / "m.xml.gz").write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(InputError, match="cut off"):
        read(tmp_path / "m.xml.gz")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'</master>\n<master id="9"', b'\x0b\n<master id="9"'),
        (b"<masters>", b"<mast\x0bers>"),
        (b"<title>T98<", b"<tit\xffle>T98<"),
        (b"T98<", b"T98&nbsp;\x0b<"),
        (b"</masters>", b"\x0b</masters>"),
    ],
)
def test_a_dump_whose_structure_is_broken_is_refused(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    """Where it isn't a text that is damaged, nobody knows which records there were."""
    content = xml(range(1, MANY), {})
    assert content.count(old) == 1
    with pytest.raises(InputError, match=r"not XML|cut off"):
        read(written(tmp_path / "m.xml", content.replace(old, new)))


def test_a_record_that_is_too_long_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is looked for, and the next one is read."""
    monkeypatch.setattr(blocks, "MOST_BYTES", 20_000)
    long = xml(range(1, MANY), {77: b"x" * 100_000})
    found, unread = read(written(tmp_path / "m.xml", long), block_bytes=1_000)
    assert found == [n for n in range(1, MANY) if n != 77]
    assert unread == ["77"]
    few = written(tmp_path / "few.xml", xml(range(1, 9), {7: b"x" * 100_000}))
    with pytest.raises(InputError, match="7: it is too long"):
        read(few, block_bytes=1_000)
    endless = xml(range(1, MANY), {MANY - 1: b"x" * 100_000}).replace(b"x</title></master>", b"")
    for content in (endless, endless.replace(b"</masters>", b"")):
        with pytest.raises(InputError, match="cut off"):
            read(written(tmp_path / "m.xml", content), block_bytes=1_000)


def test_a_record_with_a_text_longer_than_the_parser_takes_is_left_out(tmp_path: Path) -> None:
    """By the parser's own limit."""
    path = written(tmp_path / "m.xml", xml(range(1, MANY), {77: b"x" * 10_100_000}))
    found, unread = read(path)
    assert (len(found), unread) == (MANY - 2, ["77"])


def groups(count: int) -> list[bytes]:
    """Return the lines of a dump of release groups."""
    return lines([group(n, master=n) for n in range(1, count + 1)]).splitlines()


Reader = Callable[..., Iterable[list[object]]]
READERS = pytest.mark.parametrize("reader", [read_links, read_groups])


@pytest.mark.long_after(5)
@READERS
@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (lambda line: line.replace(b"Title", b"Ti\x0btle"), "00000000-0000-0000-0000-0000000007d0"),
        (lambda line: line.replace(b"Title", b"Ti\xfftle"), "00000000-0000-0000-0000-0000000007d0"),
        (lambda line: line.replace(b":", b"", 1), "line 2,000"),
        (lambda line: line[:-20], "line 2,000"),
        (lambda line: line[20:], "line 2,000"),
    ],
)
def test_a_line_that_is_no_json_is_left_out_and_named(
    tmp_path: Path, reader: Reader, damage: Callable[[bytes], bytes], name: str
) -> None:
    """By its id where it has one, else by its number."""
    every = groups(MANY)
    every[1_999] = damage(every[1_999])
    path = write_dump(tmp_path / "rg.tar.xz", b"\n".join(every) + b"\n")
    counts = DumpCounts()
    rows = [row for batch in reader(path, counts=counts) for row in batch]
    assert len(rows) == MANY - 1
    assert [each for each, _ in counts.unread] == [name]
    assert counts.records == MANY


@READERS
def test_a_line_that_is_too_long_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    """It is never held as a whole."""
    monkeypatch.setattr(archives, "LONGEST_BYTES", 50_000)
    monkeypatch.setattr(archives, "_BLOCK_BYTES", 10_000)
    every = groups(MANY)
    every[5] = b'{"annotation":"%b",' % (b"x" * 300_000) + every[5][1:]
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join(every) + b"\n")
    counts = DumpCounts()
    assert sum(len(batch) for batch in reader(path, counts=counts)) == MANY - 1
    assert [name for name, _ in counts.unread] == ["line 6"]
    assert "more than 50,000 bytes" in counts.unread[0][1]
    path.write_bytes(b"\n".join(every[:6]))
    with pytest.raises(InputError, match="line 6"):
        list(reader(path))


@READERS
@pytest.mark.parametrize("word", [True, False])
def test_the_last_line_is_always_parsed(tmp_path: Path, reader: Reader, *, word: bool) -> None:
    """A file that was cut off behind a bracket ends like a record, with or without the word."""
    every = groups(MANY)
    last = every[-1] if word else json.dumps({"artist-credit": [{"artist": {}}], "id": 7}).encode()
    cut = last[: last.rindex(b"}", 0, -1) + 1]
    assert cut.startswith(b"{")
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join([*every, cut]))
    with pytest.raises(InputError, match=r"line 3,001: .*cut off"):
        list(reader(path))


def test_a_line_without_the_searched_word_is_not_parsed(tmp_path: Path) -> None:
    """It could give no row: that it is no JSON is neither seen nor counted."""
    every = groups(MANY)
    every[9] = b'{"id": nothing}'
    path = write_dump(tmp_path / "rg.tar.xz", b"\n".join(every) + b"\n")
    counts = DumpCounts()
    assert sum(len(batch) for batch in read_links(path, counts=counts)) == MANY - 1
    assert (counts.records, counts.unread) == (MANY, [])


def test_fetch_tells_of_records_that_cannot_be_read_in_every_run(tmp_path: Path) -> None:
    """How many of which dump, and which they are; the index remembers it."""
    write_masters(tmp_path, [Master(n) for n in range(1, 12_000)])
    dump = dumps_in(tmp_path) / MASTERS
    content = gzip.decompress(dump.read_bytes())
    for number in range(500, 511):
        content = content.replace(b">Title %d<" % number, b">Title \x0b<")
    dump.write_bytes(gzip.compress(content))
    write_groups(tmp_path, [group(n, master=n) for n in range(490, 520)])
    named = ", ".join(map(str, range(500, 510)))
    note = f"11 records of {MASTERS} that can't be read and are left out ({named}, ...)"
    for rows in (19, 0):
        summary = fetch_dumps(tmp_path)
        assert (summary.rows_in, summary.rows_out) == (19, rows)
        assert any(note in told for told in summary.notes)
    assert not any(GROUPS in told for told in summary.notes)


def test_a_dump_of_which_all_can_be_read_says_nothing(tmp_path: Path) -> None:
    """No note."""
    write_masters(tmp_path, [Master(n) for n in range(1, 20)])
    write_groups(tmp_path, [group(n, master=n) for n in range(1, 20)])
    assert not any("can't be read" in told for told in fetch_dumps(tmp_path).notes)
