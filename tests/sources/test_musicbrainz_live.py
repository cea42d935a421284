"""A fetch from MusicBrainz's API, whole: from the service's answers to rows."""

import json
from pathlib import Path

import pytest
from dumpsets import dump_context, group, mbid
from support import Script, ScriptedServer, equigen, read_rows

from equigen.commands import fetch
from equigen.errors import CredentialsError

TSV = "equigen_dataset.tsv"
LIVE = {"source": "musicbrainz", "from_year": 2010, "to_year": 2010}


def answer(*groups: object) -> Script:
    """Return a page of search results."""
    body = {"created": "", "count": len(groups), "offset": 0, "release-groups": list(groups)}
    return Script(body=json.dumps(body).encode())


def test_albums_of_the_api_become_rows_as_those_of_the_dump(tmp_path: Path) -> None:
    """By flag alone; a second run asks for nothing."""
    found = answer(group(1), group(2, genres=[], tags=[{"name": "hard bop", "count": 2}]))
    with ScriptedServer(found) as server:
        env = {
            "EQUIGEN_DATASET__DIRECTORY": str(tmp_path),
            "EQUIGEN_MUSICBRAINZ__BASE_URL": server.url,
            "EQUIGEN_FETCH__FROM_YEAR": "2010",
        }
        words = ("fetch", "--source", "musicbrainz", "--live", "--label", "Jazz")
        first = equigen(*words, "--to-year", "2010", cwd=tmp_path, env=env)
        again = equigen(*words, "--to-year", "2010", cwd=tmp_path, env=env)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert [row["album_id"] for row in read_rows(tmp_path / TSV)] == [
        f"musicbrainz:{mbid(n)}" for n in (1, 2)
    ]
    assert "CC BY-NC-SA" in first.stdout
    assert len(server.seen) == 1


def test_a_service_that_refuses_us_is_told_with_its_own_setting(tmp_path: Path) -> None:
    """Not with those of Discogs."""
    with ScriptedServer(Script(status=403, body=b"no")) as server:
        context = dump_context(
            tmp_path,
            fetch=LIVE,
            musicbrainz={"live": True, "base_url": server.url},
        )
        with pytest.raises(CredentialsError, match=r"musicbrainz\.user_agent") as caught:
            fetch.run(context)
    assert "DISCOGS" not in str(caught.value)
