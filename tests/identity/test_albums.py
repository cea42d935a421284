"""What an album is known by stays when its row is cleaned, and differs from any other album's."""

import pytest

from equigen.identity.albums import album_key

NO_ID = {"album_id": "", "artist": "Prince (2)", "title": "Purple", "picture": "discogs:R-1.jpeg"}


def test_the_id_is_the_key() -> None:
    """Whatever else its row says."""
    one, other = ({**NO_ID, "album_id": "discogs:m1", "artist": name} for name in "AB")
    assert album_key(**one) == album_key(**other) == "discogs:m1"


def test_without_an_id_cleaning_changes_no_key() -> None:
    """Discogs' marks are no part of it."""
    assert album_key(**NO_ID) == album_key(**{**NO_ID, "artist": "Prince"})


@pytest.mark.parametrize("artist", ["Unknown (12)", "Foo (*)", "Foo*: Bar"])
def test_without_an_id_the_key_is_that_of_earlier_versions(artist: str) -> None:
    """`clean` left "Unknown", "Foo ()" and "Foo*: Bar" once: sets know such rows by that."""
    once = artist.replace(" (12)", "").replace("*", "")
    assert album_key(**{**NO_ID, "artist": artist}) == album_key(**{**NO_ID, "artist": once})


@pytest.mark.parametrize("field", ["artist", "title", "picture"])
def test_without_an_id_artist_title_and_picture_tell_albums_apart(field: str) -> None:
    """Also where two of them are the same, and where letters only change their place."""
    assert album_key(**NO_ID) != album_key(**{**NO_ID, field: "other"})
    shifted = {**NO_ID, "artist": "Prince (2)P", "title": "urple"}
    assert album_key(**NO_ID) != album_key(**shifted)
