"""`python -m equigen` and the console script."""

import atexit
import gc
import os
import signal
import sys
from typing import NoReturn

# Modules are no garbage: looking for some among them takes 0.15 s while they are loaded (until a
# command begins) and when the process ends.
gc.disable()
atexit.register(gc.freeze)

# Every matrix here is small: threads that share one product would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _stop_at_once(*_: object) -> NoReturn:
    """End where nothing was begun yet, since modules are still loaded."""
    os.write(2, b"equigen: stopped. Nothing was done.\n")
    os._exit(130)


for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _stop_at_once)

# Names of files are UTF-8 whatever the locale says: a cover is found again under any other.
if sys.getfilesystemencoding() != "utf-8":
    shown = getattr(sys.stdout, "encoding", "utf-8")  # there may be no output
    os.environ.setdefault("PYTHONIOENCODING", f"{shown}:backslashreplace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606

from equigen.cli.app import main  # noqa: E402  (from here on a signal is heard)

if __name__ == "__main__":
    main()
