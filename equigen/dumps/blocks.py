"""Cut a Discogs dump into blocks of whole records by searching bytes.

In XML a "<" always starts a tag, except in comments, CDATA sections, processing instructions and
declarations. A block that has none of these ("<!", "<?") is plain: an end tag found by its bytes is
an end tag. Anything unexpected is left to a parser: it comes out as a block that isn't plain, or
that isn't well-formed by itself.
"""

import re
import sys
from collections.abc import Iterator, Sequence

from equigen.dumps.archives import DumpFile

# A record has 1 to 10 KB; one of more bytes is too long. lxml takes 10,000,000 as one text.
MOST_BYTES = 8 << 20
TOO_LONG = b"\0too long\0"  # is no XML
# It stands for characters that XML forbids, and is none of a text.
MARK = "\ufdd0"
_FORBIDDEN = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    r"|&#(?:x([0-9A-Fa-f]{1,99})|([0-9]{1,99}));"
)
_UTF8_BOM = b"\xef\xbb\xbf"
_DECLARATION = rb"<\?xml\s[^<>?]*\?>"
_OWN_ENCODING = re.compile(
    rb"""encoding\s*=\s*["'](?!(?:utf-8|us-ascii|ascii)["'])""", re.IGNORECASE
)
# After a "<", these start something else than a tag.
_NO_TAG = (b"!", b"?")
# A URL starts with "http", unless its characters are written as references.
_URL_SIGNS = (b"http", b"&")
_OPENING, _CLOSING = b"<>"


def head_of(start: bytes, root: str) -> bytes:
    """Return the bytes before the first record, the root's start tag included.

    Returns b"" where these are more than an XML declaration and the expected root, or where the
    encoding isn't UTF-8 or ASCII.
    """
    name = root.encode()
    found = re.match(
        rb"(?:%b)?(?:%b)?\s*<%b(?:\s[^<>]*[^<>/])?>" % (_UTF8_BOM, _DECLARATION, name), start
    )
    if not found or _OWN_ENCODING.search(found[0]):
        return b""
    return found[0].removeprefix(_UTF8_BOM)


def cut(dump: DumpFile, start: bytes, end: bytes, size_bytes: int) -> Iterator[bytes]:
    """Yield the content from `start` on in pieces: first blocks, cut behind the tag `end`.

    A block is as long as fits into `size_bytes`. The first piece without that tag at its end, maybe
    b"", begins what follows the last record. Of a record that is too long, the block has the two
    tags with `TOO_LONG` between them.

    Raises:
        DumpError: as `DumpFile.read`.

    """
    rest = start
    start_tag = rb"\s*<%b(?:\s[^<>]*)?>" % end[2:-1]
    while True:
        at = rest.rfind(end, 0, size_bytes)
        if at < 0:
            at = rest.find(end)
        if at >= 0:
            yield rest[: at + len(end)]
            rest = rest[at + len(end) :]
        elif len(rest) < MOST_BYTES and (more := dump.read(size_bytes)):
            rest += more
        elif len(rest) >= MOST_BYTES and (tag := re.match(start_tag, rest)):
            while (at := rest.find(end)) < 0 and (more := dump.read(size_bytes)):
                rest = rest[1 - len(end) :] + more
            yield tag[0] + (TOO_LONG + end if at >= 0 else b"")
            rest = rest[at + len(end) :] if at >= 0 else b""
        else:
            break
    yield rest
    while more := dump.read(size_bytes):
        yield more


def mended(content: bytes) -> bytes:
    """Return XML with `MARK` for each character that XML forbids and each byte that isn't UTF-8."""
    return _FORBIDDEN.sub(_mark, content.decode(errors="surrogateescape")).encode()


def _mark(found: re.Match[str]) -> str:
    if found[0].startswith("&"):
        code = int(found[1], 16) if found[1] else int(found[2])
        if code <= sys.maxunicode and not _FORBIDDEN.match(chr(code)):
            return found[0]
    return MARK


def is_plain(block: bytes) -> bool:
    """Tell whether each "<" in a block of whole records starts a tag."""
    return not any(_has_opened(block, sign) for sign in _NO_TAG)


def _has_opened(block: bytes, sign: bytes) -> bool:
    """Tell whether a sign follows a "<"; search for the sign, which is much rarer."""
    at = block.find(sign, 1)
    while at > 0:
        if block[at - 1] == _OPENING:
            return True
        at = block.find(sign, at + 1)
    return False


def trimmed(block: bytes, record: str, unused: Sequence[str]) -> bytes:
    """Return a plain block without its unused elements, and without images that have no URL.

    An element is cut out from its start tag to the next end tag of that name. If it holds another
    element of its name, an unmatched tag remains, so that the parser refuses the block.
    """
    for name in unused:
        block = _without(block, name.encode(), record.encode())
    return _without(block, b"images", record.encode(), kept_with=_URL_SIGNS)


def _without(
    block: bytes, name: bytes, record: bytes, *, kept_with: tuple[bytes, ...] = ()
) -> bytes:
    """Cut out the elements of a name, except those that contain one of `kept_with`."""
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
            break  # an end tag with a blank in it, or another name: left to the parser
        if find(record_end, begins, ends) >= 0 or find(record_start, begins, ends) >= 0:
            break  # no end in its own record: left to the parser
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
