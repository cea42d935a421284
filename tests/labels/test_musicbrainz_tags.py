"""Which MusicBrainz genres belong to which label."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.labels import musicbrainz_tags
from equigen.labels.musicbrainz_tags import TABLE, phrases, row_of
from equigen.labels.taxonomy import Query, builtin_queries, fits_tags, tag_asked
from equigen.schema import safe_text

LABELS = {label.name: label for label in builtin_queries(genre_limit=10, world_limit=10)}
NAMES = [(asked, name) for asked, row in TABLE.items() for name in row.names]
HEADS = [(asked, head) for asked, row in TABLE.items() for head in row.heads]
SKA = Query("Ska", "Reggae", "Ska", 10, "Ska", "Ska")


def labels_of(*genres: str) -> list[str]:
    """Return the labels that an album of these genres fits."""
    return [name for name, label in LABELS.items() if fits_tags(label, genres)]


def words(text: str) -> str:
    """Return a text's words between spaces, as Lucene's standard tokenizer parts them."""
    found = re.findall(r"\w+(?:['\u2019]\w+)*", text.casefold())
    return f" {' '.join(found)} "


def test_every_built_in_label_has_a_row_and_every_row_a_label() -> None:
    """No label is left to words by a slip, and no row is out of reach."""
    assert {tag_asked(label) for label in LABELS.values()} == set(TABLE)


def test_every_name_and_head_leads_to_its_own_row_alone() -> None:
    """Each label can be reached by all that stands in its row."""
    for asked, name in (*NAMES, *HEADS):
        (label,) = labels_of(name)
        assert tag_asked(LABELS[label]) == asked, name


def test_nothing_stands_in_the_table_twice() -> None:
    """Neither in two rows nor twice in one, however it is spelt."""
    plain = (name.replace("-", " ").replace("&", " and ") for _, name in (*NAMES, *HEADS))
    spelt = Counter(re.sub(r"'?\bn\b'?", "and", name) for name in plain)
    assert [name for name, count in spelt.items() if count > 1] == []


def test_names_are_written_as_musicbrainz_writes_them() -> None:
    """In small letters, without white space around or doubled within."""
    for _, name in (*NAMES, *HEADS):
        assert name == " ".join(safe_text(name).casefold().split())


def test_no_name_stands_there_that_the_words_find_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table holds what the words miss or get wrong, and nothing else."""
    monkeypatch.setattr(musicbrainz_tags, "_NAMES", {})
    assert [name for asked, name in NAMES if row_of.__wrapped__(name) == asked] == []


