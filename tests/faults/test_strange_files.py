"""Folders that somebody else made: links, pipes and devices in the place of a dataset's files."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from downloads import run_download
from lookalikes import saved, scene
from splits import run_split
from support import Script, ScriptedServer, make_context, posix_only, program_env, write_rows
from support import equigen as program

import equigen
from equigen.commands import balance, clean, counts, dedupe, demo, repair, report, status
from equigen.errors import EquigenError, InputError, StorageError
from equigen.schema import Link

pytestmark = posix_only
TSV, IMAGES = "equigen_dataset.tsv", "equigen_album_images"
ALBUMS = 6
SECRET = b"a secret of somebody's"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with covers, made once."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    with ScriptedServer(Script(status=404)) as host:
        host.by_path = {f"/{n}.jpg": Script(body=saved(scene(n))) for n in range(ALBUMS)}
        rows = [
            {
                "artist": f"Artist {number}",
                "album": f"Album {number}",
                "genre": "Jazz",
                "image_url": f"{host.url}/{number}.jpg",
                "album_id": f"discogs:m{number}",
            }
            for number in range(ALBUMS)
        ]
        write_rows(folder / TSV, *rows)
        run_download(folder)
    return folder


@pytest.fixture
def made(tmp_path: Path, whole: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


def content(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def put(kind: str, place: Path) -> None:
    """Put a pipe or a device into a file's place."""
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")


RUNS: dict[str, Callable[[Path], object]] = {
    "status": lambda folder: status.run(make_context(folder)),
    "counts": lambda folder: counts.run(make_context(folder)),
    "report": lambda folder: report.run(make_context(folder)),
    "clean": lambda folder: clean.run(make_context(folder)),
    "dedupe": lambda folder: dedupe.run(make_context(folder)),
    "balance": lambda folder: balance.run(make_context(folder, balance={"per_label": "min"})),
    "download": run_download,
    "split": run_split,
    "repair": lambda folder: repair.run(make_context(folder)),
    "albums": lambda folder: equigen.open(folder).albums(),
    "examples": lambda folder: list(equigen.open(folder).examples()),
}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("run", RUNS)
def test_a_tsv_that_is_no_file_is_refused_at_once(made: Path, run: str, kind: str) -> None:
    """Nothing waits for a pipe, and nothing reads a device to its end."""
    put(kind, made / TSV)
    with pytest.raises(EquigenError, match=r"not a regular file|link .*\.tsv = '/dev/zero'"):
        RUNS[run](made)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_lists_and_covers_of_sets_that_are_no_files_are_refused(made: Path, kind: str) -> None:
    """A split.tsv, then a cover, that is a pipe or a device."""
    run_split(made)
    shutil.copytree(made, made.parent / "other")
    put(kind, made / "split" / "split.tsv")
    with pytest.raises(EquigenError, match=r"not a regular file|a symbolic link leads from there"):
        run_split(made, verify=True)
    other = made.parent / "other"
    cover = next((other / "split" / "train").rglob("*.jpg"))
    put(kind, cover)
    with pytest.raises(EquigenError):
        run_split(other, verify=True)


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", [".env", "config.toml"])
def test_settings_that_are_no_file_are_refused_at_once(
    made: Path, tmp_path: Path, name: str, kind: str
) -> None:
    """In one line, with the code of wrong settings."""
    put(kind, tmp_path / name)
    done = program("status", cwd=tmp_path, env=program_env())
    assert done.returncode == 2
    assert "not a regular file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", [".env", "config.toml"])
def test_settings_without_an_end_are_refused_at_once(tmp_path: Path, name: str) -> None:
    """A file of the system has no size and no end; a sparse one is larger than the memory."""
    (tmp_path / name).symlink_to("/proc/self/pagemap")
    done = program("status", cwd=tmp_path, env=program_env())
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "larger than 1,048,576 bytes" in done.stderr
    (tmp_path / name).unlink()
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than" in program("status", cwd=tmp_path, env=program_env()).stderr


OUTPUTS: dict[str, tuple[str, ...]] = {
    "mine.html": ("report", "--output"),
    "mine.svg": ("counts", "--chart"),
    "mine.tsv": ("download", "--quiet", "--export"),
    "log.jsonl": ("status", "--log-file"),
}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("at", ["data", "."])
def test_no_output_is_written_through_a_link_of_the_folder(
    made: Path, tmp_path: Path, name: str, at: str
) -> None:
    """A file that the user names in it, and that leads out; one that stays in it is written."""
    secret = tmp_path.parent / f"{tmp_path.name}-secret{Path(name).suffix}"
    secret.write_text('{"mine": 1}\n')
    (tmp_path / at / name).symlink_to(secret)
    done = program(*OUTPUTS[name], f"{at}/{name}", cwd=tmp_path, env=program_env())
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
    assert f"a link leads from there to {secret}, out of" in done.stderr
    assert secret.read_text() == '{"mine": 1}\n'
    (tmp_path / at / name).unlink()
    (tmp_path / at / name).symlink_to(made / f"other{secret.suffix}")
    assert program(*OUTPUTS[name], f"{at}/{name}", cwd=tmp_path, env=program_env()).returncode == 0
    assert (made / f"other{secret.suffix}").stat().st_size > 0


