"""Parse a Discogs dump into rows, in its order: block by block, or incrementally where in doubt.

Each block is trimmed by its bytes and then parsed as a whole. Records with characters that XML
forbids are left out of it. From the first block that is more than tags and text, or that the parser
refuses for other reasons, an incremental parser reads the rest unchanged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from lxml import etree

from equigen.dumps.archives import Batch, DumpError, DumpFile, Row
from equigen.dumps.blocks import MARK, MOST_BYTES, TOO_LONG, cut, head_of, is_plain, mended, trimmed
from equigen.dumps.extract import RecordTexts, number, texts_of

# A block and its tree fit into the cache of a core.
BLOCK_BYTES = 1 << 18
_HEAD_BYTES = 1 << 16
_ROWS_TOGETHER = 1_000
# Errors that an incremental parser reports only at the end, although the dump isn't cut off.
_NEVER_CUT_OFF = (
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
    etree.ErrorTypes.WAR_UNDECLARED_ENTITY,
    etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE,
)


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of record: the element names of its dump, and the function that makes a row.

    `root` holds the elements called `record`, of which `unused` are left out. `row` is called with
    the record's number and its texts.
    """

    root: str
    record: str
    unused: tuple[str, ...]
    row: Callable[[int, RecordTexts], Row]


def batches(
    dump: DumpFile,
    kind: RecordKind,
    *,
    index: int = 0,
    readers: int = 1,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Yield the rows of every `readers`-th block from the one with the number `index` on.

    Raises:
        DumpError: the dump is not whole, not XML, or of another kind. Readers that have no further
            block raise it too.

    """
    start = dump.read(_HEAD_BYTES)
    head = head_of(start, kind.root)
    if not head:
        if index == 0:
            rest = iter(partial(dump.read, block_bytes), b"")
            yield from _incremental_rows(chain([start], rest), dump, kind)
        return
    end = f"</{kind.record}>".encode()
    pieces = cut(dump, start[start.index(head) + len(head) :], end, block_bytes)
    for at, block in enumerate(pieces):
        is_block = block.endswith(end)
        if at % readers == index:
            batch = _parsed(block, head, dump, kind) if is_block else None
            if batch is None:
                yield from _incremental_rows(chain([head, block], pieces), dump, kind)
                return
            yield batch
        if not is_block:
            return


def _parsed(block: bytes, head: bytes, dump: DumpFile, kind: RecordKind) -> Batch | None:
    """Return the rows of a block; None where the incremental parser has to decide."""
    if not is_plain(block):
        return None
    content = trimmed(block, kind.record, kind.unused)
    document = b"%b%b</%b>" % (head, content, kind.root.encode())
    parser = etree.XMLParser(collect_ids=False, no_network=True)
    unread: list[tuple[str, str]] = []
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as err:
        why = "it is too long" if TOO_LONG in block else f"not XML: {err.msg}"
        try:
            root = etree.fromstring(mended(document), parser)
        except etree.XMLSyntaxError:
            return None
        unread = [(name, why) for name in _unread_taken_out(root, dump)]
        if not unread:
            return None
    batch = _batch(texts_of(root, root, kind.record), dump, kind)
    return batch._replace(records=batch.records + len(unread), unread=unread)


def _unread_taken_out(root: etree._Element, dump: DumpFile) -> list[str]:
    """Remove the records that have a mark and return their names; none for a mark between them."""
    if MARK in (root.text or ""):
        return []
    marked = [each for each in root if MARK in etree.tostring(each, encoding="unicode")]
    for record in marked:
        root.remove(record)
    place = f"one before byte {dump.position:,}"
    return [str(number(record.get("id", "")) or place) for record in marked]


def _batch(
    records: Iterable[RecordTexts], dump: DumpFile, kind: RecordKind, *, is_rest: bool = False
) -> Batch:
    rows: list[Row] = []
    skipped = 0
    for record in records:
        if record_id := number(record.record_id):
            rows.append(kind.row(record_id, record))
        else:
            skipped += 1
    return Batch(rows, len(rows) + skipped, skipped, dump.position, is_rest)


def _incremental_rows(pieces: Iterable[bytes], dump: DumpFile, kind: RecordKind) -> Iterator[Batch]:
    """Parse an XML document incrementally and yield all its records.

    Raises:
        DumpError: it isn't XML, has another root, or its pieces can't be read.

    """
    # Entities that the dump itself declares are text, bounded by the limits of lxml.
    parser = etree.XMLPullParser(
        events=("end",),
        tag=kind.record,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        no_network=True,
    )
    records: list[RecordTexts] = []
    is_at_end, held_bytes = False, 0
    try:
        for piece in _of_root(pieces, kind.root):
            parser.feed(piece)
            held_bytes += len(piece)
            for _, element in parser.read_events():
                records += _take_record(element, kind)
                held_bytes = 0
            if held_bytes > MOST_BYTES:
                raise _too_long(kind.record)
            if len(records) >= _ROWS_TOGETHER:
                yield _batch(records, dump, kind, is_rest=True)
                records = []
        is_at_end = True
        parser.close()
    except (DumpError, etree.XMLSyntaxError) as err:
        yield _batch(records, dump, kind, is_rest=True)
        if isinstance(err, DumpError):
            raise
        code = err.code  # type: ignore[attr-defined]  # missing in lxml's type hints
        if is_at_end and code not in _NEVER_CUT_OFF:
            what = f"the XML is cut off: it ends without </{kind.root}>"
        else:
            what = f"not XML: {err.msg}"
        raise DumpError(what) from None
    yield _batch(records, dump, kind, is_rest=True)


def _too_long(what: str) -> DumpError:
    msg = f"it has a {what} of more than {MOST_BYTES:,} bytes"
    return DumpError(msg)


def _take_record(element: Any, kind: RecordKind) -> list[RecordTexts]:  # noqa: ANN401  (lxml's hints say less)
    """Extract the record that has just ended, and free it and everything before it."""
    root = element.getparent()
    if root is None or root.getparent() is not None:
        return []  # an element of that name inside a record
    found = list(texts_of(element, root, kind.record))
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
    pieces = filter(None, pieces)
    held = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) > MOST_BYTES:
            raise _too_long(root)
        scout.feed(piece)
        found: Any = next((element for _, element in scout.read_events()), None)
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
