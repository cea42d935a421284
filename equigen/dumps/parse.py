"""The records of a Discogs dump as rows, in its order: block by block, or exactly where in doubt.

Blocks are trimmed by their bytes and then parsed. Where a block is anything but tags and text, or
the parser doesn't take it, the dump is read from there on, as it stands, by an incremental parser.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal, NamedTuple, cast

from lxml import etree

from equigen.dumps.blocks import Blocks, Markup, head_of, is_plain, trimmed
from equigen.dumps.decompress import DumpError, DumpFile
from equigen.dumps.extract import Found, found_in
from equigen.dumps.texts import number

Cell = str | int | bool
Row = tuple[Cell, ...]

# What a block is made into stays in a core's own cache.
BLOCK_BYTES = 1 << 18
_HEAD_BYTES = 1 << 16
_ROWS_TOGETHER = 1_000
_SCOUTED_BYTES = 1 << 12
# What a parser that reads on says at the end alone, though more would not help.
_NEVER_CUT_OFF = (
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
    etree.ErrorTypes.WAR_UNDECLARED_ENTITY,
    etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of dump: its markup, the elements to look at, and what is made of a record.

    `row` gets the record's number as well.
    """

    markup: Markup
    tags: tuple[str, ...]
    row: Callable[[int, Found], Row]


@dataclass(frozen=True, slots=True)
class Turn:
    """Which blocks are whose: of `readers` that read a dump together, each has its `index`."""

    index: int = 0
    readers: int = 1

    def has(self, block: int) -> bool:
        """Tell whether a block is this reader's."""
        return block % self.readers == self.index


ALONE = Turn()


class Batch(NamedTuple):
    """Rows of records that follow each other.

    `skipped` records between them have no number. `position` is how many bytes of the file were
    read by then. `is_rest`: all that follows comes from the same reader.
    """

    rows: list[Row]
    skipped: int
    position: int
    is_rest: bool


