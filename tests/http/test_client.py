"""The HTTP client against servers that misbehave in every way it promises to bear."""

import contextlib
import gzip
import json
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from support import FakeTime, Script, ScriptedServer, listening_socket

from equigen.errors import (
    BadBodyError,
    ConnectionFailedError,
    EquigenError,
    HostRestsError,
    HttpStatusError,
    RefusedAddressError,
    StoppedError,
    TooLargeError,
)
from equigen.http.client import Answer, Client
from equigen.http.limits import HostPolicy, Patience
from equigen.ledger.ledger import Ledger

SECRET = "Discogs token=very-secret"


def body(answer: Answer) -> bytes:
    """Read an answer as its bytes."""
    return answer.body


def make_client(
    fake: FakeTime | None = None, *, policy: HostPolicy | None = None, **patience: float
) -> Client:
    """Return a client whose waits take no time."""
    settings = {"read_timeout_s": 60.0, "tries": 4, **patience}
    return Client(
        {"*": policy or HostPolicy()},
        user_agent="EquiGenTest/1",
        patience=Patience(**settings),  # type: ignore[arg-type]
        clock=(fake or FakeTime()).clock(),
    )


def reset(connection: socket.socket) -> None:
    """End a connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def endless(connection: socket.socket) -> None:
    """Send a body that never ends, until the other side hangs up."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        pass


