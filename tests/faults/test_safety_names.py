"""Names from strangers, whatever they are, and links that strangers left: nothing gets out."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from downloads import IMAGES, JPEG, TSV, one_row, rows_of, run_download
from splits import catalogue, fill, run_split
from support import NOON, Script, ScriptedServer, make_context

from equigen.commands import clean, counts, download, report, split
from equigen.dataset.covers import MAX_NAME_BYTES
from equigen.dataset.tsv import write_tsv
from equigen.downloading.manifest import write_manifest
from equigen.errors import StorageError
from equigen.ledger.ledger import Ledger
from equigen.schema import Group, Link
from equigen.storage.lock import dataset_lock

HOSTILE = (
    "../../../up", "..", ".", "...", "/etc/passwd", "//host/share", "a/../../b", "..\\..\\up",
    "C:\\boot.ini", "C:up", "\\\\host\\share", "a:stream", "CON", "con.jpg", "LPT1", "NUL.txt",
    "ends with a dot.", "ends with spaces   ", " starts with one", "-rf", "--link=move",
    "~", "~root", "~/.ssh/id", ".hidden", ".new-1-1", "\u202egpj.exe", "\u200b", "a\u0301" * 40,
    "Z" + "\u0351" * 5000, "x" * 10_000, "é" * 10_000, "🎺" * 300, "👩‍👩‍👧‍👦", "line\nbreak",
    "tab\there", "carriage\rreturn", "%2e%2e%2fup", "..%2fup", "%00", "$(touch up)",
    "`touch up`", "; touch up", "*", "?", "|", "<up>", '"up"', "'", "\x1b[2J", "\x7f",
    "\u2028", "", "train", "val", "_",
)  # fmt: skip
# Cells can't hold a NUL (a TSV with one is refused), but an API's answer and a config can.
NUL = "nul\0up"


def everything(folder: Path) -> set[str]:
    """Return all that lies below a folder, links not followed."""
    found = set[str]()
    for at, folders, files in os.walk(folder):
        found |= {str(Path(at, name).relative_to(folder)) for name in (*folders, *files)}
    return found


def check_stays_inside(outer: Path, data: Path) -> None:
    """See that whatever was made lies where covers, sets, the TSV and the ledger do."""
    inside = f"{data.relative_to(outer)}/"
    allowed = (IMAGES, "split", "equigen_", ".equigen.lock", "report.html", "config.toml")
    for path in everything(outer) - {"deep", "deep/data"}:
        assert path.startswith(inside)
        assert path.removeprefix(inside).startswith(allowed), path
    for root, depth in ((data / IMAGES, 2), (data / "split", 3)):
        for path in everything(root):
            names = path.split("/")
            assert len(names) <= depth
            assert path == "split.tsv" or len(names) == depth or (root / path).is_dir()
            for name in names:
                assert name == name.strip(". ")
                assert len(name.encode()) <= MAX_NAME_BYTES
                assert not set(name) & set('<>:"\\|?*\0\n\r\t\x1b\x7f\u202e\u200b\u2028')
                assert name.partition(".")[0].upper() not in {"CON", "NUL", "LPT1"}


COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")


def hostile_rows(host: str) -> list[list[str]]:
    """Return albums whose artist, album, genre, or label with a folder of its own is hostile."""
    rows = list[list[str]]()
    for number, text in enumerate(HOSTILE):
        for kind in range(4):
            row = ["Artist", "Album", "1", "Jazz", "1999", f"{host}/{len(rows)}.jpg"]
            row[(0, 1, 3, 3)[kind]] = text if kind < 3 else f"Label {number}"
            rows.append(row)
    return [*rows, ["A", "B", "1", "Label NUL", "1999", f"{host}/nul.jpg"]]


def test_no_name_leaves_the_folders(tmp_path: Path) -> None:
    """Artists, albums, genres and folders of labels: through download, all splits and report."""
    data = tmp_path / "outer" / "deep" / "data"
    data.mkdir(parents=True)
    labels = [
        {"name": f"Label {number}", "genre": "Jazz", "folder": text}
        for number, text in [*enumerate(HOSTILE), ("NUL", NUL)]
    ]
    settled = {"keep_sha256": [hashlib.sha256(JPEG).hexdigest()]}  # one picture behind all
    context = make_context(
        data, fetch={"label": labels}, split={"group": Group.NONE}, download=settled
    )
    with ScriptedServer(Script(body=JPEG)) as host:
        rows = hostile_rows(host.url)
        write_tsv(data / TSV, COLUMNS, rows)
        before = (data / TSV).read_bytes()
        assert download.run(context).rows_out == len(rows)
    assert sum(file.is_file() for file in (data / IMAGES).rglob("*.jpg")) == len(rows)
    for link in Link:
        assert split.run(context, link=link).rows_out == len(rows)
        check_stays_inside(tmp_path / "outer", data)
    report.run(context, covers=1)
    # No row wants any cover any more: all are set aside.
    write_tsv(data / TSV, COLUMNS, rows[:1])
    download.run(context)
    check_stays_inside(tmp_path / "outer", data)
    write_tsv(data / TSV, COLUMNS, rows)
    assert (data / TSV).read_bytes() == before


def linked(data: Path, link: Path, leads_to: str) -> Path:
    """Put a link in place of a folder, to one outside that holds a file; return that."""
    outside = data.parent / leads_to
    outside.mkdir()
    (outside / "precious").write_text("keep")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    return outside


def check_untouched(outside: Path) -> None:
    """See that a folder outside is as it was."""
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("precious", "keep")]


@pytest.mark.parametrize("processes", [0, 2])
def test_a_genre_that_leads_out_is_refused_by_download(tmp_path: Path, processes: int) -> None:
    """In one line that says what to do, also where processes fetch, and nothing goes there."""
    data = tmp_path / "data"
    with ScriptedServer(Script(body=JPEG)) as host:
        rows_of(data, f"{host.url}/1.jpg", f"{host.url}/2.jpg")
        outside = linked(data, data / IMAGES / "Jazz", "outside")
        with Ledger(data / "equigen_ledger.sqlite"):
            pass  # what lies outside is no cover that a ledger should know
        with pytest.raises(StorageError) as caught:
            run_download(data, processes=processes)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    for part in (str(data / IMAGES / "Jazz"), str(outside), "symbolic link", "Remove the link"):
        assert part in message
    check_untouched(outside)


def test_a_link_to_nowhere_and_one_in_a_circle_are_refused(tmp_path: Path) -> None:
    """Neither is followed, nor does either become a folder."""
    for name in ("nowhere", "Jazz"):
        data = tmp_path / name
        with ScriptedServer(Script(body=JPEG)) as host:
            rows_of(data, f"{host.url}/1.jpg")
            (data / IMAGES).mkdir()
            (data / IMAGES / "Jazz").symlink_to(name if name == "Jazz" else tmp_path / "gone")
            with pytest.raises(StorageError, match="Jazz"):
                run_download(data)
        assert not (tmp_path / "gone").exists()
        assert (data / IMAGES / "Jazz").is_symlink()


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("place", ["split/train/Jazz", "split/val", "images"])
def test_a_genre_that_leads_out_is_refused_by_split(tmp_path: Path, place: str, link: Link) -> None:
    """A genre or a whole set that is a link; so is a genre whose covers would be moved from it."""
    data = tmp_path / "data"
    fill(data, catalogue(9))
    if place == "images":
        shutil.move(data / IMAGES / "Jazz", tmp_path / "outside")
        (data / IMAGES / "Jazz").symlink_to(tmp_path / "outside")
    else:
        linked(data, data / place, "outside")
    before = everything(tmp_path / "outside")
    with pytest.raises(StorageError, match=r"symbolic link leads from there.*Remove the link"):
        run_split(data, link=link)
    assert everything(tmp_path / "outside") == before


def test_the_images_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """Covers and sets on another disk: all works, and both stay links."""
    data = tmp_path / "data"
    data.mkdir()
    for name in (IMAGES, "split"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        (data / name).symlink_to(tmp_path / "disk" / name)
    with ScriptedServer(Script(body=JPEG)) as host:
        rows_of(data, f"{host.url}/1.jpg", f"{host.url}/2.jpg")
        assert run_download(data).rows_out == 2
        one_row(data, f"{host.url}/2.jpg")
        run_download(data)
    for link in Link:
        run_split(data, link=link)
    assert (data / IMAGES).is_symlink()
    assert (data / "split").is_symlink()
    assert len(list((tmp_path / "disk" / "split").rglob("*.jpg"))) == 1


def test_links_that_lie_in_a_covers_place_are_replaced(tmp_path: Path) -> None:
    """Not followed: neither the cover's own name nor that of the file beside it, nor a split's."""
    data = tmp_path / "data"
    victim = tmp_path / "victim"
    victim.write_text("keep")
    with ScriptedServer(Script(body=JPEG)) as host:
        rows_of(data, f"{host.url}/1.jpg", f"{host.url}/2.jpg")
        run_download(data)
        covers = sorted((data / IMAGES).rglob("*.jpg"))
        genre = covers[0].parent
        for cover in covers:
            cover.unlink()
            cover.symlink_to(victim)
        for ticket in range(20):
            (genre / f".new-{os.getpid()}-{ticket}").symlink_to(victim)
        run_download(data)
    assert [cover.is_symlink() for cover in covers] == [False, False]
    assert [cover.read_bytes() for cover in covers] == [JPEG, JPEG]
    for link in Link:
        for name in ("train", "val", "test"):
            shutil.rmtree(data / "split" / name / "Jazz", ignore_errors=True)
            (data / "split" / name / "Jazz").mkdir(parents=True)
            (data / "split" / name / "Jazz" / ".new-split").symlink_to(victim)
            if link is Link.MOVE:
                (data / "split" / name / "Jazz" / covers[0].name).symlink_to(victim)
        run_split(data, link=link)
    assert victim.read_text() == "keep"


@pytest.mark.long_after(4)
@pytest.mark.parametrize(
    "name",
    [
        f".{TSV}.new", ".report.html.new", "report.html", ".manifest.tsv.new",
        ".manifest.parquet.new", ".counts.svg.new", "split/.split.tsv.new",
        "split/split.tsv", ".equigen.lock.holder",
    ],
)  # fmt: skip
def test_links_in_the_place_of_our_own_files_are_not_followed(tmp_path: Path, name: str) -> None:
    """What is written beside a file is new, and what no user named is no link's way out."""
    data = tmp_path / "data"
    fill(data, [{**row, "artist": f"{row['artist']} (2)"} for row in catalogue(3)])
    run_split(data)
    victim = tmp_path / "victim"
    victim.write_text("keep")
    (data / name).unlink(missing_ok=True)
    (data / name).symlink_to(victim)
    context = make_context(data)
    run_split(data, reshuffle=True)
    report.run(context)
    counts.run(context, chart=data / "counts.svg")
    with Ledger(context.ledger) as ledger:
        write_manifest(data / "manifest.tsv", context, ledger)
        write_manifest(data / "manifest.parquet", context, ledger)
    assert clean.run(context).facts["changed"] == 3
    assert victim.read_text() == "keep"
    assert not (data / name).is_symlink()


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """In one line, and what it leads to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("keep")
    (tmp_path / ".equigen.lock").symlink_to(victim)
    with pytest.raises(StorageError, match="Remove the link") as caught:
        with dataset_lock(tmp_path, stage="clean", now=NOON):
            pytest.fail("it was taken")
    assert len(str(caught.value).splitlines()) == 1
    assert victim.read_text() == "keep"


def test_sweeping_up_and_linking_stay_inside(tmp_path: Path) -> None:
    """What an earlier run left is removed, and identical covers are linked, but not through one."""
    data = tmp_path / "data"
    with ScriptedServer(Script(body=JPEG)) as host:
        rows_of(data, f"{host.url}/1.jpg", f"{host.url}/2.jpg")
        run_download(data)
        outside = linked(data, data / IMAGES / "Old", "outside")
        (outside / ".new-1-1").touch()
        shutil.move(data / IMAGES / "Jazz", tmp_path / "elsewhere")
        (data / IMAGES / "Jazz").symlink_to(tmp_path / "elsewhere")
        before = {file: file.stat().st_ino for file in (tmp_path / "elsewhere").iterdir()}
        with pytest.raises(StorageError, match="symbolic link"):
            run_download(data, flags={"link_identical": True})
    assert (outside / ".new-1-1").exists()
    assert {file: file.stat().st_ino for file in (tmp_path / "elsewhere").iterdir()} == before
