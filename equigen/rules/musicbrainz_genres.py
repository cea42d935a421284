"""Which MusicBrainz genres belong to which label: https://musicbrainz.org/genres.

MusicBrainz knows some 2,000 genres, in small letters, and as tags anything that users write. Each
belongs to one label of the table at most:

1. What stands in the table as a whole name belongs where it stands.
2. Otherwise the last word names the music: "blues rock" is rock, "folk metal" is metal, "jazz rap"
   is rap. The words that count so are a row's `heads`; the longest that fits wins.
3. Where the last word is no head, the first one counts, since Romance languages put it there:
   "salsa dura" is salsa, "cumbia villera" is Latin; and "rock and roll" is rock.
4. A tag that names several, "alternative/indie rock", belongs where those of them belong that
   belong anywhere; where they don't agree, as in "rock/pop", nowhere.

A row means what its label means on Discogs, so that both sources give the same classes: ska and dub
are Reggae there, trip hop is Electronic, and neither soul nor funk is Rhythm & Blues. Its `names`
are what the words would miss ("bebop") or get wrong ("lovers rock" is Reggae). Words that say
nothing of the music, such as "singer-songwriter" or "disco", are in no row.

Labels without a row, such as one's own, find genres by words, as a search on Discogs does. They ask
for their style where they have one: MusicBrainz knows no genre above its genres.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from equigen.rules.labels import Label
from equigen.rules.searching import finds

_GAPS = re.compile(r"[\s_-]+")
_SEVERAL = "/"
_LATEST = 16_384


class Row(NamedTuple):
    """The genres of a label: words with which they end or begin, and whole names."""

    heads: tuple[str, ...]
    names: tuple[str, ...] = ()


def _row(heads: str, names: str = "") -> Row:
    return Row(_listed(heads), _listed(names))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(each.split()) for each in text.split(",") if each.strip())


# By what a label asks for: its style, or its genre where it has none.
TABLE: Mapping[str, Row] = MappingProxyType(
    {
        "Blues": _row("blues", "boogie-woogie"),
        "Country": _row(
            "country, bluegrass, americana, honky tonk",
            """western swing, bakersfield sound, nashville sound, countrypolitan, old-time,
            red dirt""",
        ),
        "Electronic": _row(
            """electronic, electronica, ambient, techno, house, trance, dubstep, downtempo,
            chillout, breakbeat, breaks, breakcore, jungle, drum and bass, drum n bass, electro,
            idm, edm, ebm, eurodance, psytrance, trip hop, glitch, industrial, noise, drone,
            hardstyle, gabber, synth, synthwave, vaporwave, darkwave""",
            """2-step, uk garage, speed garage, future garage, bassline, uk bass, future bass,
            drill and bass, happy hardcore, digital hardcore, uk hardcore, speedcore, big beat,
            balearic beat, brostep, chillwave, chiptune, electroclash, electro swing, aggrotech,
            power electronics, musique concrète, electroacoustic, acousmatic, plunderphonics,
            hi-nrg, italo-disco, euro-disco, nu disco, space disco, footwork, juke, ghettotech,
            baltimore club, jersey club, wonky, moombahton, freestyle, folktronica, indietronica,
            nightcore, illbient, psybient, berlin school""",
        ),
        "Jazz": _row(
            "jazz, bop, swing",
            """bebop, big band, dixieland, ragtime, stride, third stream, m-base,
            free improvisation""",
        ),
        "Latin": _row(
            """latin, samba, tango, cumbia, merengue, bachata, mambo, son, corrido, corridos,
            banda, balada, bossa nova, guaracha, reggaeton, ranchera, mariachi, norteño, vallenato,
            forró, mpb, choro, sertanejo, pagode, trova""",
            """latin pop, samba-rock, reggaetón, dembow, música popular brasileira, tropicália,
            axé, baião, frevo, lambada, funk carioca, brega, candombe, milonga, chacarera, zamba,
            cha-cha-chá, charanga, danzón, pachanga, boogaloo, timba, nueva canción, huayno,
            chicha, joropo, tejano, duranguense, huapango""",
        ),
        "Reggae": _row(
            "reggae, ska, dub, dancehall, rocksteady, ragga",
            "lovers rock, raggamuffin, 2 tone, mento",
        ),
        "Pop": _row(
            "pop",
            """electropop, europop, synthpop, hyperpop, cantopop, yé-yé, schlager, kayōkyoku,
            adult contemporary""",
        ),
        "Rock": _row(
            "rock, grunge, shoegaze, psychedelia",
            """power pop, jangle pop, noise pop, britpop, new wave, no wave, coldwave, krautrock,
            rockabilly, psychobilly, deathrock, aor, beat music, merseybeat, freakbeat,
            british invasion, madchester, baggy, paisley underground, slowcore, sadcore,
            surf music, jam band, visual kei, zeuhl, canterbury scene""",
        ),
        "Folk": _row("folk", "neofolk, skiffle, sea shanty, american primitive guitar"),
        "Metal": _row(
            "metal, metalcore",
            """deathcore, grindcore, goregrind, deathgrind, cybergrind, mathcore, djent, blackgaze,
            crossover thrash, nwobhm, black 'n' roll, death 'n' roll, neue deutsche härte""",
        ),
        "New Age": _row("new age"),
        "Punk": _row(
            "punk, emo",
            """post-hardcore, melodic hardcore, beatdown hardcore, new york hardcore, emocore,
            screamo, emoviolence, d-beat, oi, riot grrrl, powerviolence, queercore, easycore,
            thrashcore, cowpunk""",
        ),
        "Rap": _row(
            "rap, hip hop, hiphop, trap, drill, phonk, grime, crunk, hyphy",
            """boom bap, g-funk, horrorcore, miami bass, bounce, snap, turntablism,
            chopped and screwed""",
        ),
        "Rhythm & Blues": _row(
            "r&b, rnb, rhythm & blues, rhythm and blues",
            "doo-wop, new jack swing, quiet storm, hip hop soul, trap soul",
        ),
        "Afrobeat": _row("afrobeat"),
        "Rumba": _row("rumba"),
        "Celtic": _row("celtic", "irish folk, scottish folk, celtic folk"),
        "Flamenco": _row("flamenco"),
        "Bollywood": _row("bollywood, filmi"),
        "Hindustani": _row("hindustani", "dhrupad, khyal, thumri, tarana"),
        "K-Pop": _row("k-pop, kpop"),
        "Mandopop": _row("mandopop"),
        "Salsa": _row("salsa"),
        "Bolero": _row("bolero", "bolero son"),
    }
)


def fits(label: Label, genres: Sequence[str]) -> bool:
    """Tell whether an album of these MusicBrainz genres or tags is one for the label."""
    asked = asked_by(label)
    if asked in TABLE:
        return any(row_of(genre) == asked for genre in genres)
    return finds(asked, genres)


def asked_by(label: Label) -> str:
    """Return what a label asks for: its style, or its genre where it has none."""
    return label.style or label.genre


@lru_cache(maxsize=_LATEST)
def row_of(genre: str) -> str:
    """Return the row of the table that a genre belongs to, "" where it belongs to none."""
    if _SEVERAL in genre:
        rows = {row_of(part) for part in genre.split(_SEVERAL)} - {""}
        return rows.pop() if len(rows) == 1 else ""
    words = _words(genre)
    if words in _NAMES:
        return _NAMES[words]
    lengths = range(min(len(words), _LONGEST_HEAD), 0, -1)
    ends = [words[-length:] for length in lengths]
    begins = [words[:length] for length in lengths]
    return next((_HEADS[part] for part in (*ends, *begins) if part in _HEADS), "")


def phrases(label: Label) -> tuple[str, ...]:
    """Return phrases one of which stands in every genre of the label's row.

    A search for them finds more than the row's genres. A label without a row has none.
    """
    row = TABLE.get(asked_by(label), Row(()))
    heads = [_words(head) for head in row.heads]
    rest = (name for name in row.names if not any(_holds(_words(name), head) for head in heads))
    return (*row.heads, *rest)


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _GAPS.split(name.casefold()) if word)


def _holds(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    starts = range(len(words) - len(part) + 1)
    return any(words[start : start + len(part)] == part for start in starts)


_NAMES = {_words(name): asked for asked, row in TABLE.items() for name in row.names}
_HEADS = {_words(head): asked for asked, row in TABLE.items() for head in row.heads}
_LONGEST_HEAD = max(map(len, _HEADS))
