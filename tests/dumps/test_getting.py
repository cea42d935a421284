"""One file from a host that cuts off, starts over, changes its mind, or lies."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dumphost import DumpHost, Hosted, made_up, sha256
from hypothesis import given
from hypothesis import strategies as st
from support import FakeTime, examples, posix_only

from equigen.dataset.context import Bar
from equigen.dumps.catalogue import DumpOffer
from equigen.dumps.files import DumpName, Kind
from equigen.dumps.transfer import TransferOutcome, get_file
from equigen.errors import BadBodyError, ConnectionFailedError, HttpStatusError, StorageError
from equigen.http.client import Client
from equigen.http.limits import Patience

BODY = made_up(100_000)
NAME = "discogs_20260601_masters.xml.gz"


class CountingBar:
    """A bar that only counts."""

    def __init__(self) -> None:
        self.done = self.total = 0

    def advance(self, count: int = 1, **figures: object) -> None:
        """Count."""
        self.done += count

    def expect(self, total: int) -> None:
        """Change the total."""
        self.total = total

    @contextmanager
    def __call__(self, description: str, total: int, unit: str) -> Iterator[Bar]:
        """Open it."""
        assert unit == "B"
        self.total = total
        yield self


def get(
    host: DumpHost,
    folder: Path,
    *,
    tries: int = 3,
    digest: str = "",
    size_bytes: int = 0,
    bar: CountingBar | None = None,
) -> TransferOutcome:
    """Get the host's file as a run does, with waits that take no time."""
    dump = DumpName(NAME, Kind.MASTERS, "20260601")
    offer = DumpOffer(dump, f"{host.url}/f", size_bytes, f"{host.url}/sums")
    expected = digest or sha256(host.files["/f"].body)
    patience = Patience(tries=tries)
    with Client({}, user_agent="T/1", patience=patience, clock=FakeTime().clock()) as client:
        return get_file(client, offer, expected, folder, bar or CountingBar())


def names(folder: Path) -> set[str]:
    """Return what lies in a folder."""
    return {path.name for path in folder.iterdir()}


def cut_once(host: DumpHost, folder: Path, at: int = 40_000) -> None:
    """Have a run that gets so many bytes, and then no more answers."""
    file = host.files["/f"]
    file.cuts.append(at)
    host.on_cut = lambda: host.files.update({"/f": Hosted(file.body, 404)})
    with pytest.raises(HttpStatusError):
        get(host, folder)
    assert (folder / f"{NAME}.part").stat().st_size == at
    host.files["/f"] = file
    host.seen.clear()


def test_a_file_comes_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """The bar has counted each byte once."""
    bar = CountingBar()
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY)
        assert get(host, tmp_path, bar=bar) is TransferOutcome.DOWNLOADED
    assert (tmp_path / NAME).read_bytes() == BODY
    assert names(tmp_path) == {NAME}
    assert (bar.done, bar.total) == (len(BODY), len(BODY))


def test_a_file_that_is_there_and_good_is_not_asked_for(tmp_path: Path) -> None:
    """A part of it that an earlier run left goes away."""
    (tmp_path / NAME).write_bytes(BODY)
    (tmp_path / f"{NAME}.part").write_bytes(b"old")
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY)
        assert get(host, tmp_path) is TransferOutcome.THERE
        assert not host.seen
    assert names(tmp_path) == {NAME}


def test_a_file_that_is_there_and_wrong_makes_way_when_the_right_one_came(tmp_path: Path) -> None:
    """It is kept under another name, and not touched while there is nothing better."""
    (tmp_path / NAME).write_bytes(b"mine")
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY)
        with pytest.raises(BadBodyError):
            get(host, tmp_path, digest="0" * 64)
        assert (tmp_path / NAME).read_bytes() == b"mine"
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
    assert (tmp_path / NAME).read_bytes() == BODY
    assert (tmp_path / f"{NAME}.wrong").read_bytes() == b"mine"


