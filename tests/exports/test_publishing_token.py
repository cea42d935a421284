"""The token of the Hub goes to the Hub alone, and is written nowhere."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from publishing import NAME, content, made_export, on_hub, publish
from support import Script, ScriptedServer, Seen

from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.hub import HubSandbox

pytest.importorskip("huggingface_hub")
TOKEN = "hf_sandboxtoken"


@contextmanager
def stranger() -> Iterator[ScriptedServer]:
    """Run another host, which answers all with an empty object."""
    with ScriptedServer(Script(body=b"{}"), host="localhost") as other:
        yield other


def told(seen: list[Seen]) -> str:
    """Return all that a host was sent, but for the files."""
    return "\n".join(f"{each.path} {dict(each.headers)}" for each in seen)


@pytest.mark.parametrize("status", [302, 307, 308])
@pytest.mark.parametrize("path", ["/api/datasets/covers/albums", "/api/repos/create"])
def test_a_hub_that_redirects_leads_it_nowhere(tmp_path: Path, status: int, path: str) -> None:
    """The other host is asked without the token, and what it says publishes nothing."""
    out = made_export(tmp_path / "data")
    with stranger() as other:

        def away(hit: Hit) -> Reply | None:
            to = {"Location": other.url + hit.path}
            return Reply(status, to) if hit.path.startswith(path) else None

        with HubSandbox(fault=away) as hub:
            done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
            assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
            assert other.seen or status == 302, done.stderr
            assert TOKEN not in told(other.seen)
            assert "authorization" not in told(other.seen)


class LeadingHub(HubSandbox):
    """A Hub that has large files sent, and their arrival told, to another host."""

    other = ""

    def answer(self, hit: Hit) -> Reply:
        """Answer as a Hub, with other addresses for large files."""
        reply = super().answer(hit)
        if not hit.path.endswith("/objects/batch"):
            return reply
        found = json.loads(reply.body)
        for each in found["objects"]:
            href = f"{self.base_url}/lfs/{each['oid']}"
            verify = {"href": f"{self.other}/verify", "header": {}}
            each["actions"] = {"upload": {"href": href}, "verify": verify}
        return Reply(200, reply.headers, json.dumps(found).encode())


def test_the_address_that_is_told_of_a_file_gets_no_token(tmp_path: Path) -> None:
    """Storage on another host is the Hub's affair; the token isn't for it."""
    out = made_export(tmp_path / "data")
    with stranger() as other, LeadingHub() as hub:
        hub.other = other.url
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
        assert done.returncode == 0, done.stderr
        assert [each.path for each in other.seen] == ["/verify"] * len(other.seen) != []
        assert "authorization" not in told(other.seen)
        assert on_hub(hub) == content(out)


def test_a_strangers_folder_names_no_hub_and_no_token(tmp_path: Path) -> None:
    """What its .env and config.toml say of the Hub counts for nothing."""
    data, out = tmp_path / "data", made_export(tmp_path / "data")
    with stranger() as other, HubSandbox() as hub:
        lines = f"HF_ENDPOINT={other.url}\nHF_TOKEN=hf_strangers\nHF_HUB_OFFLINE=1\n"
        (data / ".env").write_text(lines, encoding="utf-8")
        done = publish(hub, data, "hub", NAME, "--export", out)
        assert done.returncode == 0, done.stderr
        assert (other.seen, on_hub(hub)) == ([], content(out))
        (data / ".env").unlink()
        for line in (f'[hub]\nendpoint = "{other.url}"\n', f'HF_ENDPOINT = "{other.url}"\n'):
            (data / "config.toml").write_text(line, encoding="utf-8")
            done = publish(hub, data, "hub", NAME, "--export", out)
            assert (done.returncode, other.seen) == (2, [])


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_written_nowhere(tmp_path: Path, *, fails: bool) -> None:
    """Neither in what is said, nor in the log, the ledger and the export, also where quoted."""
    data, out = tmp_path / "data", made_export(tmp_path / "data")
    quoted = json.dumps({"error": f"bad: Bearer {TOKEN} {base64.b64encode(TOKEN.encode())!r}"})

    def quoting(hit: Hit) -> Reply | None:
        if fails and "/commit/" in hit.path:
            return Reply(400, {"X-Error-Message": f"bad {TOKEN}"}, quoted.encode())
        return None

    with HubSandbox(fault=quoting) as hub:
        for flags in (("--verbose",), ("--json",), ()):
            args = ("hub", NAME, *flags, "--export", out, "--log-file", data / "log.jsonl")
            done = publish(hub, data, *args)
            assert done.returncode == int(fails)
            assert ("the Hub refuses (HTTP 400)" in done.stderr) == fails, done.stderr
            assert "sandboxtok" not in done.stdout + done.stderr
            assert "/lfs/" not in done.stderr
    sent = [TOKEN, base64.b64encode(TOKEN.encode()).decode().rstrip("=")]
    for file in (each for each in tmp_path.rglob("*") if each.is_file()):
        body = file.read_bytes().decode("latin-1")
        assert not any(each in body for each in sent), file


def test_the_hubs_own_login_counts(tmp_path: Path) -> None:
    """Without HF_TOKEN it is that of `hf auth login`."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub:
        (tmp_path / "hf_home").mkdir()
        (tmp_path / "hf_home/token").write_text(hub.token, encoding="utf-8")
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out, HF_TOKEN="")
        assert done.returncode == 0, done.stderr
        assert on_hub(hub) == content(out)
