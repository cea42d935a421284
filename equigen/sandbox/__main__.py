"""Serve the sandbox for use by hand: `python -m equigen.sandbox`, without arguments."""

import sys
import threading

from equigen.sandbox.server import Sandbox

_INTERRUPTED = 130
_WRONG_USAGE = 2
_USAGE = (
    "usage: python -m equigen.sandbox  (no arguments: it serves a made-up catalogue on a free port"
    " until Ctrl-C)"
)


def main() -> int:
    """Serve the default catalogue until Ctrl-C; the base URL goes to stdout, the token to stderr.

    With any argument, print the usage and serve nothing.
    """
    if arguments := sys.argv[1:]:
        asked = arguments[0] in {"-h", "--help"}
        print(_USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else _WRONG_USAGE
    with Sandbox() as sandbox:
        print(f"token: {sandbox.token}", file=sys.stderr, flush=True)
        print(sandbox.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