def test_cuts_within_a_run_are_gone_on_from(tmp_path: Path) -> None:
    """Each try asks for the rest; as many cuts as there are, if each brings it further."""
    bar = CountingBar()
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True, cuts=[10_000] * 7)
        assert get(host, tmp_path, tries=2, bar=bar) is TransferOutcome.DOWNLOADED
        starts = [seen.headers.get("range") for seen in host.seen]
        assert starts == [None, *(f"bytes={n}0000-" for n in range(1, 8))]
    assert (tmp_path / NAME).read_bytes() == BODY
    assert bar.done == len(BODY)


def test_a_cut_that_never_gets_further_is_an_error(tmp_path: Path) -> None:
    """The tries are counted, and what came stays for another run."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, cuts=[10_000] * 20)
        with pytest.raises(ConnectionFailedError):
            get(host, tmp_path, tries=3)
        assert len(host.seen) <= 6
    assert (tmp_path / f"{NAME}.part").stat().st_size == 10_000


def test_another_run_goes_on_where_the_host_honours_ranges(tmp_path: Path) -> None:
    """Only the rest is sent, and the whole is checked."""
    bar = CountingBar()
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        assert get(host, tmp_path, bar=bar) is TransferOutcome.RESUMED
        assert [seen.headers["range"] for seen in host.seen] == ["bytes=40000-"]
        assert host.seen[0].headers["if-range"] == '"one"'
    assert (tmp_path / NAME).read_bytes() == BODY
    assert names(tmp_path) == {NAME}
    assert bar.done == len(BODY)


def test_another_run_starts_over_where_it_does_not(tmp_path: Path) -> None:
    """It asks, and takes the whole where it gets the whole."""
    bar = CountingBar()
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY)
        cut_once(host, tmp_path)
        assert get(host, tmp_path, bar=bar) is TransferOutcome.DOWNLOADED
        assert len(host.seen) == 1
    assert (tmp_path / NAME).read_bytes() == BODY
    assert bar.done == len(BODY)


@pytest.mark.parametrize("believes", [False, True], ids=["If-Range held", "If-Range ignored"])
def test_a_part_of_another_version_is_never_continued(tmp_path: Path, *, believes: bool) -> None:
    """The host may keep to If-Range, or join anything that was asked for."""
    other = made_up(100_000, "b")
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        host.files["/f"] = Hosted(other, ranges=True, etag='"two"', believes=believes)
        # The same checksum as if it had been so all the time: only the ETag tells.
        notes = tmp_path / f"{NAME}.part.json"
        notes.write_text(notes.read_text().replace(sha256(BODY), sha256(other)))
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
    assert (tmp_path / NAME).read_bytes() == other


def test_a_part_of_a_file_with_another_checksum_is_thrown_away(tmp_path: Path) -> None:
    """The host isn't asked to go on with it."""
    other = made_up(90_000, "b")
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        host.files["/f"] = Hosted(other, ranges=True)  # with the same ETag, even
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
        assert "range" not in host.seen[0].headers
    assert (tmp_path / NAME).read_bytes() == other


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_a_date_is_enough_to_go_on(tmp_path: Path, etag: str) -> None:
    """It serves for a file without a strong ETag; without either, all is requested again."""
    date = "Mon, 01 Jun 2026 00:00:00 GMT"
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True, etag=etag, modified=date)
        cut_once(host, tmp_path)
        assert get(host, tmp_path) is TransferOutcome.RESUMED
        assert host.seen[0].headers["if-range"] == date
        (tmp_path / NAME).unlink()
        host.files["/f"].modified = ""
        cut_once(host, tmp_path)
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
        assert "range" not in host.seen[0].headers


