"""MusicBrainz, asked live by the fetch stage: from answers to rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from musicbrainz import Service
from support import Script, ScriptedServer, make_context, read_rows

from equigen.commands import fetch

MBID = "f1afec0b-26dd-3db5-9aa1-c91229a74a24"
OTHER_MBID = "fb3770f6-83fb-32b7-85c4-1f522a92287e"
GROUP: dict[str, Any] = {
    "id": MBID,
    "title": "Bleach",
    "primary-type": "Album",
    "first-release-date": "1989-06-15",
    "artist-credit": [{"name": "Nirvana", "artist": {"name": "Nirvana (US)"}}],
    "tags": [{"name": "grunge", "count": 9}, {"name": "folk", "count": 1}],
}


def test_a_live_search_becomes_a_dataset(tmp_path: Path) -> None:
    """Rows with ids, genres and addresses of covers; the summary accounts for every result."""
    twin = GROUP | {"id": OTHER_MBID, "title": "Nevermind", "first-release-date": ""}
    single = GROUP | {"id": MBID.replace("f1", "f2"), "primary-type": "Single"}
    body = json.dumps({"count": 3, "offset": 0, "release-groups": [GROUP, twin, single]})
    with ScriptedServer(Script(body=body.encode())) as server:
        context = make_context(
            tmp_path,
            fetch={"source": "musicbrainz", "labels": ["Rock"], "from_year": 1989, "to_year": 1989},
            musicbrainz={"live": True, "base_url": server.url},
        )
        summary = fetch.run(context)
        again = fetch.run(context)
    assert (summary.rows_in, summary.rows_out, again.rows_out) == (3, 2, 0)
    assert len(server.seen) == 1
    first, second = read_rows(tmp_path / "equigen_dataset.tsv")
    assert (first["album_id"], first["genres"]) == (f"musicbrainz:{MBID}", "grunge")
    assert second["image_url"].endswith(f"/release-group/{OTHER_MBID}/front-500")
    assert second["year"] == "1989"


@pytest.mark.long
def test_a_year_with_too_many_results_is_had_by_slices(tmp_path: Path) -> None:
    """Each album once, whatever slice it is found in, and nothing is asked for beyond the reach."""
    dates = [f"1994-{month:02}-15" for month in range(1, 13)] + ["1994"]
    tags = ["rock", "post-rock", "grunge", "blues rock", "bluegrass"]
    groups = [
        GROUP
        | {
            "id": f"{number:08x}-ae01-4d04-8c47-0f564ceecd68",
            "title": f"Title {number}",
            "artist-credit": [{"name": f"Artist {number}"}],
            "first-release-date": dates[number % 13 if number < 900 else 2],
            "tags": [{"name": tags[number % 5], "count": 1}],
        }
        for number in range(2000)
    ]
    with Service(groups) as service:
        context = make_context(
            tmp_path,
            fetch={
                "source": "musicbrainz",
                "labels": ["Rock"],
                "from_year": 1994,
                "to_year": 1994,
            },
            musicbrainz={"live": True, "base_url": service.url},
        )
        summary = fetch.run(context)
    rows = read_rows(tmp_path / "equigen_dataset.tsv")
    wanted = {
        f"musicbrainz:{group['id']}" for group in groups if group["tags"][0]["name"] != tags[4]
    }
    got = {row["album_id"] for row in rows}
    assert len(rows) == len(got) == summary.rows_out
    assert got <= wanted
    # March has 900 albums more than the rest, most with the word "rock": up to 500 can be had.
    assert len(got) > 1000
    assert service.refused == 0
    assert any("1994-03" in query and '"grunge")' in query for query in service.queries)
