"""A dump cut into blocks of whole records by searching bytes, without what nobody reads of them.

In XML a "<" is always the start of a tag, but for comments, CDATA sections, processing instructions
and declarations: where a block has none of these ("<!", "<?"), an end tag found by its bytes is an
end tag. Whatever else is not as expected is left for a parser to decide: it comes out as a block
that isn't plain, or that isn't well-formed by itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from equigen.dumps.decompress import DumpFile

# A record is 1 to 10 KB; one without an end within this many bytes isn't cut any more.
_MOST_BYTES = 32 << 20
_UTF8_BOM = b"\xef\xbb\xbf"
_DECLARATION = rb"<\?xml\s[^<>?]*\?>"
_OWN_ENCODING = re.compile(
    rb"""encoding\s*=\s*["'](?!(?:utf-8|us-ascii|ascii)["'])""", re.IGNORECASE
)
# Behind a "<", it is no tag.
_NO_TAG = (b"!", b"?")
# A URL begins so, unless characters of it are written as references.
_URL_SIGNS = (b"http", b"&")
_OPENING, _CLOSING = b"<>"


@dataclass(frozen=True, slots=True)
class Markup:
    """The names in a dump: of its root, of a record, and of elements in a record to leave out."""

    root: str
    record: str
    unused: tuple[str, ...]


def head_of(start: bytes, root: str) -> bytes:
    """Return what stands before the first record, up to the root's start tag and with it.

    Returns nothing where there is more than an XML declaration, another encoding than UTF-8 or
    ASCII, or another root.
    """
    name = root.encode()
    found = re.match(
        rb"(?:%b)?(?:%b)?\s*<%b(?:\s[^<>]*[^<>/])?>" % (_UTF8_BOM, _DECLARATION, name), start
    )
    if not found or _OWN_ENCODING.search(found[0]):
        return b""
    return found[0].removeprefix(_UTF8_BOM)


class Blocks:
    """Cuts a dump after the last end of a record within each `size_bytes`."""

    def __init__(self, dump: DumpFile, start: bytes, markup: Markup, size_bytes: int) -> None:
        self._dump, self._rest, self._size_bytes = dump, start, size_bytes
        self._end = f"</{markup.record}>".encode()

    def next(self) -> bytes:
        """Return the next block; nothing where no record ends any more.

        Raises:
            DumpError: as `DumpFile.read`.

        """
        while True:
            rest = self._rest
            cut = rest.rfind(self._end, 0, self._size_bytes)
            if cut < 0:
                cut = rest.find(self._end)
            if cut >= 0:
                cut += len(self._end)
                self._rest = rest[cut:]
                return rest[:cut]
            more = self._dump.read(self._size_bytes) if len(rest) < _MOST_BYTES else b""
            if not more:
                return b""
            self._rest = rest + more

    def following(self) -> Iterator[bytes]:
        """Yield all that comes behind the last block, in pieces.

        Raises:
            DumpError: as `DumpFile.read`.

        """
        yield self._rest
        while more := self._dump.read(self._size_bytes):
            yield more


def is_plain(block: bytes) -> bool:
    """Tell whether "<" is always the start of a tag in a block of whole records."""
    return not any(_has_opened(block, sign) for sign in _NO_TAG)


def _has_opened(block: bytes, sign: bytes) -> bool:
    """Tell whether a sign stands behind a "<"; much rarer than that, it is found much sooner."""
    at = block.find(sign, 1)
    while at > 0:
        if block[at - 1] == _OPENING:
            return True
        at = block.find(sign, at + 1)
    return False


def trimmed(block: bytes, markup: Markup) -> bytes:
    """Return a plain block without elements that nobody reads, and without images that are none.

    What is left out is from a start tag to the next end tag of that name. Where that isn't one
    element, since another of its name is in it, tags without their partners are left, so that no
    parser takes the block. Images are left out where none has a URL.
    """
    record = markup.record.encode()
    for name in markup.unused:
        block = _without(block, name.encode(), record)
    return _without(block, b"images", record, kept_with=_URL_SIGNS)


def _without(
    block: bytes, name: bytes, record: bytes, *, kept_with: tuple[bytes, ...] = ()
) -> bytes:
    """Leave out elements of a name, but those that have one of some bytes in them."""
    start, end = b"<%b>" % name, b"</%b" % name
    record_start, record_end = b"<%b" % record, b"</%b" % record
    find = block.find
    kept = []
    at = 0
    begins = find(start)
    while begins >= 0:
        ends = find(end, begins)
        stops = ends + len(end) + 1
        if ends < 0 or block[stops - 1] != _CLOSING:
            break  # an end tag with a blank in it, or another name: let a parser see them all
        if find(record_end, begins, ends) >= 0 or find(record_start, begins, ends) >= 0:
            break  # without an end in its own record: let a parser say what is wrong
        for sign in kept_with:
            if find(sign, begins, ends) >= 0:
                break
        else:
            kept.append(block[at:begins])
            at = stops
        begins = find(start, stops)
    if not at:
        return block
    kept.append(block[at:])
    return b"".join(kept)
