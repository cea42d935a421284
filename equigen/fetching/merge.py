"""What answers to one question for a result page come to."""

from collections.abc import Callable
from dataclasses import replace

from equigen.errors import HttpStatusError
from equigen.schema import Listing
from equigen.sources.base import Page

NOT_FOUND, FORBIDDEN = 404, 403


def rows_of(page: Page) -> int:
    """Return how many different results a page has."""
    return len({listing.album_id for listing in page.listings}) + page.others


def discreet(page: Page, hide: Callable[[str], str]) -> Page:
    """Return a page whose albums say nothing secret: a service may quote what it was sent."""
    return replace(page, listings=tuple(_discreet(each, hide) for each in page.listings))


def _discreet(listing: Listing, hide: Callable[[str], str]) -> Listing:
    return replace(
        listing,
        artist=hide(listing.artist),
        title=hide(listing.title),
        image_url=hide(listing.image_url),
        genres=tuple(map(hide, listing.genres)),
        styles=tuple(map(hide, listing.styles)),
        country=hide(listing.country),
        formats=tuple(map(hide, listing.formats)),
    )


def united(first: Page, second: Page) -> Page:
    """Join two answers to one question: the second, and what only the first has.

    An album whose picture only the first answer knows is taken from there.
    """
    with_picture = {each.album_id: each for each in first.listings if each.image_url}
    listings = [
        each if each.image_url else with_picture.get(each.album_id, each)
        for each in second.listings
    ]
    there = {each.album_id for each in listings}
    listings += [each for each in first.listings if each.album_id not in there]
    counts = second if second.pages and second.is_counted else first
    return replace(
        counts,
        listings=tuple({each.album_id: each for each in listings}.values()),
        others=second.others if second.listings or second.others else first.others,
        torn=min(first.torn, second.torn),
    )


def is_past_the_end(err: HttpStatusError) -> bool:
    """Tell whether results went away since they were counted, or can't be paged to."""
    if err.status == FORBIDDEN:
        return "pagination" in str(err).casefold()
    return err.status == NOT_FOUND
