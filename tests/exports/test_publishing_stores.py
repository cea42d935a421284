"""Publishing to stores: what isn't whole doesn't look so, nothing twice, nothing unseen."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from exported import albums, filled, run_export
from forks import Forks
from kills import Case, kill_often
from publishing import content, made_export
from stores import FAULTS, Shaky
from support import equigen, from_json, make_context

from equigen.commands import publish as command
from equigen.errors import FetchError, UsageError
from equigen.exports.building import Place


def send(data: Path, url: str, *args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Publish to a store, from the folder of a dataset."""
    settings = {"EQUIGEN_HTTP__MAX_WAIT_S": "0.01", **env}
    return equigen("publish", url, *args, cwd=data, env=settings)


def dates(folder: Path) -> dict[str, int]:
    """Return when each file was written, by its path."""
    return {name: (folder / name).stat().st_mtime_ns for name in content(folder)}


@pytest.mark.parametrize("name", ["webdataset", "imagefolder"])
def test_what_is_published_is_the_export(tmp_path: Path, name: str) -> None:
    """A second run writes nothing; a refresh what is new, and removes what is gone."""
    data, there = tmp_path / "data", tmp_path / "there/covers"
    out = made_export(data, 40, name=name)
    done = send(data, f"file://{there}", "--export", out, "--json")
    assert done.returncode == 0, done.stderr
    told = from_json(done.stdout)
    assert content(there) == content(out)
    assert (sorted(told["sent"]), told["removed"]) == (sorted(content(out)), [])
    before = dates(there)
    again = send(data, f"file://{there}", "--export", out, "--json")
    assert (from_json(again.stdout)["sent"], dates(there)) == ([], before)
    (there / "notes.md").write_text("mine", encoding="utf-8")
    old = content(out)
    filled(data, albums(30, first=4))
    run_export(data, out, name)
    done = send(data, f"file://{there}/", "--export", out, "--json")
    assert done.returncode == 0, done.stderr
    assert content(there) == {**content(out), "notes.md": b"mine"}
    assert from_json(done.stdout)["removed"] == sorted({*old} - {*content(out)})
    same = [each for each, body in content(out).items() if old.get(each) == body]
    assert same or name == "webdataset"
    assert {each: dates(there)[each] for each in same} == {each: before[each] for each in same}


def test_a_place_with_other_files_is_refused(tmp_path: Path) -> None:
    """And so is one of the dataset, a file, and what can't be an address."""
    data, out = tmp_path / "data", made_export(tmp_path / "data")
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine", encoding="utf-8")
    for url, says in (
        (f"file://{there}", "files are there that EquiGen didn't publish, such as mine.txt"),
        (f"file://{there}/mine.txt", "this is a file"),
        (f"file://{data}/equigen_album_images/new", "a place of the dataset itself"),
        (f"file://{data}", "a place of the dataset itself"),
        ("s3://", "expected a store's address"),
        ("covers", "expected a store's address"),
        ("zip::s3://bucket/x.zip", "expected a store's address"),
        ("https://example.org/covers", "no store that can be written to"),
        ("hf://datasets/covers/albums", "equigen publish hub ORG/NAME"),
        ("nothing://bucket/covers", "nothing://bucket/covers"),
        ("ftp://me:hidden@host.example/covers", "a password is in the address"),
    ):
        done = send(data, url, "--export", out, EQUIGEN_DATASET__DIRECTORY=str(data))
        assert (done.returncode > 0, says in done.stderr) == (True, True), (url, done.stderr)
        assert "hidden" not in done.stderr
        assert "Traceback" not in done.stderr
    assert content(there) == {"mine.txt": b"mine"}
    for flag in ("--private", "--gated", "covers/albums"):
        done = send(data, f"file://{there}/new", flag, "--export", out)
        assert (done.returncode, "a store takes no" in done.stderr) == (2, True), done.stderr


