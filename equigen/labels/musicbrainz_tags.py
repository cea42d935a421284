"""Which MusicBrainz genres belong to which label: https://musicbrainz.org/genres.

MusicBrainz knows some 2,000 genres, in small letters, and as tags anything that users write. Each
belongs to one label of the table at most:

1. What stands in the table as a whole name belongs where it stands, whether it is spelt with "and",
   "&" or "'n'", and with or without apostrophes and "!".
2. Otherwise the last word names the music: "blues rock" is rock, "folk metal" is metal, "jazz rap"
   is rap. The words that count so are a row's `heads`; the longest that fits wins.
3. Where the last word is no head, the first one counts, since Romance languages put it there:
   "salsa dura" is salsa, "cumbia villera" is Latin.
4. A tag that names several, "alternative/indie rock", belongs where those of them belong that
   belong anywhere; where they don't agree, as in "rock/pop", nowhere.

A row means what its label means on Discogs, so that both sources give the same classes: ska and dub
are Reggae there, trip hop is Electronic, and neither soul nor funk is Rhythm & Blues. Its `names`
are what the words would miss ("bebop") or get wrong ("lovers rock" is Reggae). Words that say
nothing of the music, such as "singer-songwriter" or "disco", are in no row. Where Discogs has a
style both as Rock and as Electronic, as new wave, coldwave and ethereal, it is Rock here.

Labels without a row, such as one's own, find genres by words, as a search on Discogs does. They ask
for their style where they have one: MusicBrainz knows no genre above its genres.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from equigen.labels.builtin import Label
from equigen.labels.matching import finds

_GAPS = re.compile(r"[\s_-]+")
_AND = re.compile(r"&|['\u2019]?\bn\b['\u2019]?")
_SILENT = re.compile(r"['\u2019!]")
# As the search reads them: "&" says nothing there, and "rock'n'roll" is one word.
_SPELLINGS_OF_AND: Final = (" and ", " & ", " n ", "'n'")
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


# By what a label asks for: its style, or its genre where it has none. "and" stands for "&" and "n".
TABLE: Mapping[str, Row] = MappingProxyType(
    {
        "Blues": _row("blues", "boogie-woogie"),
        "Country": _row(
            "country, bluegrass, americana, honky tonk",
            """western swing, bakersfield sound, nashville sound, countrypolitan, old-time,
            red dirt, jamgrass, urban cowboy""",
        ),
        "Electronic": _row(
            """electronic, electronica, ambient, techno, house, trance, dubstep, downtempo,
            chillout, breakbeat, breaks, breakcore, jungle, drum and bass, future bass, electro,
            idm, edm, ebm, eurodance, psytrance, full-on, trip hop, glitch, industrial, noise,
            noise wall, drone, hardstyle, gabber, hardtek, tekno, synth, synthwave, vaporwave,
            darkwave, dark wave, minimal wave, club, rave""",
            """2-step, uk garage, speed garage, future garage, bassline, uk bass, uk funky,
            midtempo bass, drill and bass, liquid funk, neurofunk, neurohop, jump up, drumfunk,
            sambass, d and b, dnb, darkstep, drumstep, techstep, hardstep, deathstep, chillstep,
            happy hardcore, digital hardcore, uk hardcore, speedcore, frenchcore, terrorcore,
            doomcore, j-core, raggacore, moombahcore, jumpstyle, rawstyle, hardbass, schranz,
            makina, donk, hands up, big beat, new beat, broken beat, balearic beat, eurobeat,
            bubblegum dance, italo dance, brostep, ambient dub, microhouse, microsound, lowercase,
            minimal, acid, leftfield, chillwave, sovietwave, chiptune, electroclash, electro swing,
            aggrotech, futurepop, power electronics, musique concrète, electroacoustic, acousmatic,
            plunderphonics, hauntology, mallsoft, hardvapour, vaportrap, future funk, dreampunk,
            darksynth, hi-nrg, italo-disco, euro-disco, nu disco, space disco, footwork, juke,
            ghettotech, wonky, moombahton, freestyle, folktronica, indietronica, nightcore,
            illbient, psybient, suomisaundi, nitzhonot, berlin school, neue deutsche todeskunst,
            skweee, amapiano, gqom""",
        ),
        "Jazz": _row(
            "jazz, bop, swing",
            """bebop, big band, dixieland, ragtime, stride, third stream, m-base, fusion,
            free improvisation, modern creative, vocalese""",
        ),
        "Latin": _row(
            """latin, samba, tango, cumbia, merengue, bachata, mambo, son, corrido, corridos,
            banda, balada, bossa nova, guaracha, reggaeton, ranchera, mariachi, norteño, vallenato,
            forró, frevo, mpb, choro, sertanejo, pagode, trova, nueva canción""",
            """latin pop, samba-rock, samba-reggae, reggaetón, dembow, neoperreo, cubatón,
            música popular brasileira, tropicália, axé, baião, lambada, funk carioca, brega,
            brega funk, brega calypso, tecnobrega, batucada, carimbó, marchinha, maracatu, pagodão,
            candombe, milonga, chacarera, chamamé, cueca, zamba, cuarteto, cha-cha-chá, chachachá,
            charanga, danzón, descarga, pachanga, boogaloo, timba, songo, changüí, guaguancó,
            guajira, filin, plena, porro, bomba, champeta, bambuco, compas, huayno, chicha, joropo,
            música criolla, tejano, tex-mex, duranguense, huapango, grupera, sierreño,
            narcocorrido, regional mexicano, technobanda, merenhouse, tropipop, electro latino""",
        ),
        "Reggae": _row(
            "reggae, ska, dub, dancehall, rocksteady, rock steady, ragga, calypso, soca",
            "lovers rock, raggamuffin, 2 tone, mento, jawaiian, seggae",
        ),
        "Pop": _row(
            "pop, chanson, kayō",
            """electropop, europop, synthpop, hyperpop, cantopop, nederpop, yé-yé, schlager,
            kayōkyoku, ryūkōka, enka, shibuya-kei, levenslied, brill building, music hall,
            adult contemporary""",
        ),
        "Rock": _row(
            """rock, rock and roll, rock revival, grunge, shoegaze, psychedelia, britpop,
            rockabilly, surf, prog""",
            """power pop, jangle pop, noise pop, dream pop, new wave, no wave, cold wave, coldwave,
            ethereal wave, new romantic, neue deutsche welle, krautrock, psychobilly, deathrock,
            gothic, aor, beat music, nederbeat, merseybeat, freakbeat, british invasion,
            group sounds, eleki, rautalanka, indorock, zamrock, mod, mod revival, glam, grebo,
            madchester, baggy, dunedin sound, c86, paisley underground, slowcore, sadcore,
            jam band, heavy psych, garage psych, shitgaze, pigfuck, visual kei, zeuhl,
            canterbury scene""",
        ),
        "Folk": _row(
            "folk", "neofolk, skiffle, sea shanty, american primitive guitar, stomp and holler"
        ),
        "Metal": _row(
            "metal, metalcore, deathcore, grindcore",
            """goregrind, deathgrind, cybergrind, pornogrind, noisegrind, mincecore, noisecore,
            gorenoise, mathcore, electronicore, djent, thall, blackgaze, doomgaze,
            crossover thrash, nwobhm, black and roll, death and roll, neue deutsche härte""",
        ),
        "New Age": _row("new age"),
        "Punk": _row(
            "punk, punk rock, punk revival, emo",
            """post-hardcore, melodic hardcore, beatdown hardcore, christian hardcore,
            new york hardcore, emocore, emo pop, screamo, emoviolence, d-beat, oi, uk82, crust,
            blackened crust, neocrust, stenchcore, burning spirits, riot grrrl, powerviolence,
            queercore, easycore, thrashcore, skacore, sasscore, swancore, crack rock steady,
            electropunk, cowpunk""",
        ),
        "Rap": _row(
            "rap, hip hop, hiphop, trap, drill, phonk, plugg, grime, crunk, hyphy",
            """boom bap, g-funk, horrorcore, nerdcore, britcore, chap hop, electro hop, miami bass,
            bounce, sissy bounce, chicago bop, dirty south, mobb music, snap, pluggnb,
            bongo flava, hiplife, beatboxing, turntablism, chopped and screwed""",
        ),
        "Rhythm & Blues": _row(
            "r&b, rnb, rhythm and blues",
            "doo-wop, new jack swing, quiet storm, hip hop soul, trap soul",
        ),
        "Afrobeat": _row("afrobeat"),
        "Rumba": _row("rumba"),
        "Celtic": _row("celtic", "irish folk, scottish folk, celtic folk, sean-nós"),
        "Flamenco": _row("flamenco", "rumba flamenca"),
        "Bollywood": _row("bollywood, filmi"),
        "Hindustani": _row("hindustani", "dhrupad, khyal, thumri, tarana"),
        "K-Pop": _row("k-pop, kpop"),
        "Mandopop": _row("mandopop"),
        "Salsa": _row("salsa"),
        "Bolero": _row("bolero", "bolero son"),
    }
)

# Whole names that the words would get wrong, of music that is no label's.
_NOBODYS: Final = _listed("industrial musical, rock musical, synth funk, pop ghazal")


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

    A search for them finds more than the row's genres. A label without a row has none. An "and" in
    a phrase comes in each of its spellings, since the search knows them for different words.
    """
    # What can't be searched: a head glued to other words ("blues'n'soul", "rock_grunge"), and "and"
    # glued to one side ("drum'n bass") or by curly apostrophes. There the search sees one word.
    row = TABLE.get(asked_by(label), Row(()))
    heads = [_words(head) for head in row.heads]
    rest = (name for name in row.names if not any(_holds(_words(name), head) for head in heads))
    asked = (spelt for phrase in (*row.heads, *rest) for spelt in _spellings(phrase))
    return tuple(dict.fromkeys(asked))


def _spellings(phrase: str) -> tuple[str, ...]:
    first, *others = _AND.sub(" and ", phrase).split(" and ")
    if not others:
        return (phrase,)
    return tuple(joined.join((first.strip(), *others)) for joined in _SPELLINGS_OF_AND)


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name: "Drum'n'Bass" is "drum and bass", "oi!" is "oi"."""
    spaced = _GAPS.sub(" ", name.casefold())
    return tuple(_SILENT.sub("", _AND.sub(" and ", spaced)).split())


def _holds(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    starts = range(len(words) - len(part) + 1)
    return any(words[start : start + len(part)] == part for start in starts)


_NAMES = {_words(name): asked for asked, row in TABLE.items() for name in row.names}
_NAMES |= {_words(name): "" for name in _NOBODYS}
_HEADS = {_words(head): asked for asked, row in TABLE.items() for head in row.heads}
_LONGEST_HEAD = max(map(len, _HEADS))
