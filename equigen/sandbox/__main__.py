"""Serve the sandbox by hand: `python -m equigen.sandbox`; --spotify: a Spotify, --hub: a Hub."""

import sys
import threading
from collections.abc import Callable, Mapping

from equigen.sandbox.hub import HubSandbox
from equigen.sandbox.loopback import Loopback
from equigen.sandbox.server import Sandbox
from equigen.sandbox.spotify import SpotifySandbox

_INTERRUPTED = 130
_WRONG_USAGE = 2
_SPOTIFY = "--spotify"
_HUB = "--hub"
_SERVED: Mapping[str, Callable[[], Loopback]] = {_SPOTIFY: SpotifySandbox, _HUB: HubSandbox}
_USAGE = (
    f"usage: python -m equigen.sandbox [{_SPOTIFY}|{_HUB}]  (it serves a made-up catalogue as"
    " Discogs or Spotify, or an empty Hub, on a free port, until Ctrl-C)"
)


def main() -> int:
    """Serve the default catalogue until Ctrl-C, and tell how to reach it.

    Of Discogs, the base URL goes to stdout, the token to stderr; of Spotify and the Hub, the
    variables of the environment to stdout. With any other argument, print the usage and serve
    nothing.
    """
    arguments = sys.argv[1:]
    if arguments not in ([], [_SPOTIFY], [_HUB]):
        asked = arguments[0] in {"-h", "--help"}
        print(_USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else _WRONG_USAGE
    with _SERVED.get("".join(arguments), Sandbox)() as sandbox:
        if isinstance(sandbox, SpotifySandbox):
            print(f"SPOTIPY_CLIENT_ID={sandbox.client_id}")
            print(f"SPOTIPY_CLIENT_SECRET={sandbox.client_secret}")
            print(f"EQUIGEN_SPOTIFY__BASE_URL={sandbox.api_url}")
            print(f"EQUIGEN_SPOTIFY__ACCOUNTS_URL={sandbox.accounts_url}", flush=True)
        elif isinstance(sandbox, HubSandbox):
            print(f"HF_ENDPOINT={sandbox.base_url}")
            print(f"HF_TOKEN={sandbox.token}")
            print("HF_HUB_DISABLE_XET=1", flush=True)
        elif isinstance(sandbox, Sandbox):
            print(f"token: {sandbox.token}", file=sys.stderr, flush=True)
            print(sandbox.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
