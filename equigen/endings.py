"""Whether a TSV that EquiGen wrote is there to its end: it ends every line."""

import os
from collections.abc import Sequence
from pathlib import Path

from equigen.errors import InputError
from equigen.schema import COLUMNS

_LINE_ENDS = (b"\n", b"\r")


def refuse_cut_off(path: Path, columns: Sequence[str]) -> None:
    """Make sure that the last row of a file with all of EquiGen's columns has a line end.

    Without one, a row whose last cell is cut looks whole. Files of other tools may lack it.

    Raises:
        InputError: it has none; says the line and the column.

    """
    if tuple(columns[: len(COLUMNS)]) != COLUMNS:
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in _LINE_ENDS:
            return
        file.seek(0)
        number, last = 0, b""
        for number, last in enumerate(file, start=1):  # noqa: B007  (the last counts)
            pass
    column = last.count(b"\t") + 1
    msg = (
        f"{path}, line {number}, column {column}: the file ends in the midst of a line, which"
        " EquiGen never writes: it was cut off, perhaps by a full disk or while it was copied."
        " Expected a line end after each row. Put a whole copy back; or, if this row is whole and"
        " none is missing, end it, or else remove it. Nothing was changed. Then run again."
    )
    raise InputError(msg)
