"""The same bytes behind covers of several artists: a host's "no picture", told, refused or kept."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from downloads import IMAGES, JPEG, TSV, files_of, ledger_of, one_row, picture, run_download
from splits import sets_of
from support import Script, ScriptedServer, equigen, make_context, write_rows

from equigen.commands import split, status
from equigen.config.layers import load
from equigen.downloading.policy import REFUSED_BYTES
from equigen.downloading.shared_covers import find_shared_covers
from equigen.errors import ConfigError
from equigen.identity.artists import count_artists
from equigen.ledger.ledger import SHARED_COVERS, Ledger
from equigen.ledger.models import Cover, FileOf
from equigen.schema import Group
from equigen.summary import Summary

HEX = hashlib.sha256(JPEG).hexdigest()
ASIDE = f"{IMAGES}_set_aside"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answer everything with the same picture, but for what a test gives an answer of its own."""
    with ScriptedServer(Script(body=JPEG)) as server:
        yield server


def rows(folder: Path, server: ScriptedServer, *artists: str, own: int = 0, **cells: str) -> None:
    """Write albums of these artists, who share a picture, and `own` that have one of their own."""
    names = [*artists, *(f"Own {n}" for n in range(own))]
    for n in range(len(artists), len(names)):
        server.by_path[f"/{n}.jpg"] = Script(body=picture())
    found = [
        {
            "artist": name, "album": f"B{n}", "genre": "Jazz", "album_id": f"m{n}", "year": "",
            "album_index": "",
            "image_url": f"{server.url}/{n}.jpg", **cells,
        }
        for n, name in enumerate(names)
    ]  # fmt: skip
    write_rows(folder / TSV, *found, columns=list(found[0]))


def many(count: int) -> list[str]:
    """Return the names of so many artists."""
    return [f"Artist {n}" for n in range(count)]


