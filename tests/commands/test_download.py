"""The download stage over HTTP: each cover ends as a good file, or as a reason in the ledger."""

import hashlib
import io
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from downloads import (
    IMAGES,
    JPEG,
    TSV,
    files_of,
    finish,
    ledger_of,
    one_row,
    picture,
    rows_of,
    run_download,
    start,
)
from PIL import Image
from support import (
    NOON,
    Script,
    ScriptedServer,
    equigen,
    make_context,
    posix_only,
    program_env,
    realdata,
    write_rows,
)

from equigen.commands import clean, dedupe, download, fetch, split
from equigen.errors import MissingInputError, StorageError
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.schema import SETS


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[tuple[Path, Sandbox]]:
    """A dataset that was fetched from a sandbox that still runs."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"genre_limit": 4, "world_limit": 2, "from_year": 2026}
        fetch.run(make_context(tmp_path, base_url=sandbox.base_url, fetch=limits))
        sandbox.log.clear()
        yield tmp_path, sandbox


def test_every_cover_of_a_dataset_arrives_and_decodes(dataset: tuple[Path, Sandbox]) -> None:
    """All rows have their file, in the folder of their genre, as the ledger says."""
    folder, sandbox = dataset
    summary = run_download(folder)
    covers, files = ledger_of(folder), files_of(folder)
    assert summary.rows_in == summary.rows_out == len(files) == len(covers) == 15 * 4
    assert set(files) == set(covers)
    for path, data in files.items():
        Image.open(io.BytesIO(data)).load()
        assert covers[path].sha256 == hashlib.sha256(data).hexdigest()
        assert covers[path].size_bytes == len(data)
        assert (covers[path].width_px, covers[path].height_px) == (300, 300)
    assert {path.partition("/")[0] for path in files} >= {"World", "Rhythm & Blues", "Jazz"}
    assert len(sandbox.log) == len(files)


def test_again_asks_for_nothing(dataset: tuple[Path, Sandbox]) -> None:
    """A dataset that is complete costs no request and changes no file."""
    folder, sandbox = dataset
    run_download(folder)
    before = files_of(folder)
    sandbox.log.clear()
    assert run_download(folder).rows_out == len(before)
    assert sandbox.log == []
    assert files_of(folder) == before


def test_a_file_that_was_lost_or_cut_is_fetched_again(dataset: tuple[Path, Sandbox]) -> None:
    """A file counts only with the size that the ledger knows."""
    folder, sandbox = dataset
    run_download(folder)
    before = files_of(folder)
    lost, cut = list(before)[:2]
    (folder / IMAGES / lost).unlink()
    (folder / IMAGES / cut).write_bytes(before[cut][:100])
    sandbox.log.clear()
    run_download(folder)
    assert files_of(folder) == before
    assert len(sandbox.log) == 2


def test_a_file_that_nobody_downloaded_does_not_count(tmp_path: Path) -> None:
    """An error page saved as .jpg by another tool is replaced by the cover."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg", f"{server.url}/b.jpg")
        run_download(tmp_path)
        path, other = files_of(tmp_path)
        with closing(sqlite3.connect(tmp_path / "equigen_ledger.sqlite")) as ledger, ledger:
            ledger.execute(
                "DELETE FROM covers WHERE picture IN (SELECT picture FROM files WHERE path = ?)",
                (path,),
            )
            ledger.execute("DELETE FROM files WHERE path = ?", (path,))
        (tmp_path / IMAGES / path).write_bytes(b"<html>Not Found</html>")
        run_download(tmp_path)
    assert files_of(tmp_path) == {path: JPEG, other: JPEG}
    assert len(server.seen) == 3


def test_addresses_are_cleaned_when_a_row_is_read(tmp_path: Path) -> None:
    """White space, invisible characters and HTML's entities, as copied from a page; cells stay."""
    with ScriptedServer(Script(body=JPEG)) as server:
        cells = [
            "  {}/a1.jpg ",
            "{}/a2.jpg?x=1&amp;y=2",
            "\u00a0{}/a3.jpg",
            "\u200b{}/a4.jpg\ufeff",
        ]
        tsv = rows_of(
            tmp_path, *(cell.format(server.url) for cell in cells), f"{server.url}/a1.jpg"
        )
        before = tsv.read_bytes()
        run_download(tmp_path)
    assert sorted(seen.path for seen in server.seen) == [
        *("/a1.jpg", "/a2.jpg?x=1&y=2", "/a3.jpg", "/a4.jpg"),
    ]
    assert tsv.read_bytes() == before
    assert dedupe.run(make_context(tmp_path)).dropped["same picture"] == 1


