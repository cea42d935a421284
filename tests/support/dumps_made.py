"""Dumps made for tests, with all that XML allows, and what a whole tree of one says by XPath."""

import gzip
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lxml import etree

from equigen.dumps.archives import Row, opened
from equigen.dumps.parse import BLOCK_BYTES, RecordKind, batches
from equigen.schema import join_list, safe_text

_JOINS = ("", ",", "&", "Feat.", "/", "-", "=", "And", " , ", "vs\t")
_NAMES = (
    "Björk", "Various", "Beatles, The", "Clash, The (2)", ", The", "Prince (2)", "Vince Watson",
    "A & B", "x < y > z", "Ti\ttle", "two\nlines", "a\u0301", "\u00a0", " ", "", "AC|DC", "]]", "1",
    "Rock", "Folk, World, & Country", '12"', "it's", "\u2028", "\U0001f3b5", "</master>",
    "<videos>", "&amp;", "-- >", "Deep House", "\x85\u2029 end ",
)  # fmt: skip
_IDS = ("0", "-1", "", "x", " 7 ", "1e3", "\u0661", "99999999999999999999", "007")
_YEARS = ("0", "1999", " 2002\n", "999", "10000", "0999", "19x9", "1999-03-00", "2020-01", "", "?")
_URIS = (
    "",
    "http://a.b/1.jpg",
    "https://a.b/2.jpg?x=1&y=2",
    "ftp://a.b/3",
    " http://a.b/4.jpg",
    "http://a.b/\t\n5",
)
_TRAPS = ("</master>", "</release>", "<videos>", "</videos>", "<title>no</title>", "</tracklist>")


class Pen:
    """Writes XML in one of the many ways there are; a plain one needs nothing but tags and text."""

    def __init__(self, seed: int, *, is_plain: bool, names: Sequence[str] = ()) -> None:
        self.random = random.Random(seed)
        self.is_plain = is_plain
        self._names = (*_NAMES, *names)

    def one_of(self, choices: Sequence[str]) -> str:
        """Choose."""
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        """Tell whether something happens."""
        return self.random.random() < share

    def name(self) -> str:
        """Return a name, or what might stand in place of one."""
        return self.one_of(self._names)

    def text(self, text: str, *, quote: str = "") -> str:
        """Write a text, or in quotes the value of an attribute."""
        if not quote and not self.is_plain and "]]>" not in text and self.chance(0.1):
            return f"<![CDATA[{text}]]>"
        written = "".join(self._character(each, quote) for each in text)
        if not quote and not self.is_plain and self.chance(0.1):
            return written + self.one_of(("<!-- c -->", "<?p i?>")) + self.text("")
        return written

    def _character(self, character: str, quote: str) -> str:
        must = {"&": "&amp;", "<": "&lt;", "\r": "&#13;"}
        if quote:
            must |= {"\t": "&#9;", "\n": "&#xA;", '"': "&quot;", "'": "&apos;"}
        if self.chance(0.03):
            return self.one_of((f"&#{ord(character)};", f"&#x{ord(character):x};"))
        return must.get(character, "&gt;" if character == ">" else character)

    def tag(self, name: str, content: str = "", /, **attributes: str) -> str:
        """Write an element with content that is written already."""
        order = list(attributes.items())
        self.random.shuffle(order)
        start = name
        for key, value in order:
            quote = self.one_of("'\"")
            blank = self.one_of((" ", "  ", "\n"))
            start += f"{blank}{key}={quote}{self.text(value, quote=quote)}{quote}"
        start += self.one_of(("", "", "", "", " "))
        if not content and self.chance(0.6):
            return f"<{start}/>"
        return f"<{start}>{content}</{name}{self.one_of(('', '', '', '', '', '', ' '))}>"

    def said(self, name: str, text: str, /, **attributes: str) -> str:
        """Write an element with a text, and now and then with elements that are not its text."""
        written = self.text(text)
        if self.chance(0.02):
            written += self.tag(self.one_of(("b", "videos", "genre")), "no") + self.text("more")
        return self.tag(name, written, **attributes)

    def some(self, make: Callable[[], str], most: int = 3) -> str:
        """Write a few."""
        return "".join(make() for _ in range(self.random.randint(0, most)))

    def trap(self) -> str:
        """Write something that looks like markup and isn't, or isn't where it counts."""
        if self.is_plain:
            return self.said("title", "not this")
        trap = "".join(self.random.sample(_TRAPS, 2))
        return self.one_of((f"<!--{trap}-->", f"<![CDATA[{trap}]]>", f"<?trap {trap}?>"))


