"""Serve the sandbox for use by hand: `python -m equigen.sandbox`, with --spotify a Spotify."""

import sys
import threading

from equigen.sandbox.server import Sandbox
from equigen.sandbox.spotify import SpotifySandbox

_INTERRUPTED = 130
_WRONG_USAGE = 2
_SPOTIFY = "--spotify"
_USAGE = (
    f"usage: python -m equigen.sandbox [{_SPOTIFY}]  (it serves a made-up catalogue on a free port,"
    " as Discogs or as Spotify, until Ctrl-C)"
)


def main() -> int:
    """Serve the default catalogue until Ctrl-C, and tell how to reach it.

    Of Discogs, the base URL goes to stdout, the token to stderr; of Spotify, the variables of the
    environment to stdout. With any other argument, print the usage and serve nothing.
    """
    arguments = sys.argv[1:]
    if arguments not in ([], [_SPOTIFY]):
        asked = arguments[0] in {"-h", "--help"}
        print(_USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else _WRONG_USAGE
    with SpotifySandbox() if arguments else Sandbox() as sandbox:
        if isinstance(sandbox, SpotifySandbox):
            print(f"SPOTIPY_CLIENT_ID={sandbox.client_id}")
            print(f"SPOTIPY_CLIENT_SECRET={sandbox.client_secret}")
            print(f"EQUIGEN_SPOTIFY__BASE_URL={sandbox.api_url}")
            print(f"EQUIGEN_SPOTIFY__ACCOUNTS_URL={sandbox.accounts_url}", flush=True)
        else:
            print(f"token: {sandbox.token}", file=sys.stderr, flush=True)
            print(sandbox.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