def test_a_part_that_is_the_whole_is_taken_without_asking(tmp_path: Path) -> None:
    """As a run leaves it that was killed before it could check."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        (tmp_path / f"{NAME}.part").write_bytes(BODY)
        assert get(host, tmp_path) is TransferOutcome.RESUMED
        assert not host.seen
    assert names(tmp_path) == {NAME}


@pytest.mark.parametrize("length", [len(BODY), len(BODY) + 5])
def test_a_part_that_is_spoilt_is_downloaded_anew(tmp_path: Path, length: int) -> None:
    """One with all its bytes but other ones, or with too many."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        (tmp_path / f"{NAME}.part").write_bytes(b"x" * length)
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
        assert "range" not in host.seen[0].headers


def test_a_part_that_was_changed_within_is_refused_and_anew_the_next_time(tmp_path: Path) -> None:
    """Only the checksum can tell, and it does."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        (tmp_path / f"{NAME}.part").write_bytes(b"x" * 40_000)
        with pytest.raises(BadBodyError):
            get(host, tmp_path)
        assert names(tmp_path) == set()
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED


@pytest.mark.parametrize("notes", ["", "{", "[]", "{}", '"x"', '{"sha256": 1}', "\x00"])
def test_a_part_of_which_nothing_is_known_is_downloaded_anew(tmp_path: Path, notes: str) -> None:
    """Its notes may be torn, of another program, or gone."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        path = tmp_path / f"{NAME}.part.json"
        path.write_text(notes)
        if not notes:
            path.unlink()
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
        assert "range" not in host.seen[0].headers


def test_a_host_that_says_there_is_no_more_is_asked_anew(tmp_path: Path) -> None:
    """416 on a part that isn't whole: the file became shorter, or the part is not of it."""
    short = made_up(30_000, "b")
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        host.files["/f"] = Hosted(short, ranges=True, believes=True)
        notes = tmp_path / f"{NAME}.part.json"
        notes.write_text(notes.read_text().replace(sha256(BODY), sha256(short)))
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
        assert [seen.headers.get("range") for seen in host.seen] == ["bytes=40000-", None]
    assert (tmp_path / NAME).read_bytes() == short


def test_a_whole_part_of_unknown_length_is_recognised(tmp_path: Path) -> None:
    """The host says that there is no more, and the checksum agrees."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        notes = tmp_path / f"{NAME}.part.json"
        notes.write_text(json.dumps({**json.loads(notes.read_text()), "size_bytes": -1}))
        (tmp_path / f"{NAME}.part").write_bytes(BODY)
        assert get(host, tmp_path) is TransferOutcome.RESUMED
        assert [seen.headers.get("range") for seen in host.seen] == ["bytes=100000-"]


def test_wrong_bytes_are_refused_with_both_checksums(tmp_path: Path) -> None:
    """Nothing is put in place, and nothing of it is kept."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(b"<html>Just a moment...</html>")
        with pytest.raises(BadBodyError) as caught:
            get(host, tmp_path, digest=sha256(BODY))
        assert len(host.seen) == 1
    assert sha256(BODY) in str(caught.value)
    assert sha256(host.files["/f"].body) in str(caught.value)
    assert "29 bytes" in str(caught.value)
    assert "Run again" in str(caught.value)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
def test_a_host_that_lies_about_the_length_is_found_out(tmp_path: Path, length: int) -> None:
    """Announced too short, the bytes are wrong; too long, they never end."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, length=length)
        with pytest.raises((BadBodyError, ConnectionFailedError)):
            get(host, tmp_path)
    assert NAME not in names(tmp_path)


def test_a_file_of_unannounced_length_is_held_against_what_was_listed(tmp_path: Path) -> None:
    """A clean end too early is a cut, and is gone on from."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True, length=-1, cuts=[60_000])
        assert get(host, tmp_path, size_bytes=len(BODY)) is TransferOutcome.DOWNLOADED
        assert [seen.headers.get("range") for seen in host.seen] == [None, "bytes=60000-"]
    assert (tmp_path / NAME).read_bytes() == BODY


