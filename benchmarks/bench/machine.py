"""What the figures were measured on: processors, memory, system, versions."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
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
    return {
        **machine(),
        "nginx": nginx,
        "equigen": versions(_OURS),
        "img2dataset": ", ".join(f"{name} {version}" for name, version in rival.items()),
    }


def machine() -> dict[str, str]:
    """Return what there is to say of it whatever is measured, with how busy it was just now."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _after("/proc/cpuinfo", "model name"),
        "cores used": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "memory": f"{int(_after('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "load before (1 min)": f"{os.getloadavg()[0]:.1f}",
    }


def versions(libraries: Iterable[str]) -> str:
    """Return the versions of libraries that are installed here."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries)


def _after(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown 0"