def _artists(pen: Pen, name: str = "artists") -> str:
    def artist() -> str:
        parts = [pen.said("id", pen.one_of(_IDS)), pen.said("name", pen.name())]
        parts += [pen.said("anv", pen.name() if pen.chance(0.2) else "")]
        parts += [pen.said("join", pen.one_of(_JOINS)), pen.tag("role"), pen.tag("tracks")]
        pen.random.shuffle(parts)
        return pen.tag("artist", "".join(part for part in parts if pen.chance(0.9)))

    return pen.tag(name, pen.some(artist))


def _shared(pen: Pen) -> list[str]:
    """Write what masters and releases have both."""

    def image() -> str:
        kind = pen.one_of(("primary", "secondary"))
        return pen.tag("image", type=kind, uri=pen.one_of(_URIS), uri150="", width="600")

    def video() -> str:
        inner = pen.said("title", pen.name()) + pen.said("description", pen.name())
        return pen.tag("video", inner + (pen.trap() if pen.chance(0.2) else ""), src=pen.name())

    return [
        pen.tag("images", pen.some(image)),
        _artists(pen),
        pen.said("title", pen.name()),
        pen.tag("genres", pen.some(lambda: pen.said("genre", pen.name()), 4)),
        pen.tag("styles", pen.some(lambda: pen.said("style", pen.name()), 4)),
        pen.tag("videos", pen.some(video)),
        pen.said("data_quality", "Correct"),
    ]


def _put_together(pen: Pen, name: str, parts: list[str], **attributes: str) -> str:
    kept = [part for part in parts if pen.chance(0.93)]
    if pen.chance(0.1):
        pen.random.shuffle(kept)
    if pen.chance(0.03):
        kept.append(pen.said("title", "another"))
    if pen.chance(0.1):
        kept.append(
            pen.trap() if pen.chance(0.5) else pen.tag("notes", pen.tag(name, "no", id="5"))
        )
    between = "\n   " if pen.chance(0.2) else ""
    if pen.chance(0.05):
        attributes = {}
    return pen.tag(name, between + between.join(kept), **attributes)


def master(pen: Pen) -> str:
    """Write a master."""
    parts = [pen.said("main_release", "1"), *_shared(pen), pen.said("year", pen.one_of(_YEARS))]
    return _put_together(pen, "master", parts, id=_record_id(pen))


def release(pen: Pen) -> str:
    """Write a release."""

    def form() -> str:
        inner = pen.some(lambda: pen.said("description", pen.name()))
        return pen.tag(
            "format", pen.tag("descriptions", inner), name=pen.name(), qty="1", text="no"
        )

    def track() -> str:
        inner = pen.said("title", pen.name()) + _artists(pen) + _artists(pen, "extraartists")
        return pen.tag("track", inner + (pen.trap() if pen.chance(0.1) else ""))

    is_main = pen.one_of(("true", "false"))
    parts = [
        *_shared(pen),
        pen.tag("labels", pen.tag("label", name=pen.name())),
        _artists(pen, "extraartists"),
        pen.tag("formats", pen.some(form)),
        pen.said("country", pen.name()),
        pen.said("released", pen.one_of(_YEARS)),
        pen.said("notes", pen.name()),
        pen.said("master_id", pen.one_of((*_IDS, "123")), is_main_release=is_main),
        pen.tag("tracklist", pen.some(track)),
        pen.tag("identifiers", pen.tag("identifier", description=pen.name())),
        pen.tag("companies", pen.tag("company", pen.said("name", pen.name()))),
    ]
    return _put_together(pen, "release", parts, id=_record_id(pen), status="Accepted")


def _record_id(pen: Pen) -> str:
    return pen.one_of(_IDS) if pen.chance(0.05) else str(pen.random.randint(1, 10**7))


def document(pen: Pen, root: str, records: Sequence[str]) -> str:
    """Write a whole dump around records, in characters."""
    prolog = pen.one_of(
        ("", "", '<?xml version="1.0"?>', "<?xml version='1.0' standalone='yes'?>\n")
    )
    inside = "".join(record + pen.one_of(("", "\n", "\n  ")) for record in records)
    if not pen.is_plain:
        prolog += pen.one_of(
            ("", "<!-- a > b -->", f"<!DOCTYPE {root} [<!ENTITY e 'x'>]>", "<?p?>")
        )
        inside += pen.one_of(("", "<!-- end -->", "\n<?p?>"))
    start = root + pen.one_of(("", "", " n='1'", "\n"))
    return (
        f"{prolog}<{start}>{pen.one_of(('', chr(10)))}{inside}</{root}>{pen.one_of(('', chr(10)))}"
    )


