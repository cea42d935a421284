"""Dumps that are not what they should be: refused, never taken for the whole."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from downloads import linux_only
from dumps_made import expected_masters, rows_of, written
from hypothesis import given
from hypothesis import strategies as st
from support import realdata

from equigen.dumps.archives import DumpCounts, DumpError, opened
from equigen.dumps.blocks import head_of, is_plain
from equigen.dumps.discogs import MASTER, RELEASE, read_masters, read_releases
from equigen.dumps.parse import batches
from equigen.errors import InputError, MissingInputError

_PEAK = """
import sys
from pathlib import Path
sys.path[:] = sys.argv[2:]
from equigen.dumps.discogs import read_masters
count = sum(len(batch) for batch in read_masters(Path(sys.argv[1]), processes=0))
print(count, Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
ONE = "<master id='{}'><title>T{}</title></master>"


def masters_of(count: int, *, tail: str = "</masters>\n", head: str = "<masters>") -> bytes:
    """Return a small dump."""
    return (head + "\n".join(ONE.format(n, n) for n in range(1, count + 1)) + tail).encode()


def titles(path: Path) -> list[object]:
    """Return the titles of a masters dump."""
    return [row[2] for batch in read_masters(path) for row in batch]


def refused(path: Path, block_bytes: int = 200) -> tuple[int, str]:
    """Return how many rows came of a masters dump before it was refused, and why it was."""
    count = 0
    with opened(path, kind="") as dump, pytest.raises(DumpError) as caught:
        for batch in batches(dump, MASTER, block_bytes=block_bytes):
            assert [row[2] for row in batch.rows] == [
                f"T{n}" for n in range(count + 1, count + 1 + len(batch.rows))
            ]
            count += len(batch.rows)
    return count, str(caught.value)


def test_gzip_that_is_cut_off_is_refused_wherever_it_is(tmp_path: Path) -> None:
    """At every byte: before it come rows from the start of the dump, behind it none."""
    whole = gzip.compress(masters_of(60))
    for size in range(2, len(whole)):
        path = tmp_path / "masters.xml.gz"
        path.write_bytes(whole[:size])
        count, why = refused(path)
        assert count <= 60
        assert "cut off" in why
        assert f"{size:,} bytes" in why


def test_xml_that_is_cut_off_is_refused_wherever_it_is(tmp_path: Path) -> None:
    """At every byte up to the end of the root."""
    whole = masters_of(8)
    for size in range(1, len(whole) - 1):
        path = tmp_path / "masters.xml"
        path.write_bytes(whole[:size])
        count, why = refused(path, 50)
        assert count <= 8
        assert "cut off" in why or "not XML" in why
    assert len(rows_of(written(path, whole[:-1]), MASTER)) == 8


def test_the_message_says_how_far_it_got_and_what_to_do(tmp_path: Path) -> None:
    """The file, what is wrong, how many records were read, the next step."""
    path = tmp_path / "masters.xml.gz"
    path.write_bytes(gzip.compress(masters_of(2_000), 0)[:90_000])
    with pytest.raises(InputError) as caught:
        titles(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: the gzip data is cut off")
    assert "90,000 bytes" in message
    assert "that were read before" in message
    assert "The 0 masters" not in message
    assert "`equigen dumps get masters`" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not XML: no element found"),
        (b"hello", "not XML"),
        (b'{"a": 1}', "not XML"),
        (b"<html><body/></html>", "root is <html>"),
        (b"<releases><release id='1'/></releases>", "root is <releases>; expected <masters>"),
        (b"<!-- c --><releases></releases>", "root is <releases>; expected <masters>"),
        (masters_of(2, tail="</masters>x"), "not XML"),
        (masters_of(2, tail="</masters><masters></masters>"), "not XML"),
        (masters_of(2, tail="<master id='3'>&nbsp;</master></masters>"), "not XML"),
        (
            masters_of(2, tail="<master id='3'>\xff</master></masters>").replace(b"\xc3", b""),
            "not XML",
        ),
        (masters_of(2, tail="</master></masters>"), "not XML"),
        (masters_of(2, tail="<x:master xmlns:y='y'/></masters>"), "not XML"),
        (gzip.compress(masters_of(2), mtime=0)[:-8] + b"\0" * 8, "damaged gzip"),
        (gzip.compress(masters_of(2), mtime=0) + b"garbage" * 9, "damaged gzip"),
        (gzip.compress(masters_of(2), mtime=0)[:12] + b"\xff" * 30, "gzip data"),
    ],
)
def test_what_is_no_masters_dump_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """With the reason; it is not taken for a dump without records."""
    path = tmp_path / "dump"
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        titles(path)


