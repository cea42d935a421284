"""What the benchmark of leaks is told by: artists' ids, with credits as they are printed."""

import xml.etree.ElementTree as ET

from leaks import Credit, by_artist, by_ids, credit_of, leaking

RECORD = """<master><artists>
<artist><id>45</id><name>Aphex Twin</name><anv>AFX</anv><join>Feat.</join></artist>
<artist><id>194</id><name>Various</name><anv/><join>,</join></artist>
<artist><id>46</id><name>Prince (2)</name></artist>
</artists><genres><genre>Electronic</genre></genres></master>"""


def test_a_credit_is_read_as_it_is_printed() -> None:
    """The variation with its asterisk, the joins, and the ids of all but nobody."""
    credit = credit_of(ET.fromstring(RECORD))  # noqa: S314  (our own)
    assert credit.artist == "AFX* Feat. Various, Prince (2)"
    assert credit == Credit("Electronic", credit.artist, ("discogs:a45", "discogs:a46"))


def test_what_leaks_is_told_by_ids_and_not_by_what_tied() -> None:
    """One artist under two names in two sets leaks, though no name ties them."""
    albums = [Credit("Jazz", "AFX*", ("discogs:a45",)), Credit("Jazz", "Polygon", ("discogs:a45",))]
    sets = {"0": "train", "1": "test"}
    assert leaking(by_artist(albums), sets) == 0.0
    assert leaking(by_artist(albums, with_ids=True), sets) == 1.0
    assert leaking(by_ids(albums), sets) == 1.0
