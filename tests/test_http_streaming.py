"""Bodies that are taken while they come, from servers that cut them off and send them packed."""

import gzip
import threading
from collections.abc import Mapping

import pytest
from support import FakeTime, Script, ScriptedServer

from equigen.errors import (
    BadBodyError,
    ConnectionFailedError,
    HostRestsError,
    HttpStatusError,
    RefusedAddressError,
    StoppedError,
)
from equigen.http.client import Client, Stream
from equigen.http.limits import HostPolicy, Patience
from equigen.http.rate_limit import Clock


def make_client(
    fake: FakeTime | None = None, *, clock: Clock | None = None, **patience: float
) -> Client:
    """Return a client whose waits take no time."""
    settings = {"read_timeout_s": 60.0, "tries": 4, **patience}
    return Client(
        {"*": HostPolicy()},
        user_agent="EquiGenTest/1",
        patience=Patience(**settings),  # type: ignore[arg-type]
        clock=clock or (fake or FakeTime()).clock(),
    )


def whole(stream: Stream) -> bytes:
    """Take a body to its end."""
    return b"".join(stream.chunks)


def test_a_body_comes_as_it_is_sent() -> None:
    """No other form of it is asked for, and one that comes packed all the same is not unpacked."""
    packed = gzip.compress(b"records")
    scripts = Script(body=packed, headers={"Content-Encoding": "gzip"})
    with ScriptedServer(scripts) as server, make_client() as client:
        assert client.stream(server.url, whole) == packed
        assert server.seen[0].headers["accept-encoding"] == "identity"
        assert server.seen[0].headers["user-agent"] == "EquiGenTest/1"


def test_a_body_may_be_longer_than_any_answer_of_get() -> None:
    """It is never in memory as a whole: chunks are small, however long it is."""
    body = bytes(60_000_000)
    with ScriptedServer(Script(body=body)) as server, make_client() as client:
        sizes = client.stream(server.url, lambda stream: [len(chunk) for chunk in stream.chunks])
    assert sum(sizes) == len(body)
    assert max(sizes) <= 1_000_000


def test_each_try_asks_for_what_is_missing_then() -> None:
    """Headers are made anew for each try, and what came before a cut is not lost."""
    came = bytearray()
    scripts = (
        Script(body=b"first,", announce=100),
        Script(503),
        Script(206, b"second", headers={"Content-Range": "bytes 6-11/12"}),
    )

    def take(stream: Stream) -> int:
        for chunk in stream.chunks:
            came.extend(chunk)
        return stream.status

    def asking() -> Mapping[str, str]:
        return {"Range": f"bytes={len(came)}-"} if came else {}

    with ScriptedServer(*scripts) as server, make_client() as client:
        assert client.stream(server.url, take, asking=asking) == 206
        assert [seen.headers.get("range") for seen in server.seen] == [None, "bytes=6-", "bytes=6-"]
    assert came == b"first,second"


def test_redirects_are_followed_with_the_same_question() -> None:
    """A mirror gets the range that its front was asked for."""
    with ScriptedServer(Script(206, b"rest")) as mirror:
        with ScriptedServer(Script(302, headers={"Location": f"{mirror.url}/x"})) as front:
            with make_client() as client:
                asked = {"Range": "bytes=4-"}
                assert client.stream(front.url, whole, asking=lambda: asked) == b"rest"
        assert mirror.seen[0].headers["range"] == "bytes=4-"


@pytest.mark.parametrize("status", [206, 416])
def test_a_part_that_nobody_asked_for_is_refused(status: int) -> None:
    """Only who asks for a range can tell what to do with one."""
    with ScriptedServer(Script(status, b"part")) as server, make_client() as client:
        with pytest.raises(HttpStatusError, match=f"got {status}"):
            client.stream(server.url, whole)


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_an_error_at_once(status: int) -> None:
    """`take` is not called for it."""
    with ScriptedServer(Script(status, b"<html>no</html>")) as server, make_client() as client:
        with pytest.raises(HttpStatusError):
            client.stream(server.url, lambda _: pytest.fail("called"))
    assert len(server.seen) == 1


def test_a_body_that_is_always_cut_off_is_given_up() -> None:
    """After all tries, with the number of them."""
    with ScriptedServer(Script(body=b"x", announce=9)) as server, make_client() as client:
        with pytest.raises(ConnectionFailedError, match="cut off after 1 bytes") as caught:
            client.stream(server.url, whole)
        assert caught.value.tries == len(server.seen) == 4


def test_a_body_that_its_reader_refuses_is_tried_again() -> None:
    """As it is for `get`."""

    def choosy(stream: Stream) -> bytes:
        if (body := whole(stream)) == b"torn":
            msg = "torn"
            raise BadBodyError(msg, url=stream.url)
        return body

    with ScriptedServer(Script(body=b"torn"), Script(body=b"whole")) as server:
        with make_client() as client:
            assert client.stream(server.url, choosy) == b"whole"


def test_a_rest_of_an_hour_is_waited_for_by_who_has_the_time() -> None:
    """And is refused by who hasn't."""
    fake = FakeTime()
    scripts = Script(429, headers={"Retry-After": "3574"}), Script(body=b"x")
    with ScriptedServer(*scripts, time_s=fake.now_s) as server:
        with make_client(fake, max_wait_s=7200) as client:
            assert client.stream(server.url, whole) == b"x"
        assert server.seen[1].time_s - server.seen[0].time_s >= 3574
    with ScriptedServer(*scripts) as server, make_client(max_wait_s=60) as client:
        with pytest.raises(HostRestsError):
            client.stream(server.url, whole)


def test_a_body_ends_when_the_client_is_stopped() -> None:
    """Between two chunks."""
    body = bytes(5_000_000)
    with ScriptedServer(Script(body=body)) as server, make_client(clock=Clock()) as client:

        def take(stream: Stream) -> None:
            for _ in stream.chunks:
                threading.Thread(target=client.stop).start()

        with pytest.raises(StoppedError):
            client.stream(server.url, take)


def test_only_http_is_asked() -> None:
    """A path or another scheme is refused."""
    with make_client() as client:
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "//x"):
            with pytest.raises(RefusedAddressError):
                client.stream(url, whole)