def test_files_that_cannot_be_opened_are_told_at_once(tmp_path: Path) -> None:
    """Before anything is read: none there, or a folder."""
    with pytest.raises(MissingInputError, match="`equigen dumps get masters`"):
        read_masters(tmp_path / "none.xml.gz")
    with pytest.raises(MissingInputError, match="`equigen dumps get releases`"):
        read_releases(tmp_path / "none.xml.gz")
    with pytest.raises(InputError, match="folder"):
        read_masters(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "iso-8859-1", "us-ascii"])
@pytest.mark.parametrize("declared", ['<?xml version="1.0" encoding="{}"?>', ""])
def test_the_encoding_that_is_declared_counts(tmp_path: Path, encoding: str, declared: str) -> None:
    """Also one that isn't searched by its bytes."""
    if encoding == "iso-8859-1" and not declared:
        declared = "<?xml version='1.0' encoding='ISO-8859-1'?>"
    head = declared.format(encoding)
    text = f"{head}<masters><master id='1'><title>\xc5</title></master></masters>"
    content = text.encode(encoding, "xmlcharrefreplace")
    if encoding == "utf-16-be" and not declared:
        content = b"\xfe\xff" + content
    assert titles(written(tmp_path / "masters.xml.gz", content)) == ["\xc5"]


def test_bytes_outside_of_ascii_are_refused_where_it_is_declared(tmp_path: Path) -> None:
    """Rather than taken for another encoding."""
    content = masters_of(1, head='<?xml version="1.0" encoding="US-ASCII"?><masters>')
    with pytest.raises(InputError, match="not XML"):
        titles(written(tmp_path / "m.xml", content.replace(b"T1", b"\xc3\xa4")))


def test_several_gzip_members_are_one_dump(tmp_path: Path) -> None:
    """As gzip itself reads them."""
    content = masters_of(50)
    path = tmp_path / "masters.xml.gz"
    path.write_bytes(gzip.compress(content[:700]) + gzip.compress(content[700:]))
    assert titles(path) == [f"T{n}" for n in range(1, 51)]


def test_entities_of_the_dump_are_text_and_others_are_refused(tmp_path: Path) -> None:
    """No other file is read, no host asked, and none grows beyond all bounds."""
    secret = tmp_path / "secret"
    secret.write_text("<!ENTITY e 'told'>", encoding="utf-8")
    record = "<masters><master id='1'><title>a&e;b</title></master></masters>"
    path = tmp_path / "masters.xml"
    inside = f"<!DOCTYPE masters [<!ENTITY e 'x&#65;'>]>{record}".encode()
    assert titles(written(path, inside)) == ["axAb"]
    for outside in (
        f"<!DOCTYPE masters [<!ENTITY e SYSTEM '{secret.as_uri()}'>]>",
        f"<!DOCTYPE masters SYSTEM '{secret.as_uri()}'>",
        f"<!DOCTYPE masters [{' ' * 200_000}]>".replace("[", f"SYSTEM '{secret.as_uri()}' ["),
        f"<!DOCTYPE masters [<!ENTITY % p SYSTEM '{secret.as_uri()}'>%p;]>",
    ):
        with pytest.raises(InputError) as caught:
            titles(written(path, (outside + record).encode()))
        assert "told" not in str(caught.value)
    laughs = "<!ENTITY e0 'ha'>" + "".join(
        f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12)
    )
    content = f"<!DOCTYPE masters [{laughs}<!ENTITY e '&e11;'>]>{record}".encode()
    with pytest.raises(InputError, match="not XML"):
        titles(written(path, content))


def test_records_without_a_number_are_counted(tmp_path: Path) -> None:
    """They have no row, and what is read says how many there were."""
    content = masters_of(3, tail="<master/><master id='x'/><master id='0'></master></masters>")
    counts = DumpCounts()
    masters = read_masters(written(tmp_path / "m.xml", content), counts=counts)
    assert [row[0] for batch in masters for row in batch] == [1, 2, 3]
    assert (counts.records, counts.rows, counts.skipped) == (6, 3, 3)


def test_all_bytes_of_the_file_are_counted(tmp_path: Path) -> None:
    """As they are read, compressed or not, and nothing more."""
    for name in ("m.xml", "m.xml.gz"):
        path = written(tmp_path / name, masters_of(3_000))
        counts = DumpCounts()
        read = [(len(batch), counts.read_bytes) for batch in read_masters(path, counts=counts)]
        assert sum(rows for rows, _ in read) == 3_000
        assert [size for _, size in read] == sorted(size for _, size in read)
        assert counts.read_bytes == path.stat().st_size


def test_a_row_has_the_columns_of_the_index(tmp_path: Path) -> None:
    """In their order."""
    content = (
        b"<masters><master id='5'><images><image uri='https://a/b.jpg' type='primary'/></images>"
        b"<artists><artist><id>7</id><name>A</name></artist><artist><id>8</id></artist></artists><genres><genre>Rock</genre></genres>"
        b"<styles><style>Punk</style></styles><year>1977</year><title>T</title></master></masters>"
    )
    (row,) = (row for rows in read_masters(written(tmp_path / "m.xml", content)) for row in rows)
    assert row == (5, "A", "T", 1977, "Rock", "Punk", "https://a/b.jpg", "discogs:a7|discogs:a8")


