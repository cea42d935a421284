"""Albums given by id: fetched with their covers into the examples, and kept out of the dataset."""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from crawls import context_of
from dumpsets import Master, fetch_dumps, group, mbid, write_groups, write_masters
from fetches import album, rows_of, run_fetch
from support import (
    FakeTime,
    Script,
    ScriptedServer,
    equigen,
    kill_at,
    make_context,
    posix_only,
    program_env,
    sandbox_env,
    until,
)

from equigen.commands import fetch
from equigen.dataset.context import Context
from equigen.errors import (
    ConfigError,
    ConnectionFailedError,
    CredentialsError,
    HostRestsError,
    InputError,
    MissingInputError,
    UsageError,
)
from equigen.ledger.ledger import LAST_RUN, LEDGER_NAME, Ledger
from equigen.sandbox.handlers import HANG_UP, Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.sandbox.spotify import API, SpotifySandbox
from equigen.sources.spotify import LICENCE
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
EXAMPLES = Path("examples", "equigen_examples.tsv")
IMAGES = Path("examples", "equigen_album_images")
ENTRIES = [
    *(album(number) for number in range(1, 9)),
    album(11, kind="master"),
    album(12, master_id=11, title="Title 11", artist="Artist 11"),
    album(13, genres=("Non-Music",), styles=("Speech",)),
    album(14, picture=None),
]
MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
OTHER_MBID = MBID.replace("f1", "f2")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with eight jazz releases, a master with its release, and odd ones."""
    with Sandbox(ENTRIES) as running:
        yield running


def run(context: Context, *ids: str, file: Path | None = None) -> Summary:
    """Fetch albums by id in this process."""
    return fetch.run(context, album=list(ids), albums_file=file)


def covers(folder: Path) -> Counter[str]:
    """Return the number of covers of the examples by label."""
    return Counter(file.parent.name for file in (folder / IMAGES).rglob("*.jpg"))


def asked(sandbox: Sandbox) -> list[str]:
    """Return the paths that were asked for."""
    return [hit.path for hit in sandbox.log]


def test_albums_by_id_become_examples(tmp_path: Path, sandbox: Sandbox) -> None:
    """Rows as fetch writes them and their covers, in a folder of their own; nothing else."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    ids = ["discogs:r1", "discogs:r2", "discogs:m11", "discogs:r13", "discogs:r14"]
    summary = run(context, *ids)
    assert (summary.rows_in, summary.rows_out, summary.partly) == (5, 5, False)
    rows = rows_of(tmp_path / EXAMPLES)
    assert [row["album_id"] for row in rows] == ids
    first = rows[0]
    assert (first["artist"], first["album"], first["year"]) == ("Artist 1", "Title 1", "2020")
    assert (first["genres"], first["styles"], first["country"]) == ("Jazz", "Soul-Jazz", "US")
    assert [(row["genre"], row["album_index"]) for row in rows[:4]] == [
        ("Jazz", "1"), ("Jazz", "2"), ("Jazz", "3"), ("", "1"),
    ]  # fmt: skip
    assert rows[2]["also_known_as"] == "discogs:r12"
    assert covers(tmp_path) == {"Jazz": 3, "_": 1}
    assert summary.facts["covers"]["rows_out"] == 4  # type: ignore[index]
    assert {file.name for file in tmp_path.iterdir() if not file.name.startswith(".")} == {
        "examples"
    }