def test_more_than_was_listed_is_not_taken_in(tmp_path: Path) -> None:
    """A body that goes on for ever ends with an error."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(made_up(9_000_000), length=-1)
        with pytest.raises(BadBodyError, match="SHA-256"):
            get(host, tmp_path, size_bytes=1000, digest=sha256(BODY))
    assert names(tmp_path) == set()


def test_a_file_that_surely_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    """The error says how much is missing and how much is free."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, length=10**17)
        with pytest.raises(StorageError, match="100,000,000,000,000,000 more bytes") as caught:
            get(host, tmp_path)
        assert len(host.seen) == 1
    assert "are free" in str(caught.value)
    assert not (tmp_path / f"{NAME}.part").exists()


def test_a_missing_file_is_an_error_that_keeps_the_part(tmp_path: Path) -> None:
    """So is any other refusal."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        for status in (403, 404):
            host.files["/f"].status, host.files["/f"].ranges = status, False
            with pytest.raises(HttpStatusError):
                get(host, tmp_path)
        host.files["/f"].status, host.files["/f"].ranges = 200, True
        assert get(host, tmp_path) is TransferOutcome.RESUMED


@examples(15)
@given(
    cuts=st.lists(st.integers(0, 30_000), max_size=5),
    ranges=st.booleans(),
    believes=st.booleans(),
    tries=st.integers(1, 3),
)
def test_whatever_is_cut_the_file_is_right_in_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    cuts: list[int],
    ranges: bool,
    believes: bool,
    tries: int,
) -> None:
    """Runs are repeated until one succeeds; no other bytes are ever in place."""
    folder = tmp_path_factory.mktemp("dumps")
    body = BODY[:30_001]
    with DumpHost() as host:
        host.files["/f"] = Hosted(body, ranges=ranges, believes=believes, cuts=list(cuts))
        for _ in range(len(cuts) + 1):
            try:
                get(host, folder, tries=tries)
            except ConnectionFailedError:
                assert NAME not in names(folder)
            else:
                break
    assert (folder / NAME).read_bytes() == body
    assert names(folder) == {NAME}


@posix_only
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "device"])
@pytest.mark.parametrize("name", ["part", "note"])
def test_nothing_is_read_or_written_through_what_lies_in_a_parts_place(
    tmp_path: Path, name: str, kind: str
) -> None:
    """A part, or its note, that leads elsewhere is thrown away, and the file comes anew."""
    folder, elsewhere = tmp_path / "dumps", tmp_path / "elsewhere"
    folder.mkdir()
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, folder)
        place = folder / (f"{NAME}.part" if name == "part" else f"{NAME}.part.json")
        kept = place.read_bytes()
        place.rename(elsewhere)
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "hard link":
            place.hardlink_to(elsewhere)
        else:
            place.symlink_to("/dev/zero" if kind == "device" else elsewhere)
        is_read = (name, kind) == ("note", "hard link")  # which says what the host said
        expected = TransferOutcome.RESUMED if is_read else TransferOutcome.DOWNLOADED
        assert get(host, folder) is expected
    assert (folder / NAME).read_bytes() == BODY
    assert elsewhere.read_bytes() == kept
    assert names(folder) == {NAME}


@pytest.mark.parametrize("etag", ['"a\r\nX: y"', '"\u20ac"', '"' + "a" * 100_000 + '"', '"\0"'])
def test_a_strangers_note_puts_nothing_into_a_request(tmp_path: Path, etag: str) -> None:
    """What can't stand in a header isn't taken from a note."""
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY, ranges=True)
        cut_once(host, tmp_path)
        note = tmp_path / f"{NAME}.part.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "etag": etag}))
        assert get(host, tmp_path) is TransferOutcome.DOWNLOADED
    assert (tmp_path / NAME).read_bytes() == BODY
    assert names(tmp_path) == {NAME}


@posix_only
def test_a_dump_that_is_a_pipe_makes_way(tmp_path: Path) -> None:
    """Nothing waits for it."""
    os.mkfifo(tmp_path / NAME)
    with DumpHost() as host:
        host.files["/f"] = Hosted(BODY)
        get(host, tmp_path)
    assert (tmp_path / NAME).read_bytes() == BODY