def tree_of(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_names_in_nfd_are_the_same_names(tmp_path: Path) -> None:
    """As a Mac's disk, or an archive made there, gives them back: of covers, labels and sets."""
    with ScriptedServer(Script(body=JPEG)) as server:
        names = {"album": "Kan\u00e9 \u00c5", "genre": "Fran\u00e7ais"}
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(20)), **names)
        run_download(tmp_path)
        context = make_context(tmp_path, split={"group": "artist"})
        split.run(context)
        before, sets = files_of(tmp_path), tree_of(tmp_path / "split")
        for folder in (tmp_path / IMAGES, *(tmp_path / "split" / name for name in SETS)):
            for file in list(folder.glob("*/*")):
                file.rename(file.with_name(unicodedata.normalize("NFD", file.name)))
            for genre in list(folder.iterdir()):
                genre.rename(genre.with_name(unicodedata.normalize("NFD", genre.name)))
        run_download(tmp_path)
        split.run(context)
    assert len(server.seen) == 20
    assert files_of(tmp_path) == before
    assert tree_of(tmp_path / "split") == sets


@posix_only
def test_names_are_utf_8_whatever_the_locale_says(tmp_path: Path) -> None:
    """A run in another locale finds the covers again; the API says how to start."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(
            tmp_path / "data", f"{server.url}/a.jpg", artist="Bj\u00f6rk", album="\u0106uk \u591c"
        )
        for env in (ascii_only, {}, ascii_only):
            done = equigen("download", cwd=tmp_path, env=env)
            assert done.returncode == 0, done.stderr
    assert len(server.seen) == 1
    (name,) = files_of(tmp_path / "data")
    assert name.startswith("Jazz/Bj\u00f6rk - \u0106uk \u591c [")
    code = "import equigen; equigen.open('data')"
    command = [sys.executable, "-c", code]
    env = program_env(**ascii_only)
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert "PYTHONUTF8=1" in done.stderr


@posix_only
def test_processes_write_names_as_utf_8_whatever_the_locale_says(tmp_path: Path) -> None:
    """The worker processes, too: a genre's folder is named by them."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with ScriptedServer(Script(body=JPEG)) as server:
        urls = [f"{server.url}/{n}.jpg" for n in range(20)]
        rows_of(tmp_path / "data", *urls, genre="M\u00fasica")
        done = equigen("download", "--processes", "2", cwd=tmp_path, env=ascii_only)
    assert done.returncode == 0, done.stderr
    names = files_of(tmp_path / "data")
    assert len(names) == 20
    assert all(name.startswith("M\u00fasica/") for name in names)


def test_covers_follow_their_rows(dataset: tuple[Path, Sandbox]) -> None:
    """Rows renamed by clean, moved to another genre, or reordered keep their pictures unfetched."""
    folder, sandbox = dataset
    run_download(folder)
    before = {hashlib.sha256(data).hexdigest() for data in files_of(folder).values()}
    sandbox.log.clear()
    clean.run(make_context(folder))
    header, *lines = (folder / TSV).read_text().splitlines()
    lines = [line.replace("\tJazz\t", "\tPop\t") for line in reversed(lines)]
    (folder / TSV).write_text("".join(f"{line}\n" for line in [header, *lines]))
    summary = run_download(folder)
    files = files_of(folder)
    assert sandbox.log == []
    assert summary.rows_out == len(files) == len(ledger_of(folder))
    assert {hashlib.sha256(data).hexdigest() for data in files.values()} == before
    assert not any(path.startswith("Jazz/") for path in files)


def test_names_do_not_depend_on_the_order_of_rows(dataset: tuple[Path, Sandbox]) -> None:
    """The same rows in another order give the same names."""
    folder, _ = dataset
    run_download(folder)
    header, *lines = (folder / TSV).read_text().splitlines()
    other = folder / "other"
    other.mkdir()
    (other / TSV).write_text("".join(f"{line}\n" for line in [header, *sorted(lines)]))
    run_download(other)
    assert files_of(other) == files_of(folder)


