"""Albums that lie on the disk, as pages: each under its labels and its year, none twice."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import silent_bar

from equigen.fetching.local_pages import LocalPages
from equigen.fetching.paging import PageRef
from equigen.labels.taxonomy import Query, builtin_queries, fits
from equigen.ledger.ledger import Ledger
from equigen.schema import Album, Listing
from equigen.sources.base import Offer, Search

LABELS = {label.name: label for label in builtin_queries(genre_limit=500, world_limit=500)}
YEARS = range(2020, 1999, -1)


@dataclass
class Held:
    """A catalogue of made-up albums; tells which it was asked for."""

    held: Sequence[Offer]
    facts: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of albums."""
        return len(self.held)

    def offers(self) -> Iterator[Offer]:
        """Yield all."""
        return iter(self.held)

    def listings(self, numbers: Sequence[int]) -> Sequence[Listing]:
        """Return some in full."""
        self.asked += numbers
        return [listing(number) for number in numbers]

    def fits(self, label: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell it as Discogs does."""
        return fits(label, genres, styles)


def listing(number: int) -> Listing:
    """Return a made-up album."""
    name = f"Artist {number}"
    return Listing(
        artist=name,
        title=f"Title {number}",
        year="2010",
        image_url=f"https://images.example/{number}.jpg",
        album_id=f"discogs:m{number}",
        genres=(),
        styles=(),
        country="",
        formats=(),
    )


def offer(number: int, year: int = 2010, genre: str = "Jazz", style: str = "Jazz") -> Offer:
    """Return what decides where an album stands."""
    return Offer(number, year, (genre,), (style,))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of nothing yet."""
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def pages_of(ledger: Ledger, held: Held, *names: str) -> closing[LocalPages]:
    """Return the pages of a catalogue for some labels."""
    labels = [LABELS[name] for name in names]
    return closing(
        LocalPages(held, ledger, queries=labels, known=labels, years=YEARS, bar=silent_bar)
    )


def test_an_album_stands_under_each_label_it_fits_and_its_year(ledger: Ledger) -> None:
    """Word by word, as a search would find it: "Heavy Metal" is Metal, and Rock by its genre."""
    held = Held([offer(1), offer(2, 2011), Offer(3, 2010, ("Rock",), ("Heavy Metal", "Rock"))])
    with pages_of(ledger, held, "Jazz", "Metal", "Rock") as pages:
        counts = {
            (name, year): pages.extent(Search(LABELS[name], year)).items
            for name in ("Jazz", "Metal", "Rock", "Pop")
            for year in (2010, 2011)
        }
    assert {at for at, items in counts.items() if items} == {
        ("Jazz", 2010),
        ("Jazz", 2011),
        ("Metal", 2010),
        ("Rock", 2010),
    }


def test_pages_hold_a_hundred_each_in_the_order_of_numbers(ledger: Ledger) -> None:
    """The order of the offers makes no difference."""
    held = Held([offer(number) for number in range(250, 0, -1)])
    search = Search(LABELS["Jazz"], 2010)
    with pages_of(ledger, held, "Jazz") as pages:
        assert (pages.extent(search).items, pages.extent(search).pages) == (250, 3)
        rows = [pages.rows_left(PageRef(search, page)) for page in (1, 2, 3, 4)]
        assert rows == [100, 100, 50, 0]
        third = pages.listings(PageRef(search, 3), ahead=lambda: ())
    assert [each.album_id for each in third] == [f"discogs:m{n}" for n in range(201, 251)]
    assert held.asked == list(range(201, 251))


def test_what_has_no_year_or_one_that_is_not_asked_for_stands_nowhere(ledger: Ledger) -> None:
    """It is counted in the notes, where its year isn't known."""
    held = Held([offer(1, 0), offer(2, 1999), offer(3, 2021), offer(4, 2000)], {"masters": 7})
    with pages_of(ledger, held, "Jazz") as pages:
        items = [pages.extent(Search(LABELS["Jazz"], year)).items for year in (0, 1999, 2021, 2000)]
        assert items == [0, 0, 0, 1]
        told = "7 masters, 1 of a query and year asked for, 1 of no known year"
        assert pages.notes == [told]


def test_a_page_goes_on_where_it_was_left(ledger: Ledger) -> None:
    """A fill that takes evenly from all years comes back to a page many times."""
    held = Held([offer(number) for number in range(1, 6)])
    ref = PageRef(Search(LABELS["Jazz"], 2010), 1)
    with pages_of(ledger, held, "Jazz") as pages:
        assert not pages.begun(ref)
        first = pages.listings(ref, ahead=lambda: ())
        pages.use(ref, rows_left=3, taken=[])
        assert pages.begun(ref)
        assert pages.listings(ref, ahead=lambda: ()) == first[2:]
        pages.use(ref, rows_left=0, taken=[])
        assert pages.listings(ref, ahead=lambda: ()) == []
        assert pages.rows_left(ref) == 0
    assert held.asked == [1, 2, 3, 4, 5]


def test_what_was_taken_is_in_the_ledger_once_it_is_settled(ledger: Ledger) -> None:
    """In order, and once; a run that is killed afterwards has not lost it."""
    ref = PageRef(Search(LABELS["Jazz"], 2010), 1)
    with pages_of(ledger, Held([offer(1), offer(2)]), "Jazz") as pages:
        taken = [
            Album(each, album_index=at, genre="Jazz", year="2010")
            for at, each in enumerate(pages.listings(ref, ahead=lambda: ()), start=1)
        ]
        pages.use(ref, rows_left=0, taken=taken)
        assert not ledger.pending()
        pages.settle()
        pages.settle()
    assert [row.album_id for row in ledger.pending_rows()] == ["discogs:m1", "discogs:m2"]


def test_where_nothing_is_wanted_nothing_is_read(ledger: Ledger) -> None:
    """A dataset whose labels are all full has no use for two million albums."""

    class Unread(Held):
        def offers(self) -> Iterator[Offer]:
            """Fail the test."""
            pytest.fail("read for nothing")

    with pages_of(ledger, Unread([offer(1)])) as pages:
        assert pages.extent(Search(LABELS["Jazz"], 2010)).items == 0
