"""What imagededup and cleanvision find in a folder of pictures; run by the Python that has them.

    python rival_audit.py imagededup|cleanvision FOLDER

Prints JSON: `groups`, the names of the files that it takes for one picture; `versions`. Both run
with their defaults: imagededup's PHash, and all that cleanvision looks for, blur and light as well.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

_OF_A_NETWORK = ("torchvision", "torchvision.models", "torchvision.models.vision_transformer")


def main() -> None:
    """Look for duplicates in a folder."""
    tool, folder = sys.argv[1], Path(sys.argv[2])
    groups = list(_TOOLS[tool](folder))
    versions = {name: version(name) for name in (tool, "pillow", "numpy")}
    print(json.dumps({"groups": groups, "versions": versions}))


def _imagededup(folder: Path) -> Iterable[list[str]]:
    # It imports the parts of its neural network, which isn't used here, also with other methods.
    for name in (*_OF_A_NETWORK, "torchvision.transforms"):
        sys.modules[name] = MagicMock()
    from imagededup.methods import PHash  # noqa: PLC0415

    found: Mapping[str, list[str]] = PHash(verbose=False).find_duplicates(
        image_dir=folder, recursive=True
    )
    return ([Path(name).name for name in (one, *others)] for one, others in found.items() if others)


def _cleanvision(folder: Path) -> Iterable[list[str]]:
    from cleanvision import Imagelab  # noqa: PLC0415

    lab = Imagelab(data_path=str(folder))
    lab.find_issues(verbose=False)
    sets = (lab.info[kind]["sets"] for kind in ("exact_duplicates", "near_duplicates"))
    return ([Path(name).name for name in some] for each in sets for some in each)


_TOOLS: Mapping[str, Callable[[Path], Iterable[list[str]]]] = {
    "imagededup": _imagededup,
    "cleanvision": _cleanvision,
}

if __name__ == "__main__":
    main()