def test_covers_of_rows_that_are_gone_are_set_aside_and_come_back(
    dataset: tuple[Path, Sandbox],
) -> None:
    """A removed row takes its cover out of the images; put back, it needs no request."""
    folder, sandbox = dataset
    run_download(folder)
    whole, before = (folder / TSV).read_text(), files_of(folder)
    (folder / TSV).write_text("".join(whole.splitlines(keepends=True)[:-3]))
    summary = run_download(folder)
    assert summary.facts["set_aside"] == 3
    assert len(files_of(folder)) == len(before) - 3
    sandbox.log.clear()
    (folder / TSV).write_text(whole)
    run_download(folder)
    assert files_of(folder) == before
    assert sandbox.log == []


def test_a_picture_signed_anew_is_not_fetched_again(dataset: tuple[Path, Sandbox]) -> None:
    """Only the stable part of a Discogs URL says which picture it is."""
    folder, sandbox = dataset
    run_download(folder)
    sandbox.log.clear()
    text = (folder / TSV).read_text()
    (folder / TSV).write_text(text.replace("/i/", "/i/xx"))
    summary = run_download(folder)
    assert summary.rows_out == summary.rows_in
    assert sandbox.log == []


def test_one_picture_in_two_rows_is_fetched_once(tmp_path: Path) -> None:
    """Both rows get their file from one request."""
    with ScriptedServer(Script(body=JPEG)) as server:
        row = {"genre": "Jazz", "image_url": f"{server.url}/a.jpg", "album": "Z"}
        write_rows(tmp_path / TSV, {**row, "artist": "X"}, {**row, "artist": "Y"})
        assert run_download(tmp_path).rows_out == 2
    assert len(server.seen) == 1
    assert list(files_of(tmp_path).values()) == [JPEG, JPEG]


HTML = b"<html>503 Service Unavailable</html>"
TORN = JPEG[: len(JPEG) // 2]
ENDINGS = {
    "404": (Script(404, HTML), "missing", "HTTP 404"),
    "410": (Script(410, HTML), "missing", "HTTP 410"),
    "403": (Script(403, HTML), "failed", "HTTP 403"),
    "500 of HTML labelled image/jpeg": (
        Script(500, HTML, {"Content-Type": "image/jpeg"}),
        "failed",
        "HTTP 500",
    ),
    "an empty body": (Script(body=b""), "refused", "empty"),
    "HTML with 200": (Script(body=HTML), "refused", "not a picture"),
    "a JPEG cut short with a fitting length": (Script(body=TORN), "broken", "broken"),
    "a JPEG cut short of its length": (
        Script(body=TORN, announce=len(JPEG)),
        "failed",
        "no connection",
    ),
    "one pixel": (Script(body=picture(size=(1, 1))), "refused", "too small"),
    "too many pixels": (Script(body=picture(size=(400, 400))), "refused", "too many pixels"),
    "too many bytes": (Script(body=b"x", announce=10**9), "refused", "too large"),
    "a redirect to a file": (
        Script(302, headers={"Location": "file:///etc/passwd"}),
        "refused",
        "bad address",
    ),
    "a redirect in a circle": (Script(302, headers={"Location": "/x"}), "refused", "bad address"),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_what_is_no_good_cover_leaves_a_reason_and_no_file(
    tmp_path: Path, ending: tuple[Script, str, str]
) -> None:
    """Whatever the host sends, there is no file that doesn't decode, and the ledger says why."""
    script, status, reason = ending
    with ScriptedServer(script) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        summary = run_download(tmp_path, max_pixels=100_000)
    (cover,) = ledger_of(tmp_path).values()
    assert (cover.status, cover.reason) == (status, reason)
    assert files_of(tmp_path) == {}
    assert summary.dropped == {reason: 1}
    assert summary.partly == (status == "failed")


@pytest.mark.parametrize("body", [b"", HTML, TORN], ids=["nothing", "HTML", "half of it"])
def test_what_came_once_in_a_covers_place_is_not_the_cover(tmp_path: Path, body: bytes) -> None:
    """A host or something before it that is busy for a moment says 200 as well: ask once more."""
    with ScriptedServer(Script(body=body), Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).rows_out == 1
    assert len(server.seen) == 2
    assert list(files_of(tmp_path).values()) == [JPEG]


def test_nothing_is_what_many_faults_look_like(tmp_path: Path) -> None:
    """Only who says nothing as often as tries allow has nothing; two faults may look like that."""
    nothing = Script(body=b"")
    with ScriptedServer(nothing, nothing, Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).rows_out == 1
    with ScriptedServer(Script(body=b"")) as server:
        one_row(tmp_path, f"{server.url}/b.jpg")
        assert run_download(tmp_path).dropped == {"empty": 1}
    assert len(server.seen) == 3


def test_what_came_last_and_once_is_not_what_the_host_has(tmp_path: Path) -> None:
    """With no try left nothing is settled: the next run asks again, and hears what is there."""
    nothing = Script(body=b"")
    with ScriptedServer(nothing, nothing, Script(body=HTML), nothing) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).partly
        (cover,) = ledger_of(tmp_path).values()
        assert (cover.status, cover.reason) == ("failed", "not a picture")
        assert run_download(tmp_path).dropped == {"empty": 1}
    assert len(server.seen) == 6


@pytest.mark.parametrize("body", [HTML, TORN], ids=["HTML", "half of it"])
def test_what_comes_twice_in_a_covers_place_is_what_the_host_has(
    tmp_path: Path, body: bytes
) -> None:
    """The same bytes again settle it: nobody is asked as often as tries allow."""
    with ScriptedServer(Script(body=body)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).rows_out == 0
    assert len(server.seen) == 2


KINDS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: picture("PNG"),
    "GIF": lambda: picture("GIF", "P"),
    "WebP": lambda: picture("WEBP"),
    "grey": lambda: picture("JPEG", "L"),
    "CMYK": lambda: picture("JPEG", "CMYK"),
    "16 bit": lambda: picture("PNG", "I;16"),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_pictures_of_all_kinds_become_jpegs(tmp_path: Path, kind: Callable[[], bytes]) -> None:
    """Whatever the name and the header say, the file is a JPEG that decodes."""
    script = Script(body=kind(), headers={"Content-Type": "text/plain"})
    with ScriptedServer(script) as server:
        one_row(tmp_path, f"{server.url}/cover.html")
        assert run_download(tmp_path).rows_out == 1
    (data,) = files_of(tmp_path).values()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (64, 48))