def batches(
    dump: DumpFile, kind: Kind, *, turn: Turn = ALONE, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Yield the rows of the blocks whose turn it is; the end is in the turn after the last block.

    Raises:
        DumpError: the dump is not whole, not XML, or of another kind. A reader whose turn isn't
            there raises it too where it is asked for what would come behind.

    """
    start = dump.read(_HEAD_BYTES)
    head = head_of(start, kind.markup.root)
    if not head:
        if turn.has(0):
            yield from _exact(chain([start], _pieces(dump, block_bytes)), dump, kind)
        return
    blocks = Blocks(dump, start[start.index(head) + len(head) :], kind.markup, block_bytes)
    for number_of_block in count():
        block = blocks.next()
        if turn.has(number_of_block):
            batch = _parsed(block, head, dump, kind) if block else None
            if batch is None:
                yield from _exact(chain([head, block], blocks.following()), dump, kind)
                return
            yield batch
        if not block:
            return


def _pieces(dump: DumpFile, size_bytes: int) -> Iterator[bytes]:
    while piece := dump.read(size_bytes):
        yield piece


def _parsed(block: bytes, head: bytes, dump: DumpFile, kind: Kind) -> Batch | None:
    """Return the rows of a block; None where an exact parser has to decide."""
    if not is_plain(block):
        return None
    try:
        root = etree.fromstring(
            b"%b%b</%b>" % (head, trimmed(block, kind.markup), kind.markup.root.encode()),
            etree.XMLParser(collect_ids=False, no_network=True),
        )
    except etree.XMLSyntaxError:
        return None
    return _batch(found_in(root, root, kind.markup.record, kind.tags), dump, kind)


def _batch(records: Iterable[Found], dump: DumpFile, kind: Kind, *, is_rest: bool = False) -> Batch:
    rows: list[Row] = []
    skipped = 0
    for found in records:
        if record_id := number(found.record_id):
            rows.append(kind.row(record_id, found))
        else:
            skipped += 1
    return Batch(rows, skipped, dump.position, is_rest)


def _incremental(event: Literal["start", "end"], tag: str | None) -> etree.XMLPullParser:
    # Entities that the dump itself declares are text, bounded by the parser's own limits.
    return etree.XMLPullParser(
        events=(event,),
        tag=tag,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        no_network=True,
    )


def _seen_by(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    """Yield the elements of the events that came in."""
    for _, element in parser.read_events():
        yield cast("etree._Element", element)  # noqa: SLF001  (the name that lxml gives the class)


def _exact(pieces: Iterable[bytes], dump: DumpFile, kind: Kind) -> Iterator[Batch]:
    """Yield all records of an XML document.

    Raises:
        DumpError: it isn't one, or of another kind; or its pieces can't be read.

    """
    parser = _incremental("end", kind.markup.record)
    records: list[Found] = []
    is_at_end = False
    try:
        for piece in _of_root(pieces, kind.markup.root):
            parser.feed(piece)
            for element in _seen_by(parser):
                records += _said_by(element, kind)
            if len(records) >= _ROWS_TOGETHER:
                yield _batch(records, dump, kind, is_rest=True)
                records = []
        is_at_end = True
        parser.close()
    except DumpError:
        yield _batch(records, dump, kind, is_rest=True)
        raise
    except etree.XMLSyntaxError as err:
        yield _batch(records, dump, kind, is_rest=True)
        code = err.code  # type: ignore[attr-defined]  # its hints leave this out
        if is_at_end and code not in _NEVER_CUT_OFF:
            what = f"the XML is cut off: it ends without </{kind.markup.root}>"
        else:
            what = f"not XML: {err.msg}"
        raise DumpError(what) from None
    yield _batch(records, dump, kind, is_rest=True)


def _said_by(element: etree._Element, kind: Kind) -> list[Found]:
    """Return what a record says that has just ended, and let go of it and of what stands before."""
    root = element.getparent()
    if root is None or root.getparent() is not None:
        return []  # it has the name of a record and isn't one
    found = list(found_in(element, root, kind.markup.record, kind.tags))
    element.clear()
    while element.getprevious() is not None:
        del root[0]
    return found


def _of_root(pieces: Iterable[bytes], root: str) -> Iterator[bytes]:
    """Yield the pieces of a document once its root was seen, and is as expected.

    Raises:
        DumpError: it is another one, or parts of the document lie elsewhere.
        etree.XMLSyntaxError: this is no XML.

    """
    # Leaves entities as they are, and so never looks for what stands in another file.
    scout = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True)
    pieces = iter(pieces)
    held = []
    for piece in pieces:
        held.append(piece)
        found = _first_element(scout, piece)
        if found is not None:
            _check_doctype(found.getroottree().docinfo)
            if found.tag != root:
                what = f"its root is <{found.tag}>; expected <{root}>"
                raise DumpError(what)
            break
    else:
        scout.close()
    yield from held
    yield from pieces


def _check_doctype(doctype: Any) -> None:  # noqa: ANN401  (lxml's hints know too little of it)
    """Make sure that all of the document is where it seems to be.

    Raises:
        DumpError: parts of it lie in another file, or in entities: no event tells of these.

    """
    if doctype.system_url is not None:
        what = f"it refers to another file, {doctype.system_url!r}, which is not read"
        raise DumpError(what)
    declared = doctype.internalDTD
    for entity in declared.entities() if declared is not None else ():
        if "<" in (entity.content or ""):
            what = f"it declares an entity that holds markup, {entity.name!r}, which is not read"
            raise DumpError(what)


def _first_element(scout: etree.XMLPullParser, piece: bytes) -> etree._Element | None:
    for at in range(0, len(piece), _SCOUTED_BYTES):
        scout.feed(piece[at : at + _SCOUTED_BYTES])
        for element in _seen_by(scout):
            return element
    return None