FAULTS = {
    "500": Script(500, b"oops"),
    "502 with HTML": Script(502, b"<html>Bad Gateway</html>"),
    "503": Script(503),
    "429": Script(429, b'{"message": "You are making requests too quickly."}'),
    "429 with Retry-After": Script(429, headers={"Retry-After": "3"}),
    "a body shorter than its Content-Length": Script(body=b'{"cut": ', announce=500),
    "a connection reset": Script(raw=reset),
    "a connection closed without a word": Script(raw=lambda connection: connection.close()),
    "a body that can't be unpacked": Script(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_that_passes_is_tried_again(fault: Script) -> None:
    """A passing fault costs tries, never the answer."""
    fake = FakeTime()
    with ScriptedServer(fault, fault, Script(body=b"whole")) as server, make_client(fake) as client:
        assert client.get(server.url, body) == b"whole"
    assert len(server.seen) == 3
    assert len(fake.slept_s) >= 2
    assert all(wait_s > 0 for wait_s in fake.slept_s)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_trying_again_cannot_help_is_asked_once(status: int) -> None:
    """A refusal is an error at once, with its status and what the server said."""
    with ScriptedServer(Script(status, b'{"message": "No."}')) as server, make_client() as client:
        with pytest.raises(HttpStatusError, match=r"No\.") as caught:
            client.get(server.url, body)
        assert caught.value.status == status
    assert len(server.seen) == 1


def test_backoff_grows_and_gives_up() -> None:
    """Waits double, and after the last try the last error is told with the number of tries."""
    fake = FakeTime()
    with ScriptedServer(Script(503)) as server, make_client(fake, tries=5) as client:
        with pytest.raises(HttpStatusError) as caught:
            client.get(server.url, body)
        assert caught.value.tries == 5
    assert len(server.seen) == 5
    assert len(fake.slept_s) == 4
    assert all(b > a for a, b in zip(fake.slept_s, fake.slept_s[1:], strict=False))


def test_tries_after_429_without_retry_after_outlast_the_minute_it_counts_over() -> None:
    """Discogs says nothing of when: six tries together wait longer than its moving minute."""
    fake = FakeTime()
    with ScriptedServer(Script(429)) as server, make_client(fake, tries=6) as client:
        with pytest.raises(HttpStatusError):
            client.get(server.url, body)
    assert sum(fake.slept_s) > 60


def test_retry_after_in_seconds_is_obeyed() -> None:
    """The next request comes no earlier than the server asked."""
    fake = FakeTime()
    scripts = Script(429, headers={"Retry-After": "17"}), Script(body=b"ok")
    with ScriptedServer(*scripts, time_s=fake.now_s) as server, make_client(fake) as client:
        client.get(server.url, body)
    assert server.seen[1].time_s - server.seen[0].time_s >= 17


def test_retry_after_as_a_date_is_obeyed() -> None:
    """An HTTP date counts like seconds."""
    fake = FakeTime()
    date = format_datetime(datetime.fromtimestamp(fake.now_s() + 42, UTC), usegmt=True)
    scripts = Script(503, headers={"Retry-After": date}), Script(body=b"ok")
    with ScriptedServer(*scripts, time_s=fake.now_s) as server, make_client(fake) as client:
        client.get(server.url, body)
    assert server.seen[1].time_s - server.seen[0].time_s >= 41


def test_a_host_that_asks_for_an_hour_is_left_alone() -> None:
    """A rest longer than max_wait_s is not waited for, by any further request either."""
    fake = FakeTime()
    with (
        ScriptedServer(Script(429, headers={"retry-after": "3574"})) as server,
        make_client(fake) as client,
    ):
        for _ in range(2):
            with pytest.raises(HostRestsError) as caught:
                client.get(server.url, body)
            assert caught.value.resumes_at_s == pytest.approx(fake.now_s() + 3574, abs=1)
    assert len(server.seen) == 1
    assert fake.slept_s == []


def test_silence_after_the_connection_ends_in_an_error() -> None:
    """A server that accepts and says nothing costs the read timeout, not for ever."""
    with listening_socket() as server, make_client(tries=2, read_timeout_s=0.05) as client:
        host, port = server.getsockname()
        with pytest.raises(ConnectionFailedError, match=r"timed out"):
            client.get(f"http://{host}:{port}/", body)


def test_a_slow_drip_is_given_up() -> None:
    """A body that trickles byte by byte is bounded in all, not only between two bytes."""
    fake = FakeTime()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):  # more than the buffers between the two hold
                connection.sendall(b"x" * 1_000_000)
                fake.sleep(5)

    server = ScriptedServer(Script(raw=drip))
    with server, make_client(fake, tries=1, read_timeout_s=2) as client:
        with pytest.raises(ConnectionFailedError, match="wasn't whole after 20 s"):
            client.get(server.url, body, max_bytes=1_000_000_000)


def test_nobody_listening_is_a_clear_error() -> None:
    """A refused connection is one line that names the address."""
    with listening_socket() as server:
        host, port = server.getsockname()
    with make_client(tries=2) as client:
        with pytest.raises(ConnectionFailedError, match=str(port)) as caught:
            client.get(f"http://{host}:{port}/", body)
    assert "\n" not in str(caught.value)


def test_a_name_that_does_not_resolve_is_a_clear_error() -> None:
    """DNS failure is one line that names the host."""
    with make_client(tries=1) as client, pytest.raises(ConnectionFailedError, match=r"no\.invalid"):
        client.get("http://no.invalid/", body)


def test_a_plain_server_on_https_is_an_error() -> None:
    """TLS is always checked: what isn't TLS is not talked to."""
    with ScriptedServer(Script()) as server, make_client(tries=1) as client:
        with pytest.raises(EquigenError):
            client.get(server.url.replace("http:", "https:"), body)
    assert server.seen == []


def test_torn_json_with_status_200_is_tried_again() -> None:
    """What `read` says of the body counts like a cut connection."""

    def read(answer: Answer) -> object:
        try:
            return json.loads(answer.body)
        except ValueError as err:
            raise BadBodyError(str(err), url=answer.url) from err

    scripts = Script(body=b'{"results": ['), Script(body=b"[1]")
    with ScriptedServer(*scripts) as server, make_client() as client:
        assert client.get(server.url, read) == [1]


def test_a_body_announced_too_large_is_not_read() -> None:
    """A Content-Length above max_bytes is refused by its header."""
    with ScriptedServer(Script(body=b"x", announce=2_000_000_000)) as server:
        with make_client() as client, pytest.raises(TooLargeError, match="1000"):
            client.get(server.url, body, max_bytes=1000)
    assert len(server.seen) == 1


def test_a_body_that_never_ends_is_cut_off() -> None:
    """An unannounced body is cut off at max_bytes."""
    with ScriptedServer(Script(raw=endless)) as server:
        with make_client() as client, pytest.raises(TooLargeError):
            client.get(server.url, body, max_bytes=300_000)
    assert len(server.seen) == 1


def test_redirects_are_followed_and_told() -> None:
    """The answer says where it came from in the end."""
    with ScriptedServer(Script(body=b"there")) as there:
        start = Script(307, headers={"Location": f"{there.url}/x?y=1"})
        with ScriptedServer(start) as here, make_client() as client:
            answer = client.get(here.url, lambda answer: answer)
    assert answer.body == b"there"
    assert answer.url == f"{there.url}/x?y=1"


@pytest.mark.parametrize(("charset", "asked"), [("utf-8", "%C3%B6"), ("latin-1", "%F6")])
def test_a_redirect_in_raw_letters_is_followed_as_it_was_sent(charset: str, asked: str) -> None:
    """In UTF-8, as browsers and curl take it; other bytes stay as they are."""
    header = "/sp ace/b\u00f6 r.jpg?a=1&b=%20".encode(charset).decode("latin-1")
    scripts = Script(302, headers={"Location": header}), Script(body=b"there")
    with ScriptedServer(*scripts) as server, make_client() as client:
        assert client.get(server.url, body) == b"there"
    assert server.seen[1].path == f"/sp%20ace/b{asked}%20r.jpg?a=1&b=%20"


@pytest.mark.parametrize("header", ["/x.jpg ", "/x.jpg \t ", " \t/x.jpg"])
def test_blanks_around_an_address_are_no_part_of_it(header: str) -> None:
    """As around any header's value."""
    scripts = Script(302, headers={"Location": header}), Script(body=b"there")
    with ScriptedServer(*scripts) as server, make_client() as client:
        assert client.get(server.url, body) == b"there"
    assert server.seen[1].path == "/x.jpg"


def test_no_object_of_a_library_is_quoted() -> None:
    """Of a refused connection only the reason is told."""
    with listening_socket() as server:
        port = server.getsockname()[1]
    with make_client(tries=1) as client, pytest.raises(ConnectionFailedError) as caught:
        client.get(f"http://127.0.0.1:{port}/", body)
    said = f"http://127.0.0.1:{port}/: no answer: Failed to establish a new connection: "
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x/"])
def test_only_http_is_followed(target: str) -> None:
    """A redirect out of http is refused."""
    script = Script(302, headers={"Location": target})
    with ScriptedServer(script) as server, make_client() as client:
        with pytest.raises(RefusedAddressError, match="only http"):
            client.get(server.url, body)


def test_a_redirect_in_a_circle_ends() -> None:
    """After max_redirects it is an error, not a loop."""
    with ScriptedServer(Script(302, headers={"Location": "/again"})) as server:
        with make_client() as client, pytest.raises(RefusedAddressError, match="redirects"):
            client.get(server.url, body)
    assert len(server.seen) == 6


@pytest.mark.parametrize("address", ["", "no address", "http://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """A row's broken URL is an error of its own, without a request."""
    with make_client() as client, pytest.raises(RefusedAddressError):
        client.get(address, body)


def test_credentials_reach_their_host_alone() -> None:
    """Headers of one host are sent to it and to no other, also not across a redirect."""
    with ScriptedServer(Script(), host="127.0.0.2") as stranger:
        away = Script(302, headers={"Location": f"{stranger.url}/steal"})
        with ScriptedServer(Script(), away) as api:
            policies = {"127.0.0.1": HostPolicy(headers={"Authorization": SECRET})}
            with Client(policies, user_agent="T/1", clock=FakeTime().clock()) as client:
                client.get(api.url, body)
                with pytest.raises(RefusedAddressError) as caught:
                    client.get(api.url, body)
                client.get(stranger.url, body)
    assert [seen.headers.get("authorization") for seen in api.seen] == [SECRET, SECRET]
    assert [seen.path for seen in stranger.seen] == ["/"]
    assert "authorization" not in stranger.seen[0].headers
    assert "secret" not in str(caught.value)
    assert SECRET not in repr(policies)


def test_a_netrc_adds_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that the user keeps for other programs is not sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(Script()) as server, make_client() as client:
        client.get(server.url, body)
    assert "authorization" not in server.seen[0].headers


def test_cookies_are_not_kept() -> None:
    """A host can't mark us."""
    with ScriptedServer(Script(headers={"Set-Cookie": "id=1"})) as server, make_client() as client:
        client.get(server.url, body)
        client.get(server.url, body)
    assert "cookie" not in server.seen[1].headers


def test_parameters_are_encoded_as_values() -> None:
    """A value with an ampersand, such as "Rhythm & Blues", is one value."""
    with ScriptedServer(Script()) as server, make_client() as client:
        client.get(f"{server.url}/s", body, params=[("style", "Rhythm & Blues"), ("q", "é+ä")])
    assert server.seen[0].path == "/s?style=Rhythm+%26+Blues&q=%C3%A9%2B%C3%A4"


def test_never_more_than_per_minute_in_any_60_seconds() -> None:
    """Any moving minute holds at most as many requests as allowed, and not many fewer."""
    fake = FakeTime()
    with ScriptedServer(Script(), time_s=fake.now_s) as server:
        with make_client(fake, policy=HostPolicy(per_minute=30)) as client:
            for _ in range(100):
                client.get(server.url, body)
    assert sum(fake.slept_s) < 200
    times_s = sorted(seen.time_s for seen in server.seen)
    assert len(times_s) == 100
    for start_s in times_s:
        assert sum(start_s <= each < start_s + 60 for each in times_s) <= 30


def test_requests_to_a_host_that_wants_it_are_spaced() -> None:
    """From however many threads they come, each leaves its distance to the one before."""
    fake = FakeTime()
    with ScriptedServer(Script(), time_s=fake.now_s) as server:
        with make_client(fake, policy=HostPolicy(concurrency=1, spacing_s=1)) as client:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: client.get(server.url, body), range(40)))
    times_s = [seen.time_s for seen in server.seen]
    assert all(later_s - time_s >= 1 for time_s, later_s in pairwise(times_s))
    assert times_s[-1] - times_s[0] < 60


def test_the_servers_own_count_is_obeyed() -> None:
    """Without a limit of our own, X-Discogs-Ratelimit-Remaining keeps us from a 429."""
    fake = FakeTime()
    sent_s: list[float] = []

    def answer(connection: socket.socket) -> None:
        now_s = fake.now_s()
        recent = [each for each in sent_s if each > now_s - 60]
        sent_s.append(now_s)
        left = 25 - len(recent) - 1
        status = "200 OK" if left >= 0 else "429 Too Many Requests"
        count = f"X-Discogs-Ratelimit-Remaining: {max(left, 0)}"
        end = "Content-Length: 2\r\nConnection: close\r\n\r\n{}"
        connection.sendall(f"HTTP/1.1 {status}\r\n{count}\r\n{end}".encode())

    policy = HostPolicy(ratelimit_prefix="X-Discogs-Ratelimit", concurrency=1)
    with ScriptedServer(Script(raw=answer)) as server:
        with make_client(fake, policy=policy, tries=1) as client:
            for _ in range(80):
                client.get(server.url, body)
    assert len(sent_s) == 80


def test_concurrency_is_never_above_the_setting() -> None:
    """However many threads ask, a host sees no more than its policy at a time."""
    barrier = threading.Barrier(3, timeout=5)

    def wait_for_three() -> None:
        barrier.wait()

    with ScriptedServer(Script()) as server:
        server.before_answer = wait_for_three
        policy = HostPolicy(concurrency=3)
        with make_client(policy=policy) as client, ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda _: client.get(server.url, body), range(12)))
    assert server.most_at_once == 3