def written(path: Path, content: bytes) -> Path:
    """Write a dump; compressed where its name says so."""
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def rows_of(
    path: Path, kind: RecordKind, *, readers: int = 1, block_bytes: int = BLOCK_BYTES
) -> list[Row]:
    """Read a dump with several readers in turns, all in this process."""
    rows: list[Row] = []
    with ExitStack() as stack:
        crew = [
            batches(
                stack.enter_context(opened(path, kind="")),
                kind,
                index=index,
                readers=readers,
                block_bytes=block_bytes,
            )
            for index in range(readers)
        ]
        turn = 0
        while (batch := next(crew[turn % len(crew)], None)) is not None:
            rows += batch.rows
            if batch.is_rest:
                crew = [crew[turn % len(crew)]]
            turn += 1
    return rows


def expected_masters(content: bytes) -> list[Row]:
    """Return the rows of a masters dump by its whole tree."""
    return [
        (
            record_id,
            _credit(record),
            safe_text(_own(record, "title")),
            _year(_own(record, "year"), whole=True),
            _cell(_all(record, "genres/genre"), without="1"),
            _cell(_all(record, "styles/style")),
            _picture(record),
            _ids(record),
        )
        for record_id, record in _records(content, "master")
    ]


def expected_releases(content: bytes) -> list[Row]:
    """Return the rows of a releases dump by its whole tree."""
    return [
        (
            record_id,
            _number(_own(record, "master_id")),
            record.xpath("string(master_id[1]/@is_main_release)") == "true",
            _credit(record),
            safe_text(_own(record, "title")),
            _year(_own(record, "released"), whole=False),
            _cell(_all(record, "genres/genre"), without="1"),
            _cell(_all(record, "styles/style")),
            safe_text(_own(record, "country")),
            _cell(_formats(record)),
            _picture(record),
            _ids(record),
        )
        for record_id, record in _records(content, "release")
    ]


def _records(content: bytes, name: str) -> Iterator[tuple[int, Any]]:
    tree: Any = etree.fromstring(content, etree.XMLParser(no_network=True))
    for record in tree.xpath(f"/{name}s/{name}"):
        if record_id := _number(record.get("id", "")):
            yield record_id, record


def _own(record: Any, path: str) -> str:  # noqa: ANN401  (lxml's hints don't tell what XPath gives)
    """Return the text of the first element at a path, without that of elements in it."""
    return "".join(record.xpath(f"({path})[1]/text()"))


def _all(record: Any, path: str) -> list[str]:  # noqa: ANN401  (as above)
    return ["".join(each.xpath("text()")) for each in record.xpath(path)]


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else 0


def _year(text: str, *, whole: bool) -> int:
    found = re.match(r"\s*([0-9]{4})(\s*$)?", text)
    if not found or (whole and found[2] is None):
        return 0
    return int(found[1]) if int(found[1]) >= 1000 else 0


def _credit(record: Any) -> str:  # noqa: ANN401  (as above)
    shown: list[str] = []
    for artist in record.xpath("artists/artist"):
        names = [safe_text(_own(artist, "name")), safe_text(_own(artist, "anv"))]
        name = next(filter(None, names), "")
        name = re.sub(r"^(.+), The( \([0-9]+\))?$", r"The \1\2", name)
        join = safe_text(_own(artist, "join"))
        if name:
            shown += [name, ", " if join in ("", ",") else f" {join} "]
    return "".join(shown[:-1])


def _ids(record: Any) -> str:  # noqa: ANN401  (as above)
    numbers = [_number(_own(artist, "id")) for artist in record.xpath("artists/artist")]
    return _cell([f"discogs:a{number}" for number in numbers if number])


def _cell(names: Sequence[str], *, without: str = "") -> str:
    kept: list[str] = []
    for name in names:
        safe = safe_text(name)
        if safe not in ("", without) and join_list([safe]) not in kept:
            kept.append(join_list([safe]))
    return "|".join(kept)


def _formats(record: Any) -> list[str]:  # noqa: ANN401  (as above)
    names: list[str] = []
    for each in record.xpath("formats/format"):
        names += [each.get("name", ""), *_all(each, "descriptions/description")]
    return names


def _picture(record: Any) -> str:  # noqa: ANN401  (as above)
    images = record.xpath("images/image")
    for asked in ([each for each in images if each.get("type") == "primary"], images):
        for image in asked:
            uri = safe_text(image.get("uri", ""))
            if re.match("https?://", uri):
                return uri
    return ""
