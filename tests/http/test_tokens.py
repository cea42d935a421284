"""Tokens that expire, forms that are posted, and quotas of a day, over HTTP on loopback."""

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support import FakeTime, Script, ScriptedServer, Seen

from equigen.errors import (
    BadBodyError,
    CredentialsError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    RefusedAddressError,
)
from equigen.http.client import Answer, Client
from equigen.http.limits import HostPolicy, Patience, TokenGrant

ID, SECRET = "an-id-of-ours", "a-very-secret-one"
ADVICE = "Check the two names in .env."
DAY_S = 24 * 3600


def given(token: str, life_s: object = 3600) -> Script:
    """Return the answer that gives a token."""
    told = {"access_token": token, "token_type": "Bearer", "expires_in": life_s}
    return Script(body=json.dumps(told).encode())


def body(answer: Answer) -> bytes:
    """Read an answer as its bytes."""
    return answer.body


def make_client(
    accounts: str, fake: FakeTime | None = None, policy: HostPolicy | None = None, **patience: float
) -> Client:
    """Return a client that sends a token to `localhost`, and none to 127.0.0.1."""
    grant = TokenGrant(f"{accounts}/token", ID, SECRET, ADVICE)
    return Client(
        {"localhost": policy or HostPolicy(token=grant)},
        user_agent="EquiGenTest/1",
        patience=Patience(**{"tries": 3, **patience}),  # type: ignore[arg-type]
        clock=(fake or FakeTime()).clock(),
    )


def host(server: ScriptedServer) -> str:
    """Return a server's address under the name of the host that wants a token."""
    return server.url.replace("127.0.0.1", "localhost")


def test_a_token_is_had_once_and_sent_with_each_request() -> None:
    """The form and the Basic credentials are those of RFC 6749; the API gets the token alone."""
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url) as client:
            for _ in range(3):
                client.get(f"{host(api)}/search", body, params=[("q", "x")])
    (asked,) = accounts.seen
    basic = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
    assert (asked.method, asked.body) == ("POST", b"grant_type=client_credentials")
    assert asked.headers["authorization"] == f"Basic {basic}"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert [each.headers["authorization"] for each in api.seen] == ["Bearer first-token"] * 3


def test_a_token_is_renewed_before_it_expires() -> None:
    """No request goes out with a token in the last minute of its life."""
    fake = FakeTime()
    tokens = given("first-token"), given("second-token", 3600.0)
    with ScriptedServer(*tokens) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url, fake) as client:
            for wait_s in (0, 3539, 2):
                fake.sleep(wait_s)
                client.get(host(api), body)
    sent = [each.headers["authorization"].removeprefix("Bearer ") for each in api.seen]
    assert sent == ["first-token", "first-token", "second-token"]


@pytest.mark.parametrize("life", [None, "soon", -1, 0, True, 1e300])
def test_a_life_that_makes_no_sense_is_an_hour(life: object) -> None:
    """What a service says of a token's life is not believed blindly."""
    fake = FakeTime()
    tokens = given("first-token", life), given("second-token")
    with ScriptedServer(*tokens) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url, fake) as client:
            for wait_s, asked in (0, 1), (3500, 1), (41, 2):
                fake.sleep(wait_s)
                client.get(host(api), body)
                assert len(accounts.seen) == asked


def test_threads_share_one_renewal_after_a_401() -> None:
    """Eight requests are refused at the same time: one new token, and each is asked once more."""
    tokens = given("first-token"), given("second-token")
    met = Barrier(8)
    with ScriptedServer(*tokens) as accounts, ScriptedServer(Script(401)) as api:

        def choose(seen: Seen) -> Script:
            if seen.headers["authorization"] == "Bearer second-token":
                return Script()
            met.wait(10)
            return Script(401)

        api.choose = choose
        with make_client(accounts.url) as client, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.get(host(api), body), range(8)))
    assert len(accounts.seen) == 2
    assert len(api.seen) == 16


def test_a_host_that_refuses_a_new_token_too_is_not_asked_again() -> None:
    """One renewal a request, then the refusal is told."""
    tokens = given("first-token"), given("second-token"), given("third-token")
    with ScriptedServer(*tokens) as accounts, ScriptedServer(Script(401)) as api:
        with make_client(accounts.url) as client, pytest.raises(HttpStatusError, match="got 401"):
            client.get(host(api), body)
    assert len(accounts.seen) == len(api.seen) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_told_once_with_advice(status: int) -> None:
    """No other thread or request asks again with credentials that were refused."""
    refusal = Script(status, b'{"error": "invalid_client"}')
    with ScriptedServer(refusal) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url) as client:
            for _ in range(3):
                with pytest.raises(CredentialsError, match=r"Check the two names.*invalid_client"):
                    client.get(host(api), body)
    assert len(accounts.seen) == 1
    assert not api.seen