def test_the_days_quota_holds_across_runs(tmp_path: Path) -> None:
    """Three short runs on one day don't take three times the quota; the next day is new."""
    fake = FakeTime()
    policies = {"127.0.0.1": HostPolicy(per_day=5)}
    with ScriptedServer(Script()) as server:
        for _ in range(3):
            with (
                Ledger(tmp_path / "ledger.sqlite") as ledger,
                Client(policies, user_agent="T/1", counter=ledger, clock=fake.clock()) as client,
                pytest.raises(HostRestsError, match="5 requests a day") as caught,
            ):
                for _ in range(10):
                    client.get(server.url, body)
        assert len(server.seen) == 5
        fake.sleep(caught.value.resumes_at_s - fake.now_s())
        with (
            Ledger(tmp_path / "ledger.sqlite") as ledger,
            Client(policies, user_agent="T/1", counter=ledger, clock=fake.clock()) as client,
        ):
            client.get(server.url, body)
    assert len(server.seen) == 6


def test_stop_ends_a_wait() -> None:
    """A run that is told to stop doesn't sit out a backoff."""
    with ScriptedServer(Script(503)) as server:
        patience = Patience(tries=9, max_wait_s=60)
        with Client({}, user_agent="T/1", patience=patience) as client:
            server.before_answer = client.stop
            with pytest.raises(StoppedError):
                client.get(server.url, body)
    assert len(server.seen) == 1


