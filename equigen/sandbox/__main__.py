"""Serves the sandbox for playing by hand: `python -m equigen.sandbox`."""

import sys
import threading

from equigen.sandbox.server import Sandbox

_INTERRUPTED = 130


def main() -> int:
    """Serve the default catalogue until Ctrl-C; the base URL goes to stdout."""
    with Sandbox() as sandbox:
        print(sandbox.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
