"""Parse a Discogs dump into rows, in its order: block by block, or incrementally where in doubt.

Each block is trimmed by its bytes and then parsed as a whole. From the first block that is more
than tags and text, or that the parser refuses, an incremental parser reads the rest unchanged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal, NamedTuple, cast

from lxml import etree

from equigen.dumps.blocks import Blocks, DumpError, DumpFile, Markup, head_of, is_plain, trimmed
from equigen.dumps.extract import Found, found_in, number

Cell = str | int | bool
Row = tuple[Cell, ...]

# A block and its tree fit into the cache of a core.
BLOCK_BYTES = 1 << 18
_HEAD_BYTES = 1 << 16
_ROWS_TOGETHER = 1_000
_SCOUTED_BYTES = 1 << 12
# Errors that an incremental parser reports only at the end, although the dump isn't cut off.
_NEVER_CUT_OFF = (
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
    etree.ErrorTypes.WAR_UNDECLARED_ENTITY,
    etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE,
)


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of record: its markup, the elements that are read, and the function that makes a row.

    `row` is called with the record's number and its texts.
    """

    markup: Markup
    tags: tuple[str, ...]
    row: Callable[[int, Found], Row]


@dataclass(frozen=True, slots=True)
class Turn:
    """The blocks of one reader: of `readers` that share a dump, it has the number `index`."""

    index: int = 0
    readers: int = 1

    def has(self, block: int) -> bool:
        """Tell whether a block belongs to this reader."""
        return block % self.readers == self.index


ALONE = Turn()


class Batch(NamedTuple):
    """Rows of consecutive records.

    `skipped` counts the records among them without a number, `position` the bytes of the file read
    so far. With `is_rest`, all following batches come from the same reader.
    """

    rows: list[Row]
    skipped: int
    position: int
    is_rest: bool


def batches(
    dump: DumpFile, kind: RecordKind, *, turn: Turn = ALONE, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Yield the rows of the blocks that belong to this turn.

    Raises:
        DumpError: the dump is not whole, not XML, or of another kind. Readers that have no further
            block raise it too.

    """
    start = dump.read(_HEAD_BYTES)
    head = head_of(start, kind.markup.root)
    if not head:
        if turn.has(0):
            yield from _incremental_rows(chain([start], _pieces(dump, block_bytes)), dump, kind)
        return
    blocks = Blocks(dump, start[start.index(head) + len(head) :], kind.markup, block_bytes)
    for number_of_block in count():
        block = blocks.next()
        if turn.has(number_of_block):
            batch = _parsed(block, head, dump, kind) if block else None
            if batch is None:
                yield from _incremental_rows(chain([head, block], blocks.following()), dump, kind)
                return
            yield batch
        if not block:
            return


def _pieces(dump: DumpFile, size_bytes: int) -> Iterator[bytes]:
    while piece := dump.read(size_bytes):
        yield piece


def _parsed(block: bytes, head: bytes, dump: DumpFile, kind: RecordKind) -> Batch | None:
    """Return the rows of a block; None where the incremental parser has to decide."""
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


def _batch(
    records: Iterable[Found], dump: DumpFile, kind: RecordKind, *, is_rest: bool = False
) -> Batch:
    rows: list[Row] = []
    skipped = 0
    for found in records:
        if record_id := number(found.record_id):
            rows.append(kind.row(record_id, found))
        else:
            skipped += 1
    return Batch(rows, skipped, dump.position, is_rest)


def _incremental(event: Literal["start", "end"], tag: str | None) -> etree.XMLPullParser:
    # Entities that the dump itself declares are text, bounded by the limits of lxml.
    return etree.XMLPullParser(
        events=(event,),
        tag=tag,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        no_network=True,
    )


def _elements(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    """Yield the elements of the parser's pending events."""
    for _, element in parser.read_events():
        yield cast("etree._Element", element)  # noqa: SLF001  (lxml's public name is a function)


def _incremental_rows(pieces: Iterable[bytes], dump: DumpFile, kind: RecordKind) -> Iterator[Batch]:
    """Parse an XML document incrementally and yield all its records.

    Raises:
        DumpError: it isn't XML, has another root, or its pieces can't be read.

    """
    parser = _incremental("end", kind.markup.record)
    records: list[Found] = []
    is_at_end = False
    try:
        for piece in _of_root(pieces, kind.markup.root):
            parser.feed(piece)
            for element in _elements(parser):
                records += _take_record(element, kind)
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
        code = err.code  # type: ignore[attr-defined]  # missing in lxml's type hints
        if is_at_end and code not in _NEVER_CUT_OFF:
            what = f"the XML is cut off: it ends without </{kind.markup.root}>"
        else:
            what = f"not XML: {err.msg}"
        raise DumpError(what) from None
    yield _batch(records, dump, kind, is_rest=True)


def _take_record(element: etree._Element, kind: RecordKind) -> list[Found]:
    """Extract the record that has just ended, and free it and everything before it."""
    root = element.getparent()
    if root is None or root.getparent() is not None:
        return []  # an element of that name inside a record
    found = list(found_in(element, root, kind.markup.record, kind.tags))
    element.clear()
    while element.getprevious() is not None:
        del root[0]
    return found


def _of_root(pieces: Iterable[bytes], root: str) -> Iterator[bytes]:
    """Yield the pieces of a document once its root was seen and checked.

    Raises:
        DumpError: the root is another one, or parts of the document lie in other files.
        etree.XMLSyntaxError: the document is not XML.

    """
    # Entities stay unresolved, so that no other file is opened.
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


def _check_doctype(doctype: Any) -> None:  # noqa: ANN401  (missing in lxml's type hints)
    """Make sure that the whole document is in this file and outside of entities.

    Raises:
        DumpError: parts of it lie in another file or in entities, which cause no parser events.

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
        for element in _elements(scout):
            return element
    return None
