"""What the tests of publishing share: runs of the program against a Hub on loopback."""

import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from exported import albums, filled, run_export
from support import equigen

from equigen.sandbox.handlers import Hit
from equigen.sandbox.hub import HubSandbox

NAME = "covers/albums"


def hub_env(hub: HubSandbox, home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user of a Hub on loopback, who has no other settings there."""
    return {
        "HF_ENDPOINT": hub.base_url,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(home / "hf_home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "EQUIGEN_HTTP__MAX_WAIT_S": "0.01",
        **more,
    }


def publish(
    hub: HubSandbox, folder: Path, *args: str | Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Publish from the folder of a dataset."""
    return equigen("publish", *args, cwd=folder, env=hub_env(hub, folder.parent, **env))


def made_export(folder: Path, count: int = 12, name: str = "webdataset") -> Path:
    """Export some albums, and return the export's folder, `out` beside the dataset."""
    filled(folder, albums(count))
    out = folder.with_name("out")
    run_export(folder, out, name)
    return out


def content(out: Path) -> Mapping[str, bytes]:
    """Return the bytes of an export's files, by their paths."""
    files = (each for each in out.rglob("*") if each.is_file())
    return {each.relative_to(out).as_posix(): each.read_bytes() for each in files}


def on_hub(hub: HubSandbox, name: str = NAME) -> Mapping[str, bytes]:
    """Return the bytes of the files of a dataset on the Hub, but for the Hub's own."""
    files = hub.repositories[name].files
    return {path: body for path, body in files.items() if path != ".gitattributes"}


def kept(hub: HubSandbox) -> Counter[str]:
    """Count how often each large file was taken by the Hub, by its sha256."""
    return Counter(hit.path for hit in hub.log if hit.method == "PUT" and is_upload(hit, 200))


def is_upload(hit: Hit, status: int = 0) -> bool:
    """Tell whether a request sends a large file, answered so where that is given."""
    return hit.path.startswith("/lfs/") and status in (0, hit.status)


def changes(hub: HubSandbox) -> list[str]:
    """Return the requests that change something, in their order, by method and last word."""
    words = {"validate-yaml", "batch"}
    asked = [hit for hit in hub.log if hit.method not in {"GET", "HEAD"}]
    named = [hit.path.removesuffix("/main").rpartition("/")[2] for hit in asked]
    return [
        f"{hit.method} {'object' if is_upload(hit) else name}"
        for hit, name in zip(asked, named, strict=True)
        if name not in words
    ]