def test_nothing_is_asked_for_twice(tmp_path: Path, sandbox: Sandbox) -> None:
    """A second time only what is new is fetched, and an id that was given twice counts once."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    run(context, "discogs:r1", "discogs:r1")
    assert len(asked(sandbox)) == 2  # the album and its picture
    summary = run(context, "discogs:r1", "discogs:r2")
    assert summary.dropped["is an example already"] == 1
    assert (summary.rows_in, summary.rows_out) == (2, 1)
    assert len(asked(sandbox)) == len(set(asked(sandbox))) == 4
    before = (tmp_path / EXAMPLES).read_bytes()
    again = run(context, "discogs:r1", "discogs:r2")
    assert (again.rows_out, again.partly, len(asked(sandbox))) == (0, False, 4)
    assert (tmp_path / EXAMPLES).read_bytes() == before


def test_a_release_is_the_same_album_as_its_master(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whichever is given first; the other one isn't asked for."""
    for number, ids in enumerate([("discogs:m11", "discogs:r12"), ("discogs:r12", "discogs:m11")]):
        context = make_context(tmp_path / str(number), base_url=sandbox.base_url)
        summary = run(context, *ids)
        assert (summary.rows_out, summary.dropped["is an example already"]) == (1, 1)
        (row,) = rows_of(tmp_path / str(number) / EXAMPLES)
        assert (row["album_id"], row["also_known_as"]) == ids


