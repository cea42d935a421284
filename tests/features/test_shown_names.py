"""`names`: how near the text on a cover is to the artist and the title of each of its albums."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import saved, scene
from reports import fill, row
from support import make_context, realdata

from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import MissingInputError
from equigen.features.names import nearness


@pytest.mark.parametrize(
    ("name", "transcript", "expected"),
    [
        ("Blue Monday", "NEW ORDER\nBLUE\nMONDAY", 1),
        ("Mar\u00edas", "The Marias", 1),
        ("Marias", "The Mavias", 5 / 6),
        ("AC/DC", "back in black AC DC", 1),
        ("Bathory", "", 0),
        ("Red", "King Crimson Red", 1),
        ("Red", "hundred", 0),
        ("1967-1970", "The Beatles\n1967 1970", 1),
        ("\u97f3\u697d", "\u97f3\u697d", 1),
        ("!!!", "whatever", None),
    ],
)
def test_nearness_is_the_share_of_letters(
    name: str, transcript: str, expected: float | None
) -> None:
    """In a row, in any case; of short names whole words alone."""
    assert nearness([name], transcript) == (expected and pytest.approx(expected))


@given(st.text("ab ", max_size=9), st.text("abc ", max_size=9), st.text("abc\n", max_size=9))
def test_text_around_a_name_changes_nothing(name: str, before: str, after: str) -> None:
    """What has the name in it is as near as can be; nearness is a share."""
    near = nearness([name], before + name + after)
    if len(name.replace(" ", "")) >= 4:
        assert near == 1
    assert near is None or 0 <= near <= 1


def compute(folder: Path, *names: str) -> dict[str, object]:
    """Compute features in this process, and return for how many albums or covers each was."""
    context = make_context(folder, features={"processes": 1})
    summary = features.run(context, action=FeaturesAction.COMPUTE, names=list(names))
    computed: dict[str, object] = dict(summary.facts["computed"])  # type: ignore[call-overload]
    return computed


def test_text_must_have_been_read(tmp_path: Path) -> None:
    """The message names the command that does it."""
    fill(tmp_path, [row(0)], pictures={0: saved(scene(0))})
    with pytest.raises(MissingInputError, match="equigen features compute text"):
        compute(tmp_path, "names")


def test_names_are_compared_anew_where_they_or_the_text_changed(tmp_path: Path) -> None:
    """Also with text that was read since; what is as it was isn't compared again."""
    rows = [row(at, artist="Bathory", album="Hammer", album_id=f"m{at}") for at in range(3)]
    pictures = {at: saved(scene(at)) for at in range(3)}
    covers = fill(tmp_path, rows, pictures=pictures)
    table = FeatureTable(tmp_path / "features", "text")
    table.file.parent.mkdir()

    def read(count: int) -> None:
        told = [
            {"sha256": each.sha256, "version": "1", "reason": "", "transcript": "BATHORY"}
            for each in covers[:count]
        ]
        pl.DataFrame(told).write_parquet(table.file)

    def near() -> list[tuple[str, float | None]]:
        names = FeatureTable(tmp_path / "features", "names").read()
        return [(each["reason"], each["artist"]) for each in names.to_dicts()]

    read(2)
    assert compute(tmp_path, "names") == {"names": 2}
    assert near() == [("", 1), ("", 1), ("no cover whose text was read", None)]
    read(3)
    assert compute(tmp_path, "names") == {"names": 1}
    assert near() == [("", 1)] * 3
    fill(tmp_path, [{**rows[0], "artist": "Zzyzx"}, *rows[1:]], pictures=pictures)
    assert compute(tmp_path, "names") == {"names": 1}
    assert near() == [("", pytest.approx(0.2)), ("", 1), ("", 1)]
    assert compute(tmp_path, "names") == {"names": 0}


@pytest.mark.long
def test_albums_that_share_a_cover_have_their_own_nearness(tmp_path: Path) -> None:
    """One run reads the text and compares it, the next one does nothing."""
    pytest.importorskip("rapidocr")
    body = realdata(
        "covers", "named_by_year/2020 - Bobby Womack - Fly Me to the Moon.jpeg"
    ).read_bytes()
    albums = [
        row(0, artist="Bobby Womack (2)", album="Fly Me to the Moon (Remastered)", album_id="a"),
        row(1, artist="Various", album="Motown Hits", album_id="b"),
        row(2, artist="Somebody & Bobby Womack", album="", album_id="c"),
    ]
    fill(tmp_path, albums, pictures=dict.fromkeys(range(3), body))
    assert compute(tmp_path, "names", "text") == {"names": 3, "text": 1}
    table = FeatureTable(tmp_path / "features", "names").read()
    near = {row["album_id"]: (row["artist"], row["title"]) for row in table.to_dicts()}
    assert near["a"] == (1, 1)
    assert near["b"][0] is None
    assert near["b"][1] < 0.6
    assert near["c"] == (1, None)
    assert compute(tmp_path, "names") == {"names": 0}