@pytest.mark.parametrize(
    ("genre", "label"),
    [
        ("blues rock", "Rock"),
        ("folk metal", "Metal"),
        ("country rock", "Rock"),
        ("jazz rap", "Rap"),
        ("metalcore", "Metal"),
        ("melodic metalcore", "Metal"),
        ("post-punk", "Punk"),
        ("celtic punk", "Punk"),
        ("celtic", "Celtic"),
        ("irish folk", "Celtic"),
        ("folk", "Folk"),
        ("contemporary r&b", "Rhythm & Blues"),
        ("rhythm & blues", "Rhythm & Blues"),
        ("rhythm and blues", "Rhythm & Blues"),
        ("delta blues", "Blues"),
        ("hip hop", "Rap"),
        ("hip-hop", "Rap"),
        ("trip hop", "Electronic"),
        ("drum and bass", "Electronic"),
        ("liquid drum and bass", "Electronic"),
        ("industrial metal", "Metal"),
        ("k-pop", "K-Pop"),
        ("j-pop", "Pop"),
        ("mandopop", "Mandopop"),
        ("cantopop", "Pop"),
        ("latin pop", "Latin"),
        ("latin jazz", "Jazz"),
        ("bossa nova", "Latin"),
        ("cumbia villera", "Latin"),
        ("salsa dura", "Salsa"),
        ("bolero son", "Bolero"),
        ("son cubano", "Latin"),
        ("rumba flamenca", "Flamenco"),
        ("rumba catalana", "Rumba"),
        ("nuevo flamenco", "Flamenco"),
        ("flamenco jazz", "Jazz"),
        ("reggaeton", "Latin"),
        ("reggae", "Reggae"),
        ("lovers rock", "Reggae"),
        ("ska punk", "Punk"),
        ("dub techno", "Electronic"),
        ("afrobeat", "Afrobeat"),
        ("hindustani classical", "Hindustani"),
        ("filmi", "Bollywood"),
        ("western swing", "Country"),
        ("electro swing", "Electronic"),
        ("swing", "Jazz"),
        ("new jack swing", "Rhythm & Blues"),
        ("rock and roll", "Rock"),
        ("alternative/indie rock", "Rock"),
        ("rock_grunge", "Rock"),
        ("new age", "New Age"),
        ("NEW AGE", "New Age"),
        ("new wave", "Rock"),
        ("emo rap", "Rap"),
        ("garage rock", "Rock"),
        ("uk garage", "Electronic"),
        ("cold wave", "Rock"),
        ("coldwave", "Rock"),
        ("ethereal wave", "Rock"),
        ("new romantic", "Rock"),
        ("neo-rockabilly", "Rock"),
        ("neue deutsche welle", "Rock"),
        ("dream pop", "Rock"),
        ("post-britpop", "Rock"),
        ("garage rock revival", "Rock"),
        ("symphonic prog", "Rock"),
        ("vocal surf", "Rock"),
        ("mod revival", "Rock"),
        ("gothic", "Rock"),
        ("glam", "Rock"),
        ("psychedelic rock", "Rock"),
        ("rock opera", "Rock"),
        ("rock 'n' roll", "Rock"),
        ("rock & roll", "Rock"),
        ("rock n roll", "Rock"),
        ("rock'n'roll", "Rock"),
        ("rock n' roll", "Rock"),
        ("punk rock", "Punk"),
        ("melodic punk rock", "Punk"),
        ("post-punk revival", "Punk"),
        ("dance-punk revival", "Punk"),
        ("electropunk", "Punk"),
        ("emo pop", "Punk"),
        ("crust punk", "Punk"),
        ("blackened crust", "Punk"),
        ("uk82", "Punk"),
        ("skacore", "Punk"),
        ("oi", "Punk"),
        ("oi!", "Punk"),
        ("dark wave", "Electronic"),
        ("darkwave", "Electronic"),
        ("neoclassical dark wave", "Electronic"),
        ("minimal wave", "Electronic"),
        ("minimal synth", "Electronic"),
        ("dungeon synth", "Electronic"),
        ("darksynth", "Electronic"),
        ("liquid funk", "Electronic"),
        ("neurofunk", "Electronic"),
        ("jump up", "Electronic"),
        ("darkstep", "Electronic"),
        ("drumstep", "Electronic"),
        ("techstep", "Electronic"),
        ("microhouse", "Electronic"),
        ("midtempo bass", "Electronic"),
        ("kawaii future bass", "Electronic"),
        ("ambient dub", "Electronic"),
        ("harsh noise wall", "Electronic"),
        ("deconstructed club", "Electronic"),
        ("jersey club", "Electronic"),
        ("hi-tech full-on", "Electronic"),
        ("new beat", "Electronic"),
        ("eurobeat", "Electronic"),
        ("trap edm", "Electronic"),
        ("nerdcore techno", "Electronic"),
        ("drum & bass", "Electronic"),
        ("drum'n'bass", "Electronic"),
        ("drum 'n' bass", "Electronic"),
        ("drum\u2019n\u2019bass", "Electronic"),
        ("drum n bass", "Electronic"),
        ("drum-n-bass", "Electronic"),
        ("d&b", "Electronic"),
        ("DnB", "Electronic"),
        ("pornogrind", "Metal"),
        ("mincecore", "Metal"),
        ("downtempo deathcore", "Metal"),
        ("doomgaze", "Metal"),
        ("black 'n' roll", "Metal"),
        ("black & roll", "Metal"),
        ("death 'n' roll", "Metal"),
        ("rhythm 'n' blues", "Rhythm & Blues"),
        ("rhythm n blues", "Rhythm & Blues"),
        ("rhythm'n'blues", "Rhythm & Blues"),
        ("r&b", "Rhythm & Blues"),
        ("r & b", "Rhythm & Blues"),
        ("r 'n' b", "Rhythm & Blues"),
        ("r'n'b", "Rhythm & Blues"),
        ("r\u2019n\u2019b", "Rhythm & Blues"),
        ("new orleans r&b", "Rhythm & Blues"),
        ("hip-hop/rap", "Rap"),
        ("ambient plugg", "Rap"),
        ("jersey club rap", "Rap"),
        ("chap hop", "Rap"),
        ("bongo flava", "Rap"),
        ("chicago bop", "Rap"),
        ("samba-reggae", "Latin"),
        ("brega calypso", "Latin"),
        ("chachachá", "Latin"),
        ("guaguancó", "Latin"),
        ("nueva canción chilena", "Latin"),
        ("frevo elétrico", "Latin"),
        ("calypso", "Reggae"),
        ("power soca", "Reggae"),
        ("rock steady", "Reggae"),
        ("chanson française", "Pop"),
        ("mood kayō", "Pop"),
        ("enka", "Pop"),
        ("fusion", "Jazz"),
        ("swing revival", "Jazz"),
        ("jamgrass", "Country"),
        ("sean-nós", "Celtic"),
        ("stomp and holler", "Folk"),
        ("stomp & holler", "Folk"),
        ("anti-folk", "Folk"),
        ("no wave", "Rock"),
        ("house", "Electronic"),
        ("deep house", "Electronic"),
        ("witch house", "Electronic"),
        ("house music", "Electronic"),
        ("nu skool breaks", "Electronic"),
        ("electro-industrial", "Electronic"),
        ("post industrial", "Electronic"),
        ("harsh noise", "Electronic"),
        ("ragga jungle", "Electronic"),
        ("alt-country", "Country"),
        ("country & western", "Country"),
        ("outlaw country", "Country"),
        ("gypsy swing", "Jazz"),
        ("son montuno", "Latin"),
        ("jazz club/bebop", "Jazz"),
    ],
)
def test_a_genre_belongs_to_the_label_that_it_names(genre: str, label: str) -> None:
    """The last word names the music, the table its exceptions."""
    assert labels_of(genre) == [label]