def test_an_example_that_was_removed_can_be_fetched_again(tmp_path: Path, sandbox: Sandbox) -> None:
    """Its row is what makes it one: without it, its cover is set aside, and comes back with it."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    run(context, "discogs:r1", "discogs:r2")
    lines = (tmp_path / EXAMPLES).read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / EXAMPLES).write_text("".join(lines[:2]), encoding="utf-8")
    run(context, "discogs:r3")
    assert [row["album_id"] for row in rows_of(tmp_path / EXAMPLES)] == ["discogs:r1", "discogs:r3"]
    assert covers(tmp_path) == {"Jazz": 2}
    run(context, "discogs:r2")
    assert [row["album_id"] for row in rows_of(tmp_path / EXAMPLES)][-1] == "discogs:r2"
    assert covers(tmp_path) == {"Jazz": 3}


@pytest.mark.parametrize(
    "text",
    [
        "discogs:r1\n\n# mine\n  discogs:r2  # a comment\r\ndiscogs:r1\n",
        "\ufeffdiscogs:r1\ndiscogs:r2",
        "title\talbum_id\nA\tdiscogs:r1\nB\tdiscogs:r2\n",
        "album_id\ndiscogs:r1\ndiscogs:r2\n",
    ],
)
def test_ids_come_from_a_file(tmp_path: Path, sandbox: Sandbox, text: str) -> None:
    """One a line with comments, or a TSV; after those of the flags."""
    file = tmp_path / "ids"
    file.write_text(text, encoding="utf-8", newline="")
    summary = run(make_context(tmp_path, base_url=sandbox.base_url), "discogs:r3", file=file)
    assert (summary.rows_in, summary.rows_out) == (3, 3)
    assert [row["album_id"][-2:] for row in rows_of(tmp_path / EXAMPLES)] == ["r3", "r1", "r2"]


def test_what_is_no_list_of_ids_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    """Before any request, and nothing is made."""
    context = make_context(tmp_path / "data", base_url=sandbox.base_url)
    (empty := tmp_path / "empty").write_text("# nothing\n", encoding="utf-8")
    (binary := tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MissingInputError, match="no such file"):
        run(context, file=tmp_path / "none")
    with pytest.raises(UsageError, match="no id there"):
        run(context, file=empty)
    with pytest.raises(InputError, match="UTF-8"):
        run(context, file=binary)
    with pytest.raises(UsageError, match="--refresh"):
        fetch.run(context, album=["discogs:r1"], refresh=True)
    assert asked(sandbox) == []
    assert not (tmp_path / "data").exists()


def test_wrong_ids_are_told_and_others_go_on(tmp_path: Path, sandbox: Sandbox) -> None:
    """A line for each, and the run is partly done."""
    wrong = ["discogs:r999", "discogs:x1", "nobody:1", "just words", "discogs-dump:1"]
    summary = run(make_context(tmp_path, base_url=sandbox.base_url), *wrong, "discogs:r1")
    assert (summary.rows_in, summary.rows_out, summary.partly) == (6, 1, True)
    assert summary.dropped["no album has this id"] == 5
    told = summary.facts["wrong"]
    assert isinstance(told, dict)
    assert list(told) == wrong
    assert "discogs has no such album (HTTP 404)" in told["discogs:r999"]
    assert "discogs has no ids like this" in told["discogs:x1"]
    for each in wrong[2:]:
        assert told[each].startswith(f"{each}: no source has an album with this id")
    assert set(told.values()) <= set(summary.notes)


def test_the_exit_codes(tmp_path: Path, sandbox: Sandbox) -> None:
    """3 where some ids are wrong, 2 where all are, and 0 where none is."""
    env = sandbox_env(sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(tmp_path))
    equigen("fetch", "--label", "Jazz", cwd=tmp_path, env=env)
    with Ledger(tmp_path / LEDGER_NAME, read_only=True) as ledger:
        recorded = ledger.value(LAST_RUN)
    some = equigen(
        "fetch", "--album", "discogs:r1", "--album", "discogs:r99", cwd=tmp_path, env=env
    )
    assert some.returncode == 3, some.stderr
    assert "discogs:r99: discogs has no such album" in some.stdout
    every = equigen("fetch", "--album", "x:1", "--album", "discogs:r99", cwd=tmp_path, env=env)
    assert every.returncode == 2
    first, last = every.stderr.splitlines()
    assert first.startswith("discogs:r99: discogs has no such album")
    assert "none of these 2 ids is that of an album. x:1: no source has" in last
    with Ledger(tmp_path / LEDGER_NAME, read_only=True) as ledger:
        assert recorded == ledger.value(LAST_RUN), "of the dataset's own runs alone"
    good = equigen("fetch", "--album", "discogs:r1", "--json", cwd=tmp_path, env=env)
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["dropped"] == {"is an example already": 1}


def test_the_credentials_and_the_agent_are_those_of_fetch(tmp_path: Path, sandbox: Sandbox) -> None:
    """They go to the API alone; a refusal ends the run with advice."""
    context = make_context(tmp_path, base_url=sandbox.base_url, discogs={"user_agent": "Me/1.0"})
    run(context, "discogs:r1")
    api = [hit for hit in sandbox.log if hit.path.startswith("/releases")]
    assert [hit.headers["authorization"] for hit in api] == [f"Discogs token={sandbox.token}"]
    assert {hit.headers["user-agent"] for hit in sandbox.log} == {"Me/1.0"}
    assert not any("authorization" in hit.headers for hit in sandbox.log if hit not in api)
    sandbox.hook = lambda _: Reply(401)
    before = len(sandbox.log)
    with pytest.raises(CredentialsError, match="DISCOGS_TOKEN"):
        run(context, "discogs:r2", "discogs:r3")
    assert len(sandbox.log) == before + 1, "a source that refuses is asked once"


def test_a_source_that_cant_be_asked_leaves_the_others(tmp_path: Path, sandbox: Sandbox) -> None:
    """Its albums are left for the next run, with the reason; alone, that is the error."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    summary = run(context, f"musicbrainz:{MBID}", "discogs:r1", f"musicbrainz:{OTHER_MBID}")
    assert (summary.rows_out, summary.left, summary.partly) == (1, 2, True)
    (note,) = (note for note in summary.notes if "musicbrainz.user_agent" in note)
    assert note.startswith("2 can't be had now")
    with pytest.raises(ConfigError, match="user_agent"):
        run(context, f"musicbrainz:{MBID}")


def test_a_service_that_is_down_is_given_up(tmp_path: Path, sandbox: Sandbox) -> None:
    """After five albums in a row; what came before is kept, and the next run goes on."""
    good = {"/releases/1", "/releases/2"}

    def hook(hit: Hit) -> Reply | None:
        is_api = hit.path.startswith("/releases") and hit.path not in good
        return Reply(HANG_UP) if is_api else None

    sandbox.hook = hook
    context = make_context(tmp_path, base_url=sandbox.base_url)
    ids = [f"discogs:r{number}" for number in range(1, 9)] + ["discogs:m11"]
    summary = run(context, *ids)
    assert (summary.rows_out, summary.left, summary.partly) == (2, 7, True)
    assert Counter(asked(sandbox))["/releases/7"] == 3
    assert "/releases/8" not in asked(sandbox)
    with pytest.raises(ConnectionFailedError):
        run(context, "discogs:r5")
    sandbox.hook = None
    assert run(context, *ids).rows_out == 7