def test_no_output_takes_the_place_of_the_settings(made: Path, tmp_path: Path) -> None:
    """By a link of the folder."""
    (tmp_path / ".env").write_text("DISCOGS_TOKEN=mine\n")
    (made / "mine.html").symlink_to("../.env")
    done = program("report", "--output", "data/mine.html", cwd=tmp_path, env=program_env())
    assert done.returncode == 2
    assert (tmp_path / ".env").read_text() == "DISCOGS_TOKEN=mine\n"


def test_a_list_of_sets_that_is_a_link_is_not_read(made: Path, tmp_path: Path) -> None:
    """Nothing of what it leads to is in the error."""
    run_split(made)
    (tmp_path / "secret").write_bytes(SECRET)
    (made / "split" / "split.tsv").unlink()
    (made / "split" / "split.tsv").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="a symbolic link leads from there") as caught:
        run_split(made, verify=True)
    assert SECRET.decode() not in str(caught.value)


def test_a_demo_writes_through_no_link(tmp_path: Path) -> None:
    """Its files in a folder of somebody else's may lead anywhere."""
    (tmp_path / "mine").write_bytes(SECRET)
    folder = tmp_path / "demo"
    folder.mkdir()
    demo._clear(folder, 1)  # noqa: SLF001  (a whole demo takes long)
    for file in list(folder.iterdir()):
        file.unlink()
        file.symlink_to(tmp_path / "mine")
    demo._clear(folder, 1)  # noqa: SLF001
    assert (tmp_path / "mine").read_bytes() == SECRET


@pytest.mark.parametrize("link", list(Link))
def test_a_set_that_is_a_link_is_left_alone(made: Path, tmp_path: Path, link: Link) -> None:
    """What lies behind it is neither gathered into the images folder nor removed nor written to."""
    run_split(made, link=Link.MOVE)
    foreign = tmp_path / "foreign"
    (foreign / "Jazz").mkdir(parents=True)
    (foreign / "Jazz" / "mine.jpg").write_bytes(SECRET)
    shutil.move(made / "split" / "train", tmp_path / "train")
    (made / "split" / "train").symlink_to(foreign)
    before = content(made / IMAGES)
    with pytest.raises(StorageError, match="symbolic link leads from there"):
        run_split(made, link=link)
    assert content(foreign) == {"Jazz/mine.jpg": SECRET}
    assert content(made / IMAGES) == before


@pytest.mark.parametrize("link", list(Link))
def test_a_cover_that_is_a_link_is_no_cover(made: Path, tmp_path: Path, link: Link) -> None:
    """A link to a secret as large as the cover was: its bytes come into no set."""
    cover = next((made / IMAGES).rglob("*.jpg"))
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET.ljust(cover.stat().st_size, b"!"))
    cover.unlink()
    cover.symlink_to(secret)
    run_split(made, link=link)
    run_split(made, verify=True)
    sets = [file.resolve() for file in (made / "split").rglob("*.jpg")]
    assert len(sets) == ALBUMS - 1
    assert secret not in sets
    assert secret.read_bytes() not in [file.read_bytes() for file in sets]
    assert len(list(equigen.open(made).examples())) == ALBUMS - 1


def test_verify_reads_no_file_that_a_link_leads_out_to(made: Path, tmp_path: Path) -> None:
    """A set's file that is a link to a secret is named, and isn't read."""
    run_split(made)
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    (made / "split" / "val" / "Jazz" / "more.jpg").symlink_to(secret)
    with pytest.raises(InputError, match=r"a symbolic link leads from there to .*secret, out of"):
        run_split(made, verify=True)


@pytest.mark.parametrize("place", ["Jazz", "equigen_album_images_set_aside"])
def test_nothing_is_moved_through_a_link(made: Path, tmp_path: Path, place: str) -> None:
    """A label's folder, or the place of what is set aside, that leads to somebody's photos."""
    photos = tmp_path / "photos"
    photos.mkdir()
    cover = next((made / IMAGES).rglob("*.jpg"))
    (photos / cover.name).write_bytes(SECRET.ljust(cover.stat().st_size, b"!"))
    before = content(photos)
    if place == "Jazz":
        shutil.move(made / IMAGES / "Jazz", tmp_path / "kept")
        (made / IMAGES / "Jazz").symlink_to(photos)
    else:
        (made / place).mkdir()
        (made / place / "Jazz").symlink_to(photos)
    header, *rows = (made / TSV).read_text().splitlines()
    (made / TSV).write_text("\n".join([header, *rows[: ALBUMS // 2]]) + "\n")
    with pytest.raises(StorageError, match="symbolic link leads from there"):
        run_download(made)
    assert content(photos) == before
