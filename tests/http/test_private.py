"""Private addresses: a public host's redirect never leads to this machine or its network.

All servers of these tests are on loopback. The one at 127.0.0.2 is declared public: `is_private` of
`equigen.http.pools`, which sees the address that was connected to, is the only thing replaced.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from downloads import JPEG, ledger_of, one_row, run_download
from hypothesis import given
from hypothesis import strategies as st
from support import FakeTime, Script, ScriptedServer, equigen

from equigen.errors import PrivateAddressError
from equigen.http import addresses
from equigen.http.addresses import is_private
from equigen.http.client import Answer, Client
from equigen.http.limits import Patience, PrivateAddresses

PUBLIC = "127.0.0.2"


def body(answer: Answer) -> bytes:
    """Read an answer as its bytes."""
    return answer.body


def make_client(private: PrivateAddresses = PrivateAddresses.SAME) -> Client:
    """Return a client that tries once."""
    patience = Patience(tries=1, private_addresses=private)
    return Client({}, user_agent="T/1", patience=patience, clock=FakeTime().clock())


@pytest.fixture(autouse=True)
def _a_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "equigen.http.pools.is_private",
        lambda host: host != PUBLIC and addresses.is_private(host),
    )


@pytest.fixture
def inside() -> Iterator[ScriptedServer]:
    """A service of this machine."""
    with ScriptedServer(Script(body=JPEG)) as server:
        yield server


@pytest.fixture
def public(inside: ScriptedServer) -> Iterator[ScriptedServer]:
    """A public host that redirects to a service of this machine."""
    away = Script(302, headers={"Location": f"{inside.url}/admin?do=1"})
    with ScriptedServer(away, host=PUBLIC) as server:
        server.by_path["/1.jpg"] = Script(body=JPEG)
        yield server


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0", "localhost",
        "LOCALHOST", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    ],
)  # fmt: skip
def test_a_public_host_leads_to_no_private_one(
    inside: ScriptedServer, public: ScriptedServer, spelling: str
) -> None:
    """However it spells the address; nothing is sent there."""
    port = inside.url.rpartition(":")[2]
    public.by_path["/"] = Script(302, headers={"Location": f"http://{spelling}:{port}/admin"})
    with make_client() as client:
        client.get(f"{inside.url}/before", body)  # a connection that is open already
        with pytest.raises(PrivateAddressError, match=r"http\.private_addresses"):
            client.get(public.url, body)
    assert [seen.path for seen in inside.seen] == ["/before"]


def test_over_tls_as_well(inside: ScriptedServer, public: ScriptedServer) -> None:
    """Nothing is sent, no greeting either."""
    location = inside.url.replace("http:", "https:")
    public.by_path["/"] = Script(302, headers={"Location": location})
    with make_client() as client, pytest.raises(PrivateAddressError):
        client.get(public.url, body)
    assert not inside.seen


def test_a_name_is_what_it_is_connected_to(
    inside: ScriptedServer, public: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to another address each time (DNS rebinding) gains nothing."""
    answers, look_up = [PUBLIC, "127.0.0.1"], socket.getaddrinfo

    def rebind(host: str, *more: Any, **named: Any) -> Any:  # noqa: ANN401
        if host == "rebound.example":
            host = answers.pop(0) if len(answers) > 1 else answers[0]
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    ports = [server.url.rpartition(":")[2] for server in (public, inside)]
    location = f"http://rebound.example:{ports[1]}/admin"
    public.by_path["/"] = Script(302, headers={"Location": location, "Connection": "close"})
    with make_client() as client, pytest.raises(PrivateAddressError, match=r"127\.0\.0\.1"):
        client.get(f"http://rebound.example:{ports[0]}/", body)
    assert not inside.seen


def test_a_chain_of_redirects_is_no_way_in(inside: ScriptedServer, public: ScriptedServer) -> None:
    """What comes after the public host counts, not where the chain began."""
    away = Script(302, headers={"Location": public.url})
    inside.by_path["/begin"] = away
    with make_client() as client, pytest.raises(PrivateAddressError):
        client.get(f"{inside.url}/begin", body)
    assert [seen.path for seen in inside.seen] == ["/begin"]


def test_a_private_host_leads_to_others(inside: ScriptedServer) -> None:
    """As a mirror, the sandbox and tests do."""
    with ScriptedServer(Script(302, headers={"Location": inside.url})) as mirror:
        with make_client() as client:
            assert client.get(mirror.url, body) == JPEG