def test_a_service_that_asks_for_a_rest(tmp_path: Path, sandbox: Sandbox) -> None:
    """The rest is left, and the summary says when to go on."""

    def hook(hit: Hit) -> Reply | None:
        return Reply(429, {"Retry-After": "3600"}) if hit.path == "/releases/2" else None

    sandbox.hook = hook
    context = make_context(tmp_path, base_url=sandbox.base_url)
    summary = run(context, "discogs:r1", "discogs:r2", "discogs:r3")
    assert (summary.rows_out, summary.left, summary.partly) == (1, 2, True)
    assert summary.resumes_at is not None
    assert "/releases/3" not in asked(sandbox)
    assert covers(tmp_path) == {"Jazz": 1}
    before = len(sandbox.log)
    with pytest.raises(HostRestsError):
        run(context, "discogs:r3")
    assert len(sandbox.log) == before, "the rest is obeyed without a request"


def test_release_groups_of_musicbrainz(tmp_path: Path) -> None:
    """With covers of the archive; an id that was merged is known, and asked for once."""
    told = {
        "id": MBID,
        "title": "Bleach",
        "first-release-date": "1989-06-15",
        "artist-credit": [{"name": "Nirvana"}],
        "tags": [{"name": "grunge", "count": 9}],
    }
    with ScriptedServer(Script(body=json.dumps(told).encode())) as server:
        server.by_path[f"/release-group/{MBID}/front-500"] = Script(404)
        context = make_context(
            tmp_path,
            musicbrainz={"base_url": f"{server.url}/ws/2"},
            coverart={"base_url": server.url},
        )
        summary = run(context, f"musicbrainz:{OTHER_MBID}")
        assert (summary.rows_out, summary.facts["covers"]["rows_out"]) == (1, 0)  # type: ignore[index]
        again = run(context, f"musicbrainz:{OTHER_MBID}", f"musicbrainz:{MBID}")
    assert again.dropped["is an example already"] == 2
    (row,) = rows_of(tmp_path / EXAMPLES)
    assert (row["album_id"], row["genre"]) == (f"musicbrainz:{MBID}", "Rock")
    assert row["also_known_as"] == f"musicbrainz:{OTHER_MBID}"
    asked_paths = [seen.path for seen in server.seen]
    assert asked_paths == [
        f"/ws/2/release-group/{OTHER_MBID}?inc=artist-credits+genres+tags+url-rels&fmt=json",
        f"/release-group/{MBID}/front-500",
    ]
    assert any("CC BY-NC-SA" in note for note in summary.notes)


def test_albums_of_an_index_take_no_request(tmp_path: Path) -> None:
    """What the dumps have comes from their indexes; what they lack is asked for."""
    write_masters(tmp_path, [Master(number) for number in (1, 2, 3)])
    write_groups(tmp_path, [group(1, master=1), group(9)])
    with Sandbox(ENTRIES) as sandbox, ScriptedServer(Script(404)) as archive:
        context = make_context(
            tmp_path, base_url=sandbox.base_url, coverart={"base_url": archive.url}
        )
        run(context, "discogs:m11")
        assert "/masters/11" in asked(sandbox), "the dump has no index yet"
        fetch_dumps(tmp_path, limit=1)
        fetch_dumps(tmp_path, limit=1, fetch={"source": "musicbrainz"})
        before = len(sandbox.log)
        ids = ["discogs:m1", "discogs:m2", f"musicbrainz:{mbid(9)}", f"musicbrainz:{mbid(8)}"]
        summary = run(context, *ids, "discogs:m99")
        assert (summary.rows_out, summary.partly) == (3, True)
        assert asked(sandbox)[before:] == ["/masters/99"]
    rows = rows_of(tmp_path / EXAMPLES)[1:]
    assert [row["album_id"] for row in rows] == ids[:3]
    assert [row["artist"] for row in rows] == ["Artist 1", "Artist 2", "Artist 9"]
    assert [row["genre"] for row in rows] == ["Jazz"] * 3
    assert rows[0]["image_url"].endswith(f"/release-group/{mbid(1)}/front-500")
    assert rows[1]["image_url"] == "", "it has no link to a cover"


