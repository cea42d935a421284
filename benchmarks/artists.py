"""How well artists' keys join one artist's spellings, and how seldom they join several artists.

    python benchmarks/artists.py FOLDER

The folder holds Discogs dumps of artists, masters and releases (`discogs_dump/*.xml.gz`). Their ids
say which names are one artist's. **Joined:** of each artist's name and each of its variations, the
share of pairs with one key. What a variation differs in is told by folding more than a key does.
**Wrongly joined:** the share of keys that several ids have. Namesakes that Discogs numbers ("Prince
(2)") are counted apart: their names are the same.
"""

import argparse
import gzip
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from equigen.identity.artists import artist_key

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = re.compile(r"\s*\(\d+\)$")
_THE = re.compile(r"(.+), The( \(\d+\))?")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder / "discogs_dump"
    names: dict[str, set[str]] = {}
    variations: set[tuple[str, str]] = set()
    for path in sorted(folder.glob("*.xml.gz")):
        for element in ET.fromstring(gzip.decompress(path.read_bytes())).iter():  # noqa: S314
            _gather(element, names, variations)
    if not names:
        parser.error(f"{folder}: expected Discogs dumps (*.xml.gz) with artists, found none")
    print(f"{len(names):,} artists, {len(variations):,} variations of their names\n")
    print("| a variation differs in | pairs | one key |\n| --- | --- | --- |")
    found = Counter[str]()
    joined = Counter[str]()
    for name, variation in variations:
        kind = _difference(name, variation)
        found[kind] += 1
        joined[kind] += artist_key(name) == artist_key(variation)
    for kind, count in found.most_common():
        print(f"| {kind} | {count:,} | {joined[kind] / count:.1%} |")
    print(f"| **all** | {found.total():,} | {joined.total() / found.total():.1%} |\n")
    _print_wrong(names)


def _gather(element: ET.Element, names: dict[str, set[str]], pairs: set[tuple[str, str]]) -> None:
    """Add the names that an element gives an id, and their variations."""
    if element.tag == "artist" and (name := element.findtext("name")):
        number, name = element.findtext("id") or "", _turned(name)
        names.setdefault(number, set()).add(name)
        others = [element.findtext("anv"), *(e.text for e in element.iterfind("namevariations/*"))]
        pairs.update((name, f"{other}*") for other in others if other)
    elif element.tag == "name" and element.text and (number := element.get("id", "")):
        names.setdefault(number, set()).add(_turned(element.text))  # an alias, a member


def _turned(name: str) -> str:
    return _THE.sub(r"The \1\2", name)


def _difference(name: str, variation: str) -> str:
    """Return the least that must be folded so that two spellings are the same."""
    one, other = (_NUMBER.sub("", each.rstrip("*")) for each in (name, variation))
    folds: dict[str, Callable[[str], str]] = {
        "nothing but marks and capitals": str.casefold,
        "accents": _bare,
        "punctuation": _letters,
        "the order of words": lambda text: "".join(sorted(re.findall(r"\w+", _bare(text)))),
        "the article, too": lambda text: _letters(re.sub(r"(?i)^the |, the$", "", text)),
    }
    for kind, fold in folds.items():
        if fold(one) == fold(other):
            return kind
    return "words (initials, other names)"


def _bare(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w", _bare(text.replace("&", "and"))))


def _print_wrong(names: dict[str, set[str]]) -> None:
    by_key: dict[str, dict[str, str]] = {}
    for number, spellings in names.items():
        for name in spellings:
            if key := artist_key(name):
                by_key.setdefault(key, {})[number] = name
    several = {key: each for key, each in by_key.items() if len(each) > 1}
    others = {
        key: sorted(each.values())
        for key, each in several.items()
        if len({_NUMBER.sub("", name).casefold() for name in each.values()}) > 1
    }
    print("| keys | of several ids | of these, numbered namesakes | other names |")
    print("| --- | --- | --- | --- |")
    share = len(others) / len(by_key)
    print(
        f"| {len(by_key):,} | {len(several):,} ({len(several) / len(by_key):.2%})"
        f" | {len(several) - len(others):,} | {len(others):,} ({share:.2%}) |"
    )
    for wrong in others.values():
        print(f"- {' / '.join(wrong)}")


if __name__ == "__main__":
    main()
