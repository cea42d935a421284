"""A process that reads its part of a dump and tells its rows: a line of JSON for each batch.

After the last batch comes an empty list, or a text that says what is wrong with the dump. When
nobody listens any more it ends.
"""

import ast
import gc
import os
import sys
from pathlib import Path

import orjson

from equigen.dumps import masters, releases
from equigen.dumps.decompress import DumpError, opened
from equigen.dumps.parse import Turn, batches
from equigen.errors import InputError

_KINDS = {kind.markup.root: kind for kind in (masters.KIND, releases.KIND)}
# Rows and elements hold no cycles; looking for some after each few hundred of them only costs.
_LOOK_FOR_CYCLES_EVERY = 100_000


def main(setup: str) -> None:
    """Read by the setup: path, stamp, kind of dump, which reader of how many, size of blocks."""
    path, stamp, name, index, readers, block_bytes = ast.literal_eval(setup)
    gc.set_threshold(_LOOK_FOR_CYCLES_EVERY)
    try:
        with opened(Path(path), made_by="") as dump:
            if dump.stamp != stamp:  # then another reader may read another file
                _say("it was changed while it was being opened")
                return
            turn = Turn(index, readers)
            for batch in batches(dump, _KINDS[name], turn=turn, block_bytes=block_bytes):
                _say(tuple(batch))
        _say(())
    except (DumpError, InputError) as err:
        _say(str(err))


def _say(what: object) -> None:
    try:
        sys.stdout.buffer.write(orjson.dumps(what, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)  # who started it is gone