@pytest.mark.parametrize("kind", [MASTER, RELEASE])
def test_a_real_dump_is_read_by_blocks(kind: object) -> None:
    """None of it is left to the slower way but the end, where no record is."""
    name = "masters" if kind is MASTER else "releases"
    path = realdata("discogs_dump", f"{name}_20200806_a.xml.gz")
    with opened(path, kind="") as dump:
        *rest, last = batches(dump, MASTER if name == "masters" else RELEASE)
    assert last.is_rest
    assert not last.rows
    assert not any(batch.is_rest for batch in rest)


def test_a_comment_sends_only_what_follows_to_the_slower_way(tmp_path: Path) -> None:
    """Blocks before it are read as ever."""
    content = masters_of(50, tail="<!-- </master> --><master id='51'/></masters>")
    path = written(tmp_path / "m.xml", content)
    with opened(path, kind="") as dump:
        ways = [batch.is_rest for batch in batches(dump, MASTER, block_bytes=500)]
    assert ways[0] is False
    assert ways[-1] is True
    assert rows_of(path, MASTER, block_bytes=500) == expected_masters(content)


@pytest.mark.parametrize(
    "record",
    [
        "<!--<videos>--><title>T</title><!--</videos>-->",
        "<?p <videos>?><title>T</title><?p </videos>?>",
        "<notes><![CDATA[<videos>]]></notes><title>T</title><notes><![CDATA[</videos>]]></notes>",
        "<videos></videos ><title>T</title><videos ></videos>",
        "<videos></videos\n><title>T</title><videos\n></videos>",
        "<videos><videos a='>'></videos><title>no</title></videos><title>T</title>",
        "<videos/><title>T</title><videos></videos>",
        "<videos></videos><title>T</title><videosque></videosque>",
        "<title>T</title><videos><master id='2'></master><title>no</title></videos>",
        "<title>T</title><notes><master id='2'><title>no</title></master></notes>",
        "<title>T</title><videos><x y='>'/></videos>",
        "<x:title xmlns:x='y'>no</x:title><title>T</title>",
        "<title xmlns='y'>no</title><title>T</title>",
    ],
)
def test_what_is_left_out_is_what_the_xml_says(tmp_path: Path, record: str) -> None:
    """However near to each other the names of elements that are read and of those that aren't."""
    content = masters_of(40, tail=f"<master id='41'>{record}</master><master id='42'/></masters>")
    path = written(tmp_path / "m.xml", content)
    found = rows_of(path, MASTER, block_bytes=300)
    assert found == expected_masters(content)
    assert [row[2] for row in found[-2:]] == ["T", ""]


@pytest.mark.parametrize(
    ("start", "head"),
    [
        (b"<masters><master", b"<masters>"),
        (b"\xef\xbb\xbf<masters>", b"<masters>"),
        (b"<?xml version='1.0' encoding='utf-8'?>\n<masters a='b'>", ...),
        (b'<?xml version="1.0" encoding = "US-ASCII"?><masters>', ...),
        (b"<?xml version='1.0' encoding='iso-2022-jp'?><masters>", b""),
        (b'<?xml version="1.0" encoding = "utf-16"?><masters>', b""),
        (b"<masters/>", b""),
        (b"<masters a='b'/>", b""),
        (b"<master>", b""),
        (b"<releases>", b""),
        (b"<!-- --><masters>", b""),
        (b"<!DOCTYPE masters []><masters>", b""),
        (b" <?xml version='1.0'?><masters>", b""),
    ],
)
def test_only_what_is_known_well_is_searched_by_its_bytes(start: bytes, head: object) -> None:
    """All else goes the slower way from its first byte."""
    assert head_of(start, "masters") == (start if head is ... else head)


@given(st.text("<!?a>").map(str.encode))
def test_a_block_is_plain_where_all_that_opens_is_a_tag(block: bytes) -> None:
    """The signs may stand anywhere, in any number."""
    assert is_plain(block) == (b"<!" not in block and b"<?" not in block)


@linux_only
def test_the_slower_way_lets_go_of_what_it_has_read(tmp_path: Path) -> None:
    """It holds one record at a time, not the whole tree."""
    record = "<master id='{}'><videos>" + "<video src='s'><title>t</title></video>" * 20
    records = "".join(f"{record.format(n)}</videos></master>" for n in range(1, 20_001))
    path = written(tmp_path / "m.xml", f"<!-- c --><masters>{records}</masters>".encode())
    told = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path), *sys.path],
        capture_output=True,
        text=True,
        check=True,
    )
    count, peak_kib = map(int, told.stdout.split())
    assert count == 20_000
    assert peak_kib < 80_000  # the tree would be 150 MB
