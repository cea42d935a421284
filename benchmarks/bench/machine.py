"""What the figures were measured on: processors, memory, system, versions."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

CORES = 2
_OURS = ("equigen", "requests", "urllib3", "pillow", "simplejpeg", "numpy")


def keep_to_two_cores() -> None:
    """Run this process, and all that it starts from now on, on two processors."""
    if len(allowed := sorted(os.sched_getaffinity(0))) > CORES:
        os.sched_setaffinity(0, allowed[:CORES])


def about(rival: dict[str, str], nginx: str) -> dict[str, str]:
    """Return what there is to say of this machine, each with its name, in the order to show.

    `rival` has the versions of the libraries in img2dataset's own environment.
    """
    here = {name: importlib.metadata.version(name) for name in _OURS}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _after("/proc/cpuinfo", "model name"),
        "cores used": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "memory": f"{int(_after('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "nginx": nginx,
        "equigen": ", ".join(f"{name} {version}" for name, version in here.items()),
        "img2dataset": ", ".join(f"{name} {version}" for name, version in rival.items()),
    }


def _after(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown 0"
