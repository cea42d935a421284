"""The rest of a file is joined to the part that is there only if it fits."""

from collections.abc import Mapping

import pytest

from equigen.dumps.transfer import Body, Version, conditions, judge, version_of

ONE = Version('"one"', "Mon, 01 Jun 2026 00:00:00 GMT", 100)


def test_a_version_is_what_the_host_told() -> None:
    """A length that is none isn't known."""
    headers = {"ETag": '"one"', "Last-Modified": ONE.last_modified, "Content-Length": "100"}
    assert version_of(headers) == ONE
    assert version_of({"Content-Length": "1e3"}) == Version()


def test_the_rest_is_asked_for_under_the_condition_that_nothing_changed() -> None:
    """By ETag, else by date; a weak ETag doesn't say that bytes are the same."""
    assert conditions(ONE, 40) == {"Range": "bytes=40-", "If-Range": '"one"'}
    dated = {"Range": "bytes=40-", "If-Range": ONE.last_modified}
    assert conditions(ONE._replace(etag=""), 40) == dated
    assert conditions(ONE._replace(etag='W/"one"'), 40) == dated


@pytest.mark.parametrize("version", [Version(), Version('W/"one"'), Version(size_bytes=100)])
def test_all_is_asked_for_where_no_host_could_tell_whether_it_changed(version: Version) -> None:
    """So it is where nothing is there yet."""
    assert conditions(version, 40) == {}
    assert conditions(ONE, 0) == {}


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, Body.ALL),
        (206, {"Content-Range": "bytes 40-99/100"}, Body.REST),
        (206, {"Content-Range": "bytes 40-99/*"}, Body.REST),
        (206, {"Content-Range": "bytes 40-59/100"}, Body.REST),
        (206, {"Content-Range": "bytes 40-99/100", "ETag": '"one"'}, Body.REST),
        (206, {"Content-Range": "bytes 40-99/100", "ETag": '"two"'}, Body.OTHER),
        (206, {"Content-Range": "bytes 40-99/100", "Last-Modified": "today"}, Body.OTHER),
        (206, {"Content-Range": "bytes 0-99/100"}, Body.OTHER),
        (206, {"Content-Range": "bytes 41-99/100"}, Body.OTHER),
        (206, {"Content-Range": "bytes 40-119/120"}, Body.OTHER),
        (206, {"Content-Type": "multipart/byteranges; boundary=x"}, Body.OTHER),
        (206, {"Content-Range": "lines 40-99/100"}, Body.OTHER),
        (206, {"Content-Range": "bytes */100"}, Body.OTHER),
        (416, {"Content-Range": "bytes */100"}, Body.OTHER),
        (416, {"Content-Range": "bytes */40"}, Body.OTHER),
        (416, {}, Body.OTHER),
    ],
)
def test_only_a_rest_that_fits_is_believed(
    status: int, headers: Mapping[str, str], body: Body
) -> None:
    """It starts where the part ends, and is of the same version and size."""
    assert judge(status, headers, ONE, 40) is body


def test_no_more_is_the_end_of_a_part_whose_length_was_not_announced() -> None:
    """It is whole if it is as long as the host now says."""
    unknown = ONE._replace(size_bytes=-1)
    assert judge(416, {"Content-Range": "bytes */40"}, unknown, 40) is Body.NOTHING
    assert judge(416, {"Content-Range": "bytes */39"}, unknown, 40) is Body.OTHER