def test_what_is_for_private_use_is_never_sent(tmp_path: Path) -> None:
    """Not even into a folder, nor by a dry run."""
    rows = albums(8)
    rows[0]["image_url"] = "https://i.discogs.com/a.jpg"
    filled(tmp_path / "data", rows)
    run_export(tmp_path / "data", tmp_path / "mine", "webdataset", private_use=True)
    mine, there = str(tmp_path / "mine"), f"file://{tmp_path}/there"
    for more in ([], ["--dry-run"]):
        done = send(tmp_path / "data", there, "--export", mine, *more)
        assert (done.returncode, "for private use alone" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "there").exists()


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    """It shows files, bytes and card."""
    out = made_export(tmp_path / "data")
    done = send(tmp_path / "data", "s3://nowhere/covers", "--export", out, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    sizes = {name: len(body) for name, body in content(out).items()}
    assert from_json(done.stdout)["files"] == sizes


def test_hard_links_of_what_is_replaced_are_not_written_through(tmp_path: Path) -> None:
    """A publication upon another export leaves the dataset's covers, which that one links to."""
    data, out = tmp_path / "data", made_export(tmp_path / "data", name="imagefolder")
    covers = content(data)
    small = tmp_path / "small"
    run_export(data, small, "imagefolder", size=16)
    done = send(data, f"file://{out}", "--export", small)
    assert done.returncode == 0, done.stderr
    assert content(out) == content(small)
    assert {name: body for name, body in content(data).items() if name in covers} == covers


def test_links_out_of_the_place_are_not_written_through(tmp_path: Path) -> None:
    """One in the place of a folder is named, and nothing is put where it leads."""
    data, out = tmp_path / "data", made_export(tmp_path / "data", name="parquet")
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    (there / "data").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="a link leads out of the place"):
        command.run(make_context(data), target=f"file://{there}", export=out)
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_survived(tmp_path: Path, fault: str) -> None:
    """What fails is tried again, what arrived with other bytes is sent again."""
    data, there = tmp_path / "data", tmp_path / "there"
    out = made_export(data, 12)
    context = make_context(data)
    Shaky.reset(**{fault: 2})
    command.run(context, target=f"shaky://{there}", export=out)
    assert content(there) == content(out)
    assert sum(Shaky.put.values()) <= len(content(out)) + 1 + 2  # the list of what is under way
    Shaky.reset(**{fault: 99})
    filled(data, albums(16))
    run_export(data, out, "webdataset")
    with pytest.raises(FetchError):
        command.run(context, target=f"shaky://{there}", export=out)
    Shaky.reset()
    command.run(context, target=f"shaky://{there}", export=out)
    assert content(there) == content(out)


def test_what_is_half_does_not_look_whole(tmp_path: Path) -> None:
    """While files change there is no list; files of a publication that was given up go as well."""
    data, there = tmp_path / "data", tmp_path / "there"
    out = made_export(data, 40, name="imagefolder")
    context, url = make_context(data), f"shaky://{there}"
    Shaky.reset()
    command.run(context, target=url, export=out)
    filled(data, albums(40, first=20))
    run_export(data, out, "imagefolder")

    Shaky.reset(most_put=10)
    with pytest.raises(FetchError):
        command.run(context, target=url, export=out)
    assert "export.json" not in content(there)
    names = set(json.loads((there / "export.part.json").read_text(encoding="utf-8"))["files"])
    assert {*content(there)} - {"export.part.json"} <= names
    Shaky.reset()
    run_export(data, tmp_path / "other", "webdataset")
    command.run(context, target=url, export=tmp_path / "other")
    assert content(there) == content(tmp_path / "other")


def test_lists_of_strangers_remove_nothing_elsewhere(tmp_path: Path) -> None:
    """Names that lead out count for nothing."""
    data, out = tmp_path / "data", made_export(tmp_path / "data")
    there, secret = tmp_path / "there", tmp_path / "secret.txt"
    there.mkdir()
    secret.write_text("mine", encoding="utf-8")
    for text in (
        '{"files": ["../secret.txt", 7, null]}',
        '{"files": 7}',
        "[",
        "[" * 9999,
        '{"files": {}}',
    ):
        (there / "export.part.json").write_text(text, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            command.run(make_context(data), target=f"file://{there}", export=out)
        assert secret.read_text(encoding="utf-8") == "mine"
        assert content(there) == content(out)
    (there / "thesis.txt").write_text("years", encoding="utf-8")
    (there / "export.part.json").write_text('{"files": ["thesis.txt"]}', encoding="utf-8")
    command.run(make_context(data), target=f"file://{there}", export=out)
    assert (there / "thesis.txt").read_text(encoding="utf-8") == "years"
    (there / "export.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="didn't publish"):
        command.run(make_context(data), target=f"file://{there}", export=out)


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("number", "kills"), [(signal.SIGKILL, 20), (signal.SIGTERM, 6)], ids=["SIGKILL", "SIGTERM"]
)
@pytest.mark.parametrize("is_refresh", [True, False])
def test_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, *, is_refresh: bool
) -> None:
    """A list is there beside its files alone, and a file that is there isn't written again."""
    data, out, old, there = (tmp_path / name for name in ("data", "out", "old", "there"))
    filled(data, albums(60))
    run_export(data, old)
    filled(data, albums(80, first=20))
    run_export(data, out)
    kept = dict[str, int]()
    new = content(out)

    def restore() -> None:
        shutil.rmtree(there, ignore_errors=True)
        kept.clear()
        if is_refresh:
            shutil.copytree(old, there)

    def check() -> None:
        now = content(there)
        files = {name: body for name, body in now.items() if name != "export.part.json"}
        if Place(there).noted():  # else its list isn't there, or was cut off
            assert files in (content(old), new)
        whole = {name for name in new.keys() & now.keys() if now[name] == new[name]}
        whole.discard("export.json")
        written = dates(there)
        assert {name: written[name] for name in kept} == kept
        kept.update({name: written[name] for name in whole})

    def compare() -> None:
        check()
        assert content(there) == new

    args = ("publish", f"file://{there}", "--export", str(out))
    case = Case(data, args, restore, check, compare)
    kill_often(forks, case, kills=kills, seed=20, number=number)