def test_stop_ends_a_body_that_trickles() -> None:
    """A host that sends a byte now and then doesn't keep a stopped run waiting."""
    fake = FakeTime()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        client.stop()
        with contextlib.suppress(OSError):
            for _ in range(100_000):
                connection.sendall(b"x")
                fake.sleep(1)

    with ScriptedServer(Script(raw=trickle)) as server, make_client(fake) as client:
        with pytest.raises(StoppedError):
            client.get(server.url, body)


def in_chunks(data: bytes, *, whole: bool) -> Script:
    """Return an answer as Discogs sends it: packed, and in chunks instead of a length."""
    packed = gzip.compress(data)
    parts = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    text = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    end = b"0\r\n\r\n" if whole else b""
    raw = head + b"Connection: close\r\n\r\n" + text + end
    return Script(raw=lambda connection: connection.sendall(raw))


def test_a_packed_answer_in_chunks_is_read_to_its_end() -> None:
    """One that is cut off before its last chunk is torn and is asked for again."""
    data = bytes(range(256)) * 40
    scripts = in_chunks(data, whole=False), in_chunks(data, whole=True)
    with ScriptedServer(*scripts) as server, make_client() as client:
        assert client.get(server.url, body) == data
    assert len(server.seen) == 2


def test_what_a_host_says_is_quoted_short_and_in_one_line() -> None:
    """However long, in however many lines, with whatever a terminal would obey."""
    said = b"\x1b[31m<h1>Error</h1>\r\n" + b"An error occurred.\n" * 10_000
    with ScriptedServer(Script(500, said)) as server, make_client(tries=1) as client:
        with pytest.raises(HttpStatusError) as caught:
            client.get(server.url, body)
    message = str(caught.value)
    assert "<h1>Error</h1> An error occurred." in message
    assert message.isprintable()
    assert len(message) < 350