def test_real_covers_go_through_unchanged(tmp_path: Path) -> None:
    """Recorded real covers end as their kind should: JPEGs byte for byte, others converted."""
    originals = [f for f in sorted(realdata("covers").rglob("*")) if f.suffix != ".tsv"]
    originals = [f for f in originals if f.is_file()]
    with ScriptedServer(*(Script(body=f.read_bytes()) for f in originals)) as server:
        rows = [
            {
                "artist": f.stem,
                "album": f.parent.name,
                "genre": "Rock",
                "image_url": f"{server.url}/{n}",
            }
            for n, f in enumerate(originals)
        ]
        write_rows(tmp_path / TSV, *rows)
        summary = run_download(tmp_path, hosts={"127.0.0.1": {"concurrency": 1}})
    assert summary.rows_out == len(originals)
    sent = {f.read_bytes() for f in originals}
    kept = set(files_of(tmp_path).values())
    jpegs = {data for data in sent if data[:2] == b"\xff\xd8"}
    assert jpegs <= kept
    assert all(data[:2] == b"\xff\xd8" for data in kept)


def test_odd_real_pictures_end_as_their_kind_should(tmp_path: Path) -> None:
    """Pillow's own test pictures and other tools' junk are taken or refused, never kept torn."""
    files = [f for f in sorted(realdata("odd_images").iterdir()) if f.is_file()]
    with ScriptedServer(*(Script(body=f.read_bytes()) for f in files)) as server:
        rows = [
            {"artist": f.stem, "album": "x", "genre": "Rock", "image_url": f"{server.url}/{n}"}
            for n, f in enumerate(files)
        ]
        write_rows(tmp_path / TSV, *rows)
        # One try: a second would take the next file's answer.
        context = make_context(
            tmp_path, download={"hosts": {"127.0.0.1": {"concurrency": 1}}}, http={"tries": 1}
        )
        download.run(context)
    statuses = {p.split("/")[1].split(" - ")[0]: c.status for p, c in ledger_of(tmp_path).items()}
    good = {
        "hopper_gray",
        "hopper_orientation_6",
        "image-2x3",
        "junk_jpeg_header",
        "pil_sample_cmyk",
    }
    assert {name for name, status in statuses.items() if status == "ok"} == good
    for data in files_of(tmp_path).values():
        Image.open(io.BytesIO(data)).load()


