"""Decode a picture in a process of its own, whose largest size the system measures."""

import subprocess
import sys
from pathlib import Path

MOST_MIB = 400
MAX_PIXELS = 50_000_000
_DECODED = """
import sys
from pathlib import Path
import equigen.downloading.engines.worker
from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
try:
    check_picture(Path(sys.argv[1]).read_bytes(), Demands(2, int(sys.argv[2])))
    said = "taken"
except PictureError as err:
    said = err.reason
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024, said)
"""


def decoded(file: Path) -> tuple[int, str]:
    """Return the most memory in MiB that a decode took, and its refusal or "taken"."""
    command = [sys.executable, "-c", _DECODED, str(file), str(MAX_PIXELS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    peak_mib, _, said = done.stdout.strip().partition(" ")
    return int(peak_mib), said
