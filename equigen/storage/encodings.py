"""Diagnose text files that aren't UTF-8; settings and TSV readers share it."""

import codecs
from pathlib import Path
from typing import Final

# The longer ones first: UTF-32 begins as UTF-16 does.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FIRST_BYTES = 4
# The characters that surrogateescape decodes bytes to that aren't UTF-8: https://peps.python.org/pep-0383/
ESCAPED_BYTE: Final = range(0xDC80, 0xDD00)
SAVE_AS_UTF8 = "Save it as UTF-8, then run again."


def other_encoding(path: Path) -> str:
    """Return the encoding that a file's first bytes show, or "" where it may be UTF-8."""
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    # Latin letters, of which every second byte is NUL.
    halves = {start[0::2].count(0), start[1::2].count(0)}
    return "UTF-16" if len(start) == _FIRST_BYTES and halves == {0, _FIRST_BYTES // 2} else ""


def why_not_utf8(path: Path) -> str:
    """Return the place where a file isn't UTF-8 and the next step, to follow the file's name."""
    if other := other_encoding(path):
        return f", line 1, column 1: this is {other}; expected UTF-8. {SAVE_AS_UTF8}"
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, line in enumerate(file, start=1):
            for at, char in enumerate(line, start=1):
                if ord(char) in ESCAPED_BYTE:
                    return f", line {number}, column {at}: {bad_byte(char)}"
    return f": not UTF-8. {SAVE_AS_UTF8}"


def bad_byte(char: str) -> str:
    """Describe a byte that isn't UTF-8, given as `surrogateescape` decodes it."""
    return f"not UTF-8: byte 0x{ord(char) - 0xDC00:02x} stands there. {SAVE_AS_UTF8}"
