"""A page in headless Chromium, spoken to over the pipe of its DevTools.

https://chromedevtools.github.io/devtools-protocol/ has what it understands.
"""

import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_S = 60
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
# The DevTools read from 3 and write to 4; a shell puts our ends there.
_AT_3_AND_4 = 'reading=$1; writing=$2; shift 2; exec "$@" 3</dev/fd/$reading 4>/dev/fd/$writing'


@dataclass
class Tab:
    """An open page: what it said on its console, and what it asked for."""

    _reading: int
    _writing: int
    session: str = ""
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _rest: bytes = b""
    _loaded: bool = False

    def open(self, file: Path) -> None:
        """Load a page and wait until all of it is there."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self._loaded = False
        self.send("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._take(self._message())

    def show(self, width_px: int, height_px: int, *, touch: bool = False, **features: str) -> None:
        """Give the page a size, a mouse or a touch screen, and media features.

        These are such as prefers_color_scheme="dark".
        """
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width_px, height=height_px, deviceScaleFactor=2 if touch else 1, mobile=touch,
        )  # fmt: skip
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        media = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.send("Emulation.setEmulatedMedia", features=media)

    def press(self, key: str, code: int) -> None:
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def evaluate(self, script: str) -> Any:  # noqa: ANN401  (whatever the script returns)
        """Return what a script comes to, also one that waits."""
        answer = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def send(self, method: str, **params: object) -> Mapping[str, Any]:
        """Send a command and return its answer."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        os.write(self._writing, json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != number:
            self._take(message)
        assert "error" not in message, f"{method}: {message['error']}"
        result: Mapping[str, Any] = message["result"]
        return result

    def _message(self) -> dict[str, Any]:
        ends = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], ends - time.monotonic())
            assert ready, "the browser says nothing"
            part = os.read(self._reading, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def _take(self, message: Mapping[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.errors.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.errors.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])


@contextmanager
def browsing(folder: Path) -> Iterator[Tab]:
    """Start a browser of its own, whose files lie in `folder`; skips where none is installed."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here: `apt-get install chromium` gets it")
    to_browser, to_us = os.pipe(), os.pipe()
    ends = (to_browser[0], to_us[1])
    command = ["sh", "-c", _AT_3_AND_4, "sh", *map(str, ends)]
    process = subprocess.Popen(
        [*command, program, *_FLAGS, f"--user-data-dir={folder / 'chromium'}"],
        pass_fds=ends,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in ends:
        os.close(end)
    tab = Tab(to_us[0], to_browser[1])
    try:
        yield tab
        tab.session = ""
        tab.send("Browser.close")
        process.wait(timeout=_PATIENCE_S)
    finally:
        os.close(to_us[0])
        os.close(to_browser[1])
        if process.poll() is None:
            process.kill()
        process.wait()