@pytest.mark.parametrize("script", [Script(503), Script(body=b"<html>"), Script(body=b"{}")])
def test_a_token_that_cannot_be_had_is_tried_for_and_then_told(script: Script) -> None:
    """A fault of the accounts' host costs its tries once, not once for each try of a request."""
    with ScriptedServer(script) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url) as client, pytest.raises(FetchError, match="token"):
            client.get(host(api), body)
    assert len(accounts.seen) == 3
    assert not api.seen


def test_a_token_that_could_not_be_had_is_not_tried_for_by_each_request() -> None:
    """Threads that waited, and requests of the next minute, get the same error at once."""
    fake = FakeTime()
    down = Script(503, b"")
    with ScriptedServer(down) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url, fake) as client, ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(client.get, host(api), body) for _ in range(8)]
            told = {str(each.exception()) for each in asked}
            assert len(accounts.seen) == 3
            (told_once,) = told
            assert "got 503 Service Unavailable. Nothing can be asked without a token" in told_once
            fake.sleep(61)
            accounts.choose = lambda _: given("first-token")
            client.get(host(api), body)
    assert len(accounts.seen) == 4


def test_neither_token_nor_credentials_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    """A host that quotes all that it was sent gets nothing into an error, an event or a name."""
    caplog.set_level(logging.INFO, "equigen")
    basic = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
    secrets = ["first-token", ID, SECRET, basic]
    quoting = Script(500, " ".join(secrets).encode())
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(quoting) as api:
        with make_client(accounts.url) as client:
            with pytest.raises(HttpStatusError) as caught:
                client.get(host(api), body)
            assert client.hide(f"An album of {SECRET}, first-token") == "An album of ***, ***"
    told = f"{caught.value} {caught.value.url} {caplog.text} {caplog.records}"
    assert not [secret for secret in secrets if secret in told]
    assert f"POST {accounts.url}/token: 200" in caplog.text


def test_a_token_follows_no_redirect_to_another_host() -> None:
    """A picture host, or anybody else, never sees it."""
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(Script()) as other:
        leading = Script(302, headers={"Location": f"{other.url}/stolen"})
        with ScriptedServer(leading) as api, make_client(accounts.url) as client:
            with pytest.raises(RefusedAddressError, match="credentials don't follow"):
                client.get(host(api), body)
            client.get(f"{other.url}/image", body)
    assert [each.path for each in other.seen] == ["/image"]
    assert "authorization" not in other.seen[0].headers


def test_a_form_follows_no_redirect() -> None:
    """Credentials go to the address that was named, and nowhere else."""
    with ScriptedServer(Script()) as other:
        leading = Script(307, headers={"Location": f"{other.url}/token"})
        with ScriptedServer(leading) as accounts, make_client(accounts.url) as client:
            with pytest.raises(HttpStatusError, match="got 307"):
                client.post(accounts.url, body, form=[("a", "b & ü")])
    assert not other.seen
    assert accounts.seen[0].body == b"a=b+%26+%C3%BC"


def test_a_torn_answer_to_a_form_is_asked_for_again() -> None:
    """A form is posted again as a page is fetched again."""

    def whole(answer: Answer) -> bytes:
        if answer.body != b"whole":
            msg = "torn"
            raise BadBodyError(msg, url=answer.url)
        return answer.body

    scripts = Script(503), Script(body=b"torn"), Script(body=b"whole")
    with ScriptedServer(*scripts) as server, make_client(server.url) as client:
        assert client.post(server.url, whole, form=[]) == b"whole"


QUOTAS: dict[str, Script] = {
    "a day by its header": Script(429, headers={"retry-after": str(DAY_S)}),
    "no header": Script(429, b'{"error":{"status":429,"reason":"QUOTA_EXCEEDED"}}'),
}


@pytest.mark.parametrize("script", QUOTAS.values(), ids=QUOTAS.keys())
def test_a_spent_quota_of_a_day_ends_requests_at_once(script: Script) -> None:
    """The host is left alone for a day, whether or not it says for how long; nobody asks again."""
    fake = FakeTime()
    rests: list[float] = []
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(script) as api:
        with make_client(accounts.url, fake) as client:
            client.gates.on_rest = lambda _host, pause_s, _why: rests.append(pause_s)
            for _ in range(2):
                with pytest.raises(HostRestsError) as caught:
                    client.get(host(api), body)
                assert caught.value.resumes_at_s == pytest.approx(fake.now_s() + DAY_S, abs=2)
    assert len(api.seen) == 1
    assert rests == [DAY_S]


def test_a_host_that_rests_costs_no_token_either() -> None:
    """A rest that an earlier run was told of is obeyed without any request."""
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(Script()) as api:
        with make_client(accounts.url) as client:
            client.gates.hold("localhost", DAY_S)
            with pytest.raises(HostRestsError):
                client.get(host(api), body)
    assert not accounts.seen
    assert not api.seen


def test_the_word_of_a_quota_in_another_answer_means_nothing() -> None:
    """Only a 429 says that a quota is spent."""
    script = Script(404, b"no QUOTA_EXCEEDED here")
    with ScriptedServer(given("first-token")) as accounts, ScriptedServer(script) as api:
        with make_client(accounts.url) as client, pytest.raises(HttpStatusError):
            client.get(host(api), body)