def test_albums_of_files_that_cant_be_asked(tmp_path: Path) -> None:
    """The files are read, and indexed where they aren't yet; without them it says what to name."""
    files = {"albums": str(tmp_path / "albums.csv")}
    track = f"B0000564CN,{MBID},TRPDZTD12903CBFC4B,{OTHER_MBID},{OTHER_MBID},Jazz"
    header = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    (tmp_path / "albums.csv").write_text(f"{header}\n{track}\n", encoding="utf-8")
    with ScriptedServer(Script(404)) as archive:
        context = make_context(tmp_path / "data", mumu=files, coverart={"base_url": archive.url})
        summary = run(context, "mumu:B0000564CN", "mumu:B9")
    assert (summary.rows_out, summary.partly) == (1, True)
    assert summary.facts["wrong"] == {"mumu:B9": summary.notes[0]}
    (row,) = rows_of(tmp_path / "data" / EXAMPLES)
    assert (row["album_id"], row["also_known_as"]) == ("mumu:B0000564CN", f"musicbrainz:{MBID}")
    with pytest.raises(MissingInputError, match=r"mumu\.albums"):
        run(make_context(tmp_path / "other"), "mumu:B0000564CN")


def test_time_that_is_up_leaves_the_rest(tmp_path: Path, sandbox: Sandbox) -> None:
    """Nothing is asked for any more, and the rest is left for the next run."""
    context = until(make_context(tmp_path, base_url=sandbox.base_url), FakeTime(), 0)
    summary = run(context, "discogs:r1", "discogs:r2")
    assert (summary.rows_out, summary.left, summary.partly) == (0, 2, True)
    assert asked(sandbox) == []


def test_examples_of_several_labels_have_them_all(tmp_path: Path) -> None:
    """As the dataset's albums have, where they may have several."""
    with Sandbox([album(1, genres=("Jazz", "Latin"))]) as sandbox:
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch={"several": "multi"})
        run(context, "discogs:r1")
    (row,) = rows_of(tmp_path / EXAMPLES)
    assert set(row["labels"].split("|")) == {"Jazz", "Latin"}
    assert set(covers(tmp_path)) == {"Jazz", "Latin"}


def test_albums_of_spotify(tmp_path: Path) -> None:
    """By a token that is got once and goes to the API alone; the row has the terms."""
    with SpotifySandbox() as sandbox:
        whole = next(key for key, each in sandbox.albums.items() if each.entry.picture)
        ids = [whole, "0" * 22]
        context = context_of(tmp_path / "data", sandbox)
        summary = run(context, *(f"spotify:{each}" for each in ids), "spotify:x")
        api = [hit for hit in sandbox.log if hit.path.startswith(API)]
        assert [hit.path for hit in api] == [f"{API}/albums/{each}" for each in ids]
        assert all(hit.headers["authorization"].startswith("Bearer ") for hit in api)
        others = [hit for hit in sandbox.log if hit not in api]
        assert [hit.method for hit in others] == ["POST", "GET"]
        assert "authorization" not in others[1].headers
    assert (summary.rows_out, list(summary.facts["wrong"])) == (  # type: ignore[call-overload]
        1,
        [f"spotify:{ids[1]}", "spotify:x"],
    )
    (row,) = rows_of(tmp_path / "data" / EXAMPLES)
    assert (row["album_id"], row["genre"]) == (f"spotify:{ids[0]}", "")
    assert "no training" in row["licence"]
    assert LICENCE in summary.notes
    with pytest.raises(ConfigError, match="accept_terms"):
        run(make_context(tmp_path / "other"), f"spotify:{ids[0]}")


