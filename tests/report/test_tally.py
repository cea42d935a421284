"""Groups of look-alikes."""

from equigen.report.pictures import Sampler, ShownAlbum
from equigen.report.tally import Likeness, LookalikeGroup, ReportTally


def albums(*places: str) -> dict[str, ShownAlbum]:
    """Return albums, each given as "Label set" or "Label:Genre set"."""
    found = {}
    for at, place in enumerate(places):
        where, _, set_name = place.partition(" ")
        label, _, genre = where.partition(":")
        path = f"{label}/{at}.jpg"
        found[path] = ShownAlbum(
            bytes([at]), path, genre or label, label, "A", "T", "1999", "1990s", set_name, label
        )
    return found


def of_one(*places: str) -> list[LookalikeGroup]:
    """Return the groups of albums that have the same bytes."""
    return ReportTally(Sampler(0), alike={"a": albums(*places)}).lookalike_groups()


def test_groups_are_largest_first_and_know_how_they_were_found() -> None:
    """By looks with their likeness, by bytes without one; one album is no group."""
    members = {
        "a": albums("Jazz train", "Jazz train"),
        "b": albums("Jazz train"),
        "c": albums("Rock val", "Jazz train", "Rock val"),
    }
    likeness = {"c": Likeness().and_also(3, 0.98).and_also(1, 0.95)}
    tally = ReportTally(Sampler(0), groups={"0" * 64: "c"}, likeness=likeness, alike=members)
    found = tally.lookalike_groups()
    assert [len(group.albums) for group in found] == [3, 2]
    assert [group.likeness for group in found] == [Likeness(3, 0.95), None]
    assert [group.labels for group in found] == [("Jazz", "Rock"), ("Jazz",)]
    assert [group.sets for group in found] == [("train", "val"), ("train",)]


def test_to_be_set_aside_is_no_set() -> None:
    """A group is torn by two sets, not by what is in none."""
    (group,) = of_one("Jazz train", "Jazz aside", "Jazz ")
    assert group.sets == ("train",)


def test_two_genres_of_one_label_are_no_conflict() -> None:
    """World styles are one class."""
    (same,) = of_one("World:Salsa", "World:Bolero")
    (divided,) = of_one("World:Salsa", "Latin:Salsa")
    assert same.labels == ("World",)
    assert divided.labels == ("Latin", "World")