def shared(summary: Summary) -> list[Mapping[str, object]]:
    """Return what a summary tells of bytes that several artists share."""
    found = summary.facts["shared_covers"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("path", ["/images/default-release-cd.png", "/images/spacer.gif"])
def test_a_redirect_to_a_placeholder_is_refused_like_one_in_the_row(
    tmp_path: Path, path: str
) -> None:
    """What counts is the address at which the picture lies in the end."""
    with ScriptedServer(Script(302, headers={"Location": path})) as server:
        server.by_path[path] = Script(body=JPEG)
        one_row(tmp_path, f"{server.url}/r1.jpg")
        summary = run_download(tmp_path)
        assert summary.dropped == {"no picture": 1}
        assert run_download(tmp_path).dropped == {"no picture": 1}
        assert len(server.seen) == 2, "it is remembered"
    (cover,) = ledger_of(tmp_path).values()
    assert (cover.status, cover.reason, cover.sha256) == ("missing", "no picture", "")
    assert cover.final_url.endswith(path)
    assert files_of(tmp_path) == {}


def test_the_same_bytes_of_several_artists_are_told(tmp_path: Path, server: ScriptedServer) -> None:
    """The note has numbers, the bytes, an example, and what settles it; status repeats it."""
    rows(tmp_path, server, *many(12), own=3)
    summary = run_download(tmp_path)
    (found,) = shared(summary)
    assert (found["sha256"], found["covers"], found["artists"]) == (HEX, 12, 12)
    assert found["example"] in files_of(tmp_path)
    (note,) = [note for note in summary.notes if HEX in note]
    assert "12 covers of 12 artists" in note
    for each in (f"--refuse-sha256 {HEX}", f"--keep-sha256 {HEX}", str(found["example"])):
        assert each in note
    told = status.run(make_context(tmp_path))
    assert shared(told) == shared(summary)
    assert note in told.notes
    assert note in run_download(tmp_path).notes, "it is told until it is settled"


def test_many_such_bytes_are_told_in_few_lines(tmp_path: Path, server: ScriptedServer) -> None:
    """The most frequent come first, all of them in the facts, and the last line counts the rest."""
    rows(tmp_path, server, *(f"Artist {n}" for n in range(24)))
    for n in range(24):
        if n >= 6:
            server.by_path[f"/{n}.jpg"] = Script(body=JPEG + bytes([n // 3]))
    summary = run_download(tmp_path)
    assert [each["covers"] for each in shared(summary)] == [6, 3, 3, 3, 3, 3, 3]
    assert sum("the same bytes" in note for note in summary.notes) < 6
    assert any("4 more" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("artists", "count"),
    [
        (["A", "B"], 0),
        (["A", "B", "C"], 3),
        (["A", "A & B", "A feat. C"], 0),
        (["A", "B", "A & B"], 0),
        (["A", "B", "A & B", "C"], 3),
        (["The A", "A, The", "A (2)", "a*", "B"], 0),
        (["Various", "Unknown Artist", "A", "B"], 0),
        (["A"] * 12, 0),
    ],
)
def test_artists_are_counted_by_their_keys(
    tmp_path: Path, server: ScriptedServer, artists: list[str], count: int
) -> None:
    """Spellings, joint credits and nobody make no further artist; from three on it is told."""
    rows(tmp_path, server, *artists)
    found = shared(run_download(tmp_path))
    assert [each["artists"] for each in found] == ([count] if count else [])


def test_artists_with_one_id_are_one(tmp_path: Path, server: ScriptedServer) -> None:
    """Other names of one artist are no further artists."""
    rows(tmp_path, server, "A", "B", "C", artist_ids="discogs:a7")
    assert shared(run_download(tmp_path)) == []


def test_artists_hang_together_by_their_ids_alone() -> None:
    """A chain of ids is one artist, a chain of joint credits isn't."""
    assert count_artists([(["a"], ["1"]), (["b"], ["1"]), (["b"], ["2"]), (["c"], ["2"])]) == 1
    assert count_artists([(["a"], []), (["b"], []), (["a & b", "a", "b"], [])]) == 2
    assert count_artists([(["a & b"], []), (["c & d", "c"], []), ([], [])]) == 2
    assert count_artists([(["a & b"], ["1", "2"]), (["x"], ["1"])]) == 1


def test_one_address_of_several_artists_counts_as_well(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """It is the covers that count, not the addresses."""
    rows(tmp_path, server, *many(4), image_url=f"{server.url}/one.jpg")
    (found,) = shared(run_download(tmp_path))
    assert (found["covers"], found["artists"]) == (4, 4)


def test_it_is_computed_only_when_something_changed(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a run that fetches nothing nor a split counts anew; new covers and rows do."""
    rows(tmp_path, server, *many(3))
    run_download(tmp_path)
    split.run(make_context(tmp_path))
    counted = []
    known = Ledger.pictures_sharing

    def counting(self: Ledger, least: int) -> dict[str, str]:
        counted.append(least)
        return known(self, least)

    monkeypatch.setattr(Ledger, "pictures_sharing", counting)
    run_download(tmp_path)
    status.run(make_context(tmp_path))
    assert counted == []
    rows(tmp_path, server, *many(4))
    assert shared(run_download(tmp_path))[0]["artists"] == 4
    assert len(counted) == 1
    rows(tmp_path, server, *many(2), "Artist 1", "Artist 0")
    assert shared(run_download(tmp_path)) == []


def test_refused_bytes_are_set_aside_and_stay_so(tmp_path: Path, server: ScriptedServer) -> None:
    """The flag is given once; nobody is asked for it, and the files are kept beside."""
    rows(tmp_path, server, *many(4), own=2)
    run_download(tmp_path)
    asked = len(server.seen)
    summary = run_download(tmp_path, refuse_sha256=[HEX])
    assert (summary.rows_out, summary.dropped) == (2, {REFUSED_BYTES: 4})
    assert shared(summary) == []
    assert any("4 covers" in note and ASIDE in note for note in summary.notes)
    assert len(files_of(tmp_path)) == 2
    assert len(list((tmp_path / ASIDE).glob("*/*.jpg"))) == 4
    later = run_download(tmp_path)
    assert (later.rows_out, later.dropped, later.facts["set_aside"]) == (2, {REFUSED_BYTES: 4}, 0)
    assert len(server.seen) == asked
    found = status.run(make_context(tmp_path))
    assert found.facts["not_had"] == {REFUSED_BYTES: 4}
    assert (found.facts["covers"], found.facts["covers_left"]) == (2, 0)
    assert {cover.status for cover in ledger_of(tmp_path).values()} == {"ok", "refused"}


def test_refused_bytes_are_refused_when_they_come_again(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """New covers with these bytes are refused, and --retry-failed brings none back."""
    rows(tmp_path, server, *many(3))
    run_download(tmp_path)
    run_download(tmp_path, refuse_sha256=[HEX])
    rows(tmp_path, server, *many(5))
    assert run_download(tmp_path).dropped == {REFUSED_BYTES: 5}
    asked = len(server.seen)
    assert run_download(tmp_path, flags={"retry_failed": True}).dropped == {REFUSED_BYTES: 5}
    assert len(server.seen) == asked + 5, "the host may have the right pictures by now"
    assert files_of(tmp_path) == {}
    server.by_path["/1.jpg"] = Script(body=picture())
    assert run_download(tmp_path, flags={"retry_failed": True}).rows_out == 1


@pytest.mark.parametrize("settings", [{}, {"sizes": [0, 32]}, {"sizes": [32]}])
def test_what_is_kept_comes_back(
    tmp_path: Path, server: ScriptedServer, settings: dict[str, Any]
) -> None:
    """--keep-sha256 lifts a refusal: what was set aside returns unasked, the rest is fetched."""
    rows(tmp_path, server, *many(3))
    first = run_download(tmp_path, **settings)
    digest = shared(first)[0]["sha256"]
    before = files_of(tmp_path)
    run_download(tmp_path, refuse_sha256=[digest], **settings)
    run_download(tmp_path, flags={"retry_failed": True}, **settings)
    asked = len(server.seen)
    rows(tmp_path, server, *many(4))
    run_download(tmp_path, **settings)
    kept = run_download(tmp_path, keep_sha256=[digest], **settings)
    assert (kept.rows_out, kept.dropped) == (4, {})
    assert any("no longer refused" in note for note in kept.notes)
    assert before.items() <= files_of(tmp_path).items()
    assert len(server.seen) == asked + 2, "once refused, once fetched"
    assert shared(kept) == []
    assert shared(status.run(make_context(tmp_path, download=settings))) == []
    rows(tmp_path, server, *many(9))
    assert shared(run_download(tmp_path, **settings)) == []
    refused = run_download(tmp_path, refuse_sha256=[digest], **settings)
    assert refused.rows_out == 0, "the last word counts"


def test_a_cover_that_is_yet_to_return_counts_for_nothing(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """What is no longer refused and not fetched yet has no file to show."""
    rows(tmp_path, server, *many(3))
    assert run_download(tmp_path, refuse_sha256=[HEX]).rows_out == 0
    kept = run_download(tmp_path, flags={"limit": 0}, keep_sha256=[HEX])
    assert (kept.rows_out, kept.dropped) == (0, {"waiting: beyond --limit": 3})
    assert run_download(tmp_path).rows_out == 3


def test_a_killed_refusal_is_carried_out_by_the_next_run(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """A file that still lies there though its bytes are refused is set aside."""
    rows(tmp_path, server, *many(3))
    run_download(tmp_path)
    run_download(tmp_path, refuse_sha256=[HEX])
    (tmp_path / IMAGES / "Jazz").mkdir()
    for file in (tmp_path / ASIDE).glob("*/*.jpg"):
        file.rename(tmp_path / IMAGES / "Jazz" / file.name)
    assert run_download(tmp_path).facts["set_aside"] == 3
    assert files_of(tmp_path) == {}


def test_a_dry_run_refuses_nothing(tmp_path: Path, server: ScriptedServer) -> None:
    """It says what would be, and the ledger and the files stay."""
    rows(tmp_path, server, *many(3))
    run_download(tmp_path)
    before = ledger_of(tmp_path)
    run_download(tmp_path, flags={"dry_run": True}, refuse_sha256=[HEX])
    assert ledger_of(tmp_path) == before
    assert len(files_of(tmp_path)) == 3
    assert run_download(tmp_path).rows_out == 3


def test_wrong_digests_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    """What is no SHA-256, and what is refused and kept at once, ends with 2."""
    with ScriptedServer(Script(body=JPEG)) as server:
        one_row(tmp_path, f"{server.url}/a.jpg")
        at = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
        for flag in ("--refuse-sha256", "--keep-sha256"):
            done = equigen("download", flag, HEX[:-1] + "g", cwd=tmp_path, env=at)
            assert done.returncode == 2
            assert "expected a SHA-256: 64 hexadecimal digits" in done.stderr
            assert "Traceback" not in done.stderr
        both = ("--refuse-sha256", HEX, "--keep-sha256", HEX.upper())
        done = equigen("download", *both, cwd=tmp_path, env=at)
        assert (done.returncode, HEX in done.stderr) == (2, True)
        assert server.seen == []
    assert not (tmp_path / "equigen_ledger.sqlite").exists()


def test_the_flag_may_be_given_several_times(tmp_path: Path, server: ScriptedServer) -> None:
    """Each adds its bytes to what is refused."""
    rows(tmp_path, server, "A", "B", own=1)
    other = hashlib.sha256(server.by_path["/2.jpg"].body).hexdigest()
    at = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    both = ("--refuse-sha256", HEX.upper(), "--refuse-sha256", other)
    done = equigen("download", *both, cwd=tmp_path, env=at)
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path) == {}


def test_settings_can_refuse_and_keep(tmp_path: Path) -> None:
    """config.toml has both as lists."""
    file = tmp_path / "config.toml"
    file.write_text(f'[download]\nrefuse_sha256 = ["{HEX}"]\nkeep_sha256 = ["{"0" * 64}"]\n')
    assert load(file).settings.download.refuse_sha256 == [HEX]
    file.write_text(f'[download]\nrefuse_sha256 = ["{HEX}"]\nkeep_sha256 = ["{HEX}"]\n')
    with pytest.raises(ConfigError, match="keep_sha256"):
        load(file)


@pytest.mark.parametrize("group", [Group.ARTIST_COVER, Group.NONE])
def test_bytes_of_ten_artists_stay_out_of_sets_until_they_are_settled(
    tmp_path: Path, server: ScriptedServer, group: Group
) -> None:
    """Nine artists are dealt; the tenth takes all of them out again, and keeping brings them in."""
    context = make_context(tmp_path, split={"group": group})
    rows(tmp_path, server, *many(9))
    run_download(tmp_path)
    assert split.run(context).rows_out == 9
    rows(tmp_path, server, *many(10), own=8)
    run_download(tmp_path)
    assert status.run(context).facts["next"] == "equigen split"
    summary = split.run(context)
    assert (summary.rows_in, summary.rows_out) == (18, 8)
    assert [count for count in summary.dropped.values() if count] == [10]
    assert any(HEX in note and "--keep-sha256" in note for note in summary.notes)
    with Ledger(context.ledger, read_only=True) as ledger:
        assert len(ledger.placements()) in {8, 0}
        assert len(ledger.laid_out()) == 8
    if group is not Group.NONE:
        assert len(sets_of(tmp_path)) == 8
        assert split.run(make_context(tmp_path), verify=True).rows_in == 8
    assert str(status.run(context).facts["next"]).startswith("nothing")
    run_download(tmp_path, keep_sha256=[HEX])
    assert status.run(context).facts["next"] == "equigen split"
    assert split.run(context).rows_out == 18
    assert str(status.run(context).facts["next"]).startswith("nothing")


@pytest.mark.parametrize("link", ["copy", "move"])
def test_refused_covers_leave_their_sets(tmp_path: Path, server: ScriptedServer, link: str) -> None:
    """The next split takes them out, also where it had moved them into a set."""
    context = make_context(tmp_path)
    rows(tmp_path, server, *many(5), own=4)
    run_download(tmp_path)
    assert split.run(context, link=link).rows_out == 9  # type: ignore[arg-type]
    refused = run_download(tmp_path, refuse_sha256=[HEX])
    assert (refused.rows_out, refused.facts["set_aside"]) == (4, 5)
    assert split.run(context, link=link).rows_out == 4  # type: ignore[arg-type]
    assert len(sets_of(tmp_path)) == 4
    assert split.run(context, verify=True).rows_in == 4


def test_a_dataset_of_nothing_else_has_empty_sets(tmp_path: Path, server: ScriptedServer) -> None:
    """All covers are the same: none is dealt, and the note says why."""
    rows(tmp_path, server, *many(12))
    run_download(tmp_path)
    summary = split.run(make_context(tmp_path))
    assert (summary.rows_in, summary.rows_out) == (12, 0)
    assert any(HEX in note for note in summary.notes)


def test_many_rows_are_counted_in_seconds(tmp_path: Path) -> None:
    """30,000 covers with the same bytes take some tenths of a second, and status none at all."""
    count = 30_000
    pl.DataFrame(
        {
            "artist": [f"Artist {n}" for n in range(count)],
            "album": "B", "album_index": "", "genre": "Jazz", "year": "1999",
            "image_url": [f"http://127.0.0.1:9/{n}.jpg" for n in range(count)],
        }
    ).write_csv(tmp_path / TSV, separator="\t")  # fmt: skip
    context = make_context(tmp_path)
    urls = [f"http://127.0.0.1:9/{n}.jpg" for n in range(count)]
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(
            [Cover(url, url, "ok", sha256=HEX) for url in urls],
            files=[FileOf(url, f"Jazz/{n}.jpg") for n, url in enumerate(urls)],
        )
        began_s = time.perf_counter()
        (found,) = find_shared_covers(context, ledger)
        assert (found.covers, found.artists) == (count, count)
        assert time.perf_counter() - began_s < 5
        assert len(ledger.value(SHARED_COVERS)) < 1000