def test_the_dataset_is_left_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    """Its TSV, its pages and its quotas stay as they are."""
    run_fetch(tmp_path, sandbox, limit=3, labels=["Jazz"])
    before = (tmp_path / TSV).read_bytes()
    requests = len(sandbox.log)
    run(make_context(tmp_path, base_url=sandbox.base_url), "discogs:r7")
    assert (tmp_path / TSV).read_bytes() == before
    assert len(sandbox.log) == requests + 2
    again = run_fetch(tmp_path, sandbox, limit=3, labels=["Jazz"])
    assert (again.rows_in, again.rows_out, len(sandbox.log)) == (0, 0, requests + 2)


def test_fetch_passes_examples_over_and_counts_them(tmp_path: Path, sandbox: Sandbox) -> None:
    """By their ids, those of the same album elsewhere, and artist and title."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    run(context, "discogs:r1", "discogs:r12")  # that is master 11 as well
    text = (tmp_path / EXAMPLES).read_text(encoding="utf-8")
    line = text.splitlines()[1].replace("discogs:r1\t", "spotify:x\t")
    line = line.replace("Artist 1\tTitle 1\t", "ARTIST 2 (3)\tTitle  2\t")
    (tmp_path / EXAMPLES).write_text(f"{text}{line}\n", encoding="utf-8")
    summary = run_fetch(tmp_path, sandbox, limit=15, labels=["Jazz"])
    assert summary.dropped["is an example"] == 4  # releases 1, 2 and 12, master 11
    ids = {row["album_id"] for row in rows_of(tmp_path / TSV)}
    assert ids == {f"discogs:r{number}" for number in range(3, 9)}


def test_an_example_that_is_gone_is_taken_again_after_a_refresh(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """The page that showed it is asked for again."""
    run(make_context(tmp_path, base_url=sandbox.base_url), "discogs:r1")
    run_fetch(tmp_path, sandbox, limit=15, labels=["Jazz"])
    shutil.rmtree(tmp_path / "examples")
    summary = run_fetch(tmp_path, sandbox, limit=15, labels=["Jazz"], refresh=True, since=2020)
    assert summary.rows_out == 1
    assert rows_of(tmp_path / TSV)[-1]["album_id"] == "discogs:r1"


@pytest.mark.long_after(2)
@posix_only
@pytest.mark.parametrize("point", range(1, 7))
def test_a_kill_between_loses_nothing(tmp_path: Path, sandbox: Sandbox, point: int) -> None:
    """Whatever request it comes at, no album and no cover is asked for again that was here."""
    env = program_env(**sandbox_env(sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(tmp_path)))
    command = [sys.executable, "-m", "equigen", "fetch"]
    ids = ["discogs:r1", "discogs:r2", "discogs:r3"]
    command += [flag for each in ids for flag in ("--album", each)]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    sandbox.hook = kill_at(process, point)
    assert process.wait() == -signal.SIGKILL
    sandbox.hook = None
    summary = run(make_context(tmp_path, base_url=sandbox.base_url), *ids)
    assert not summary.partly
    assert [row["album_id"] for row in rows_of(tmp_path / EXAMPLES)] == ids
    assert covers(tmp_path) == {"Jazz": 3}
    times = Counter(asked(sandbox))
    assert sum(count - 1 for count in times.values()) <= 3, "the covers under way, or one album"
    assert all(times[f"/releases/{number}"] == 1 for number in (1, 2, 3)) or point <= 3


def test_a_lost_ledger_of_the_examples_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    """As of the dataset; its copy lies beside it."""
    context = make_context(tmp_path, base_url=sandbox.base_url)
    run(context, "discogs:r1")
    folder = tmp_path / "examples"
    assert (folder / "equigen_ledger.backup.sqlite").exists()
    (folder / LEDGER_NAME).unlink()
    with pytest.raises(Exception, match="equigen repair"):
        run(context, "discogs:r2")