def test_never_and_always(inside: ScriptedServer, public: ScriptedServer) -> None:
    """The setting forbids even what a row names, or allows even what a redirect does."""
    with make_client(PrivateAddresses.NEVER) as client:
        with pytest.raises(PrivateAddressError):
            client.get(inside.url, body)
        assert client.get(f"{public.url}/1.jpg", body) == JPEG
    assert not inside.seen
    with make_client(PrivateAddresses.ALWAYS) as client:
        assert client.get(public.url, body) == JPEG


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "10.0.0.1.", "a.localhost", "LOCALHOST.", "[fec0::1]", "[::10.0.0.1]"]
)
def test_a_proxy_is_asked_for_no_private_address(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The proxy itself may be private; it would connect to what the address spells."""
    away = Script(302, headers={"Location": f"http://{host}/admin"})
    with ScriptedServer(away, Script(body=JPEG)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with make_client() as client:
            with pytest.raises(PrivateAddressError):
                client.get("http://pictures.example/1.jpg", body)
            assert client.get("http://pictures.example/2.jpg", body) == JPEG
    assert [seen.path for seen in proxy.seen] == [
        "http://pictures.example/1.jpg", "http://pictures.example/2.jpg",
    ]  # fmt: skip


def test_a_cover_behind_such_a_redirect_is_refused(
    tmp_path: Path, inside: ScriptedServer, public: ScriptedServer
) -> None:
    """With its reason, while a row that names this machine itself is asked for."""
    one_row(tmp_path, f"{public.url}/2.jpg")
    run_download(tmp_path)
    (cover,) = ledger_of(tmp_path).values()
    assert (cover.status, cover.reason) == ("refused", "private address")
    assert not inside.seen
    one_row(tmp_path, f"{inside.url}/2.jpg")
    run_download(tmp_path)
    assert len(inside.seen) == 1


def test_a_strange_folder_does_not_allow_it(tmp_path: Path) -> None:
    """A folder's own config.toml says "always" only where the user trusts it, "never" always."""
    config = tmp_path / "config.toml"
    config.write_text('[http]\nprivate_addresses = "always"\n')
    done = equigen("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "http.private_addresses = 'always'" in done.stderr
    config.write_text('[http]\nprivate_addresses = "never"\n')
    assert equigen("status", cwd=tmp_path).returncode != 2


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.0.1", True), ("169.254.169.254", True),
        ("100.64.0.1", True), ("0.0.0.0", True), ("224.0.0.1", True), ("::1", True),  # noqa: S104
        ("fe80::1%eth0", True), ("fd00::1", True), ("::ffff:10.0.0.1", True),
        ("2002:7f00:1::", True), ("64:ff9b::7f00:1", True), ("8.8.8.8", False),
        ("localhost.", True), ("2606:4700::1111", False),
        ("64:ff9b::808:808", False), ("::ffff:8.8.8.8", False), ("example.org", False), ("", False),
        ("fec0::1", True), ("feff::1", True), ("64:ff9b:1::808:808", True), ("::127.0.0.1", True),
        ("::10.0.0.1", True), ("::8.8.8.8", False), ("64:ff9b::a00:1", True), ("ff02::1", True),
        ("2002:a00:1::", True), ("2002:808:808::", False), ("2001:0:4136:e378::f5ff:fffe", True),
        ("2001:0:a00:1::f7f7:f7f7", True), ("::ffff:0:7f00:1", True), ("::ffff:0:808:808", False),
        ("0.1.2.3", True),
        ("100.127.255.255", True), ("100.128.0.1", False), ("255.255.255.255", True),
        ("0x7f.1", True), ("2130706433", True), ("0177.0.0.1", True), ("127.1", True),
        ("0x8.8.8.8", False), ("127.0.0.1.", True), ("0x7f.1.", True), ("8.8.8.8.", False),
        ("a.localhost", True), ("A.LocalHost.", True), ("localhost.localdomain", True),
        ("localhost.example", False), ("notlocalhost", False), ("localhost6", True),
    ],
)  # fmt: skip
def test_what_is_private(host: str, private: bool) -> None:  # noqa: FBT001
    """Loopback, link-local, private, shared and multicast addresses, also within IPv6."""
    assert is_private(host) is private


@given(st.ip_addresses(v=4))
def test_an_address_is_the_same_in_all_spellings(address: Any) -> None:  # noqa: ANN401
    """In decimal, hexadecimal, octal, and within IPv6."""
    number, private = int(address), is_private(str(address))
    for spelled in (str(number), hex(number), f"0{number:o}", f"::ffff:{address}"):
        assert is_private(spelled) is private