@pytest.mark.parametrize(
    "genre",
    """afrobeats,soul,funk,disco,classical,singer-songwriter,industrial musical,rock musical,
    banda sonora,metal gear solid,not jazz,white house,jungle book,son of a gun,foreign country,
    rock the boat,my favourite pop,son house,rock hudson,metal church,house of pain,country house,
    synth funk,gospel,zydeco,dance,indie,opera,n,&,'n',!,1994,,-,
    no jazz,no punk,anti jazz,anti-punk,no rock,no country,full house,beach house,opera house,
    house band,school house,country club,jazz club,urban jungle,industrial area,european country,
    third world country,west country,big country,wine country,native son,swing state,jazz age,
    rock city,punk house,blues club,room jazz,
    noise war,white rave,lunch breaks,country house,metal war""".replace("\n    ", "").split(","),
)
def test_false_friends_belong_to_nobody(genre: str) -> None:
    """What is no label's music isn't taken for one that sounds like it."""
    assert labels_of(genre) == []
    assert row_of(genre) == ""


def test_one_genre_is_enough() -> None:
    """An album is for each label that one of its genres belongs to, and without genres for none."""
    assert labels_of("delta blues", "blues rock") == ["Blues", "Rock"]
    assert labels_of() == []


def test_labels_without_a_row_go_by_their_words() -> None:
    """By the style where there is one: ska needs no reggae beside it."""
    assert fits_tags(SKA, ["third wave ska"])
    assert fits_tags(SKA, ["ska punk"])
    assert not fits_tags(SKA, ["reggae"])
    by_genre = replace(SKA, genre="Classical", style="")
    assert fits_tags(by_genre, ["modern classical"])
    assert not fits_tags(by_genre, ["ska"])
    assert phrases(tag_asked(SKA)) == ()


def test_a_label_of_ones_own_that_asks_for_a_built_in_style_uses_its_row() -> None:
    """What is asked for decides, not how the label is called."""
    oldies = replace(SKA, name="Oldies", genre="Rock", style="Rock")
    assert fits_tags(oldies, ["grunge"])
    assert not fits_tags(oldies, ["lovers rock"])


PARTS = [head for _, head in HEADS] + ["soul", "uk", "indie", "dura", "and"]
ANDS = [" and ", " & ", "&", " n ", " 'n' ", "'n'", " n' ", " 'n ", "-n-"]
SPELT = st.builds(
    lambda part, way: part.replace("r&b", "r and b").replace(" and ", way),
    st.sampled_from(PARTS),
    st.sampled_from(ANDS),
)


@given(st.lists(SPELT, min_size=1, max_size=3), st.sampled_from(" -/&!"))
def test_a_search_for_the_phrases_finds_every_genre_of_a_row(parts: list[str], gap: str) -> None:
    """What belongs to a label holds one of its phrases, word for word."""
    genre = gap.join(parts)
    for label in LABELS.values():
        if fits_tags(label, [genre]):
            assert any(words(phrase) in words(genre) for phrase in phrases(tag_asked(label)))


@pytest.mark.long
@pytest.mark.parametrize("way", ANDS)
def test_names_are_found_by_their_phrases(way: str) -> None:
    """Also those that no head would find, however their "and" is spelt."""
    for asked, name in (*NAMES, *HEADS):
        label = next(each for each in LABELS.values() if tag_asked(each) == asked)
        spelt = name.replace("r&b", "r and b").replace(" and ", way)
        assert fits_tags(label, [spelt])
        assert any(words(phrase) in words(spelt) for phrase in phrases(tag_asked(label)))