def test_a_cover_torn_on_the_way_is_fetched_again(tmp_path: Path) -> None:
    """A body that comes torn once costs a second request, not the cover."""
    with ScriptedServer(Script(body=TORN), Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        assert run_download(tmp_path).rows_out == 1
    assert len(server.seen) == 2


def test_placeholders_are_never_asked_for(tmp_path: Path) -> None:
    """A URL that shows no cover is left, with a reason."""
    with ScriptedServer(Script(body=JPEG)) as server:
        urls = [f"{server.url}/images/spacer.gif", "", "https://st.discogs.com/", "images/a.jpg"]
        write_rows(
            tmp_path / TSV,
            *({"artist": str(n), "genre": "J", "image_url": u} for n, u in enumerate(urls)),
        )
        summary = run_download(tmp_path)
    assert server.seen == []
    assert summary.dropped == {"no picture": 4}


def test_what_a_host_does_not_have_is_not_asked_for_again(tmp_path: Path) -> None:
    """A 404 is remembered; --retry-failed asks again; a 500 is asked again by itself."""
    with (
        ScriptedServer(Script(404), Script(body=JPEG)) as gone,
        ScriptedServer(Script(500), Script(500), Script(500), Script(body=JPEG)) as sick,
    ):
        rows = {"artist": "A", "genre": "J"}, {"artist": "B", "genre": "J"}
        write_rows(
            tmp_path / TSV,
            {**rows[0], "image_url": f"{gone.url}/a.jpg"},
            {**rows[1], "image_url": f"{sick.url}/b.jpg"},
        )
        assert run_download(tmp_path).dropped == {"HTTP 404": 1, "HTTP 500": 1}
        assert run_download(tmp_path).dropped == {"HTTP 404": 1}
        assert len(gone.seen) == 1
        assert run_download(tmp_path, flags={"retry_failed": True}).rows_out == 2
    assert len(gone.seen) == 2


def test_the_days_quota_stops_one_host_and_says_so(tmp_path: Path) -> None:
    """With per_day used up the rest waits for another day; other hosts go on; nothing is lost."""
    with (
        ScriptedServer(Script(body=JPEG)) as limited,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as free,
    ):
        rows = [
            {"artist": str(n), "genre": "J", "image_url": f"{server.url}/{n}.jpg"}
            for n, server in enumerate([limited, free] * 6)
        ]
        write_rows(tmp_path / TSV, *rows)
        summary = run_download(tmp_path, hosts={"127.0.0.1": {"per_day": 4}})
        assert summary.rows_out == 10
        assert summary.dropped == {"waiting: the host rests": 2}
        assert summary.partly
        assert any("4 requests a day are spent" in note for note in summary.notes)
        run_download(tmp_path, hosts={"127.0.0.1": {"per_day": 4}})
    assert len(limited.seen) == 4


def test_a_host_that_refuses_us_is_left_alone(tmp_path: Path) -> None:
    """After five refusals in a row the rest of that host's covers waits; another host goes on."""
    with (
        ScriptedServer(Script(403)) as closed,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as open_,
    ):
        rows = [
            {"artist": str(n), "genre": "J", "image_url": f"{server.url}/{n}.jpg"}
            for n, server in enumerate([closed] * 40 + [open_] * 5)
        ]
        write_rows(tmp_path / TSV, *rows)
        summary = run_download(tmp_path, hosts={"127.0.0.1": {"concurrency": 1}})
    assert len(closed.seen) == 5
    assert summary.rows_out == 5
    assert summary.dropped == {"HTTP 403": 5, "waiting: the host rests": 35}
    assert (summary.partly, summary.left) == (True, 40)
    assert summary.resumes_at == NOON + timedelta(hours=1)


@pytest.mark.long
def test_covers_that_were_never_asked_for_go_first(tmp_path: Path) -> None:
    """A block of refused pictures at the head of the file holds up the rest for one run at most."""
    scripts = [Script(403)] * 5 + [Script(body=JPEG)]
    with ScriptedServer(*scripts) as server:
        rows = [
            {"artist": str(n), "genre": "J", "image_url": f"{server.url}/{n}.jpg"}
            for n in range(30)
        ]
        write_rows(tmp_path / TSV, *rows)
        alone = {"127.0.0.1": {"concurrency": 1}}
        assert run_download(tmp_path, hosts=alone).rows_out == 0
        assert run_download(tmp_path, hosts=alone).rows_out == 0, "it rests"
        assert len(server.seen) == 5
        later = NOON + timedelta(hours=1)
        assert run_download(tmp_path, now=later, hosts=alone).rows_out == 30
    assert [seen.path for seen in server.seen[5:7]] == ["/5.jpg", "/6.jpg"]


def test_hostile_names_stay_in_the_images_folder(tmp_path: Path) -> None:
    """Names from strangers are ordinary artists and genres."""
    names = ["../../etc/passwd", "CON", "..", "/abs", "a\\b", "x" * 500, "\u202egpj.exe", ".hidden"]
    with ScriptedServer(Script(body=JPEG)) as server:
        rows = [
            {"artist": a, "album": b, "genre": b, "image_url": f"{server.url}/{n}.jpg"}
            for n, (a, b) in enumerate((a, b) for a in names for b in names)
        ]
        write_rows(tmp_path / "data" / TSV, *rows)
        assert run_download(tmp_path / "data").rows_out == len(rows)
    assert len(files_of(tmp_path / "data")) == len(rows)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    for path in files_of(tmp_path / "data"):
        assert all(len(part.encode()) <= 255 for part in path.split("/"))
        assert not any(part.startswith(".") for part in path.split("/"))


def test_a_missing_dataset_is_one_clear_line(tmp_path: Path) -> None:
    """Without a TSV the stage that makes it is named."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        run_download(tmp_path)


def test_an_images_path_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    """What stands in the way is named, and stays."""
    (tmp_path / IMAGES).write_text("in the way")
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        with pytest.raises(StorageError, match=IMAGES):
            run_download(tmp_path)
    assert (tmp_path / IMAGES).read_text() == "in the way"


@posix_only
def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """An interrupt ends with 130; what came is in the ledger and isn't fetched again."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"genre_limit": 4, "world_limit": 2, "from_year": 2026}
        fetch.run(make_context(tmp_path, base_url=sandbox.base_url, fetch=limits))
        slow = '[download.hosts."127.0.0.1"]\nconcurrency = 2\n'
        (tmp_path / "config.toml").write_text(slow)
        process = start(tmp_path, "download", "--config", "config.toml")
        seen = 0

        def hook(hit: Hit) -> Reply | None:
            nonlocal seen
            seen += 1
            if seen == 30:
                process.send_signal(signal.SIGINT)
            sandbox.wait(0.005)
            return None

        sandbox.hook = hook
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert b"Traceback" not in err
        good = sum(cover.status == "ok" for cover in ledger_of(tmp_path).values())
        assert 0 < good < 60
        sandbox.hook = None
        sandbox.log.clear()
        finish(tmp_path)
    assert len(sandbox.log) == 60 - good


@pytest.mark.parametrize(
    ("script", "reason", "later"),
    [(Script(404), "HTTP 404", 0), (Script(500), "HTTP 500", 3)],
)
def test_rows_that_share_a_picture_share_its_end(
    tmp_path: Path, script: Script, reason: str, later: int
) -> None:
    """One request speaks for all of them, in the summary and in the ledger; so does a rest."""
    with ScriptedServer(script) as server:
        rows_of(tmp_path, *[f"{server.url}/a.jpg"] * 3)
        hosts = {"127.0.0.1": {"per_day": 3}}
        summary = run_download(tmp_path, hosts=hosts)
        assert summary.dropped == {reason: 3}
        assert summary.facts["left_for_later"] == later
        assert [cover.reason for cover in ledger_of(tmp_path).values()] == [reason] * 3
        rows_of(tmp_path, *[f"{server.url}/{n % 2}.jpg" for n in range(4)])
        rests = {"127.0.0.1": {"per_day": 1}}
        summary = run_download(tmp_path, hosts=rests)
        assert sum(summary.dropped.values()) == 4
        assert summary.dropped["waiting: the host rests"] in {2, 4}


def test_the_same_row_twice_is_one_cover(tmp_path: Path) -> None:
    """Rows that are alike in all that counts have one file between them, and both have it."""
    with ScriptedServer(Script(body=JPEG)) as server:
        row = {"artist": "A", "album": "B", "genre": "Jazz", "image_url": f"{server.url}/a.jpg"}
        write_rows(tmp_path / TSV, row, row, row)
        for _ in range(2):
            summary = run_download(tmp_path)
            assert (summary.rows_in, summary.rows_out) == (3, 3)
    assert len(server.seen) == 1
    assert len(files_of(tmp_path)) == 1
