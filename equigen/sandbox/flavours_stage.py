"""The words of the labels of clubs and concert halls: Pop to New Age."""

from equigen.sandbox.flavours import Flavour, either, tags

STAGE = (
    Flavour(
        label="Pop",
        earliest_year=1962,
        genres=tags("Pop | Pop | Pop | Pop | Electronic + Pop | Rock + Pop"),
        styles=tags(
            "Pop Rock | Pop Rock + Ballad | Indie Pop | Europop + Pop Rock | Dance-pop | City Pop"
            " | Power Pop | Bubblegum + Pop Rock | Synth-pop | Baroque Pop"
        ),
        side_styles=either("Europop | Ballad | Vocal | Chanson | Schlager"),
        countries=either("UK | US | Sweden | France | Germany | Japan | Italy | Brazil"),
        artists=either(
            "{given} | The {adj} {noun}s | {noun} {noun} | {given} {family} | {given} + {given}"
            " | {adj} {noun} Club"
        ),
        titles=either(
            "{adj} {noun} | Hello, {noun}! | {noun} Holiday | Kiss The {noun} | {number} {noun}s"
            " | I Heart {noun} | {given} Goes {adj} | Summer Of {noun} | (Not) Your {noun}"
            " | {noun} ♥ {noun} | Ooh La {noun}"
        ),
        words={
            "given": either(
                "Tilly | Zoë | Maxime | Agnetha-Lynn | Robin | Désirée | Carly-Ann | Jonny | Mimi"
                " | Benedikta | Lulu-Belle | Petra | Kiki"
            ),
            "family": either(
                "Starling | Valentino | Popova | Summers-Day | Åkerlind | Marceau | Bloom"
            ),
            "adj": either(
                "Plastic | Electric | Lemon | Glitter | Polka Dot | Technicolor | Sugar | Paper"
                " | Inflatable | Weekend"
            ),
            "noun": either(
                "Bubblegum | Telephone | Lipstick | Balloon | Lollipop | Polaroid | Roller Skate"
                " | Sundae | Jukebox | Postcard | Confetti | Flamingo | Heartbeat"
            ),
            "number": either("99 | Seven | A Million | 24 | Twelve"),
        },
    ),
    Flavour(
        label="Rock",
        earliest_year=1958,
        genres=tags("Rock | Rock | Rock | Rock | Rock + Blues"),
        styles=tags(
            "Hard Rock | Pop Rock | Indie Rock | Alternative Rock | Prog Rock | Psychedelic Rock"
            " | Garage Rock | Blues Rock | Soft Rock | Classic Rock | Stoner Rock | Space Rock"
        ),
        side_styles=either("Shoegaze | Krautrock | AOR | New Wave | Britpop"),
        countries=either("UK | US | US | Germany | Australia | Canada | Brazil | Sweden"),
        artists=either(
            "The {noun}s | {adj} {noun} | {noun} Of The {noun} | {given} {family} Band"
            " | {family}, {family} & {family} | {number} {noun}s"
        ),
        titles=either(
            "{adj} {noun} | {noun} Machine | Return Of The {noun} | {noun} In The {noun} | {number}"
            " | Never Trust A {noun} | {verb} The {noun} | Live At {place} | {place} Burning"
            " | Side {number}"
        ),
        words={
            "adj": either(
                "Crooked | Velvet | Atomic | Hollow | Iron | Golden | Paper | Lunar | Drunken"
                " | Wild"
            ),
            "noun": either(
                "Comet | Engine | Pilgrim | Coyote | Satellite | Hammer | Carousel | Mammoth"
                " | Stranger"
                " | Horizon | Lighthouse | Vulture | Canyon | Zeppole"
            ),
            "given": either("Dirk | Ronnie | Suzi | Ray | Joan | Klaus"),
            "family": either(
                "Thackeray | Boone | Marsden | Kessler | Lindgren | Hart-Doyle | Pickford"
            ),
            "number": either("IV | II | Three | Nineteen | Forty-Four | 1000"),
            "verb": either("Feed | Ride | Bury | Follow | Break | Steal"),
            "place": either(
                "Budapest | Wembury | Saint-Malo | The Foundry | Red Mesa | Leeds Bridge"
            ),
        },
    ),
    Flavour(
        label="Metal",
        earliest_year=1972,
        genres=tags("Rock | Rock | Rock"),
        styles=tags(
            "Heavy Metal | Death Metal | Black Metal | Doom Metal | Power Metal | Speed Metal"
            " | Progressive Metal | Symphonic Metal | Viking Metal | Thrash + Heavy Metal"
            " | Folk Metal"
        ),
        side_styles=either("Thrash | Grindcore | Sludge | Goth"),
        countries=either("Norway | Finland | Sweden | US | Germany | Poland | Brazil | Greece"),
        artists=either(
            "{a}{b} | {a}{b} | {adj} {noun} | {noun} Of {noun} | {umlaut} | {noun} {verbed}"
        ),
        titles=either(
            "{noun} Of The {noun} | {adj} {noun} | Beneath The {noun} | {noun} {verbed}"
            " | {number} {noun}s Of {noun} | The {noun} Eternal | Hymns To The {noun}"
            " | {verbed} By {noun} | Per {latin} Ad {latin} | Dawn Of {noun}"
        ),
        words={
            "a": either("Grim | Dread | Wyrm | Frost | Blood | Gloom | Ash | Bone | Thorn | Raven"),
            "b": either(
                "hollow | fjord | wrought | spire | tongue | grave | monger | veil | hammer"
            ),
            "umlaut": either(
                "Thrümgard | Skáldmörk | Väinämör | Kröhn | Hrafnblót | Mörkstorm | Þurs"
            ),
            "adj": either(
                "Obsidian | Cursed | Frozen | Ancient | Infernal | Pale | Wretched | Iron"
            ),
            "noun": either(
                "Throne | Abyss | Winter | Serpent | Crypt | Oath | Cathedral | Plague | Sepulchre"
                " | Storm | Ruin | Chalice | Pyre | Leviathan"
            ),
            "verbed": either("Forsaken | Enthroned | Devoured | Shattered | Unburied | Forged"),
            "number": either("Seven | Nine | Thirteen | A Thousand"),
            "latin": either("Tenebras | Nihilum | Ignem | Mortem | Astra"),
        },
    ),
    Flavour(
        label="Punk",
        earliest_year=1976,
        genres=tags("Rock | Rock | Rock"),
        styles=tags("Punk | Punk | Punk + Hardcore | Pop Punk | Post-Punk | Folk Punk"),
        side_styles=either("Hardcore | Oi | New Wave | Ska | No Wave"),
        countries=either("UK | UK | US | US | Germany | Spain | Finland | Yugoslavia"),
        artists=either(
            "The {adj} {noun}s | {noun} {verb} | {given} {rude} | {number} {noun}s | {rude}"
            " | {given} And The {noun}s"
        ),
        titles=either(
            "No {noun}, No {noun} | {verb} The {noun} | {noun} Sucks | My {noun} Is A {noun}"
            " | {number} Songs In {number} Minutes | {adj} For {noun} | Who {verb}ed My {noun}?"
            " | {rude}! | Never Mind The {noun} | {noun} '{year}"
        ),
        words={
            "adj": either(
                "Broken | Bored | Rotting | Cheap | Unpaid | Filthy | Nervous | Underage"
            ),
            "noun": either(
                "Toaster | Safety Pin | Landlord | Pigeon | Traffic Cone | Dentist | Dole"
                " | Bus Stop"
                " | Ratbag | Poodle | Riot | Exam | Taxman"
            ),
            "verb": either("Kick | Spit | Bomb | Smash | Annoy | Reject"),
            "given": either("Sid Vinegar | Poly | Rat | Johnny | Siouxsie-Ann | Dee"),
            "rude": either(
                "Snotrag | Grotbag | Nein Danke | Puke A Gogo | Ugh | Vomitorium | Spänk"
            ),
            "number": either("4 | 7 | 12 | 13 | 21"),
            "year": either("77 | 78 | 79 | 82 | 94"),
        },
    ),
    Flavour(
        label="Electronic",
        earliest_year=1968,
        genres=tags("Electronic | Electronic | Electronic | Electronic + Rock"),
        styles=tags(
            "Techno | House | Ambient | IDM | Electro | Drum n Bass | Trance | Downtempo"
            " | Synthwave"
            " | Deep House | Minimal | Breakbeat | Dubstep | Acid"
        ),
        side_styles=either("Experimental | Tech House | Glitch | Vaporwave | Dub Techno"),
        countries=either("Germany | UK | US | France | Netherlands | Japan | Belgium"),
        artists=either(
            "{a}{b} | {a}{b} | {noun} {number} | {noun}/{noun} | DJ {a}{b} | {given} {noun}"
            " | {noun}ism"
        ),
        titles=either(
            "{noun} {number} | {noun} Theory | {noun}::{noun} | {number} Hz | {noun}\\{noun}"
            " | Selected {noun} Works | {noun} EP{number} | {a}{b} | {noun} Protocol"
            " | Return To {noun} | {noun} @ {number}"
        ),
        words={
            "a": either("Poly | Moto | Neuro | Syn | Hexa | Vox | Kilo | Anti | Lumi | Tele"),
            "b": either("drome | plex | tron | wave | form | vector | morph | kline | phase"),
            "noun": either(
                "Circuit | Modul | Voltage | Signal | Lattice | Phosphor | Relay | Photon"
                " | Cassiopeia"
                " | Antenna | Kernel | Oxide | Raster"
            ),
            "given": either("Jürgen | Sanae | Marek | Luc | Ada | Dmitri"),
            "number": either("303 | 909 | 2 | 0x1F | 64 | 808 | 12 | 440 | III"),
        },
    ),
    Flavour(
        label="New Age",
        earliest_year=1974,
        genres=tags(
            "Folk, World, & Country | Classical | Stage & Screen | Jazz | Electronic"
            " | Classical | Folk, World, & Country"
        ),
        styles=tags("New Age | New Age | New Age | New Age + Ambient"),
        side_styles=either("Ambient | Berlin-School | Modern Classical | Field Recording"),
        countries=either("US | US | Germany | Japan | UK | Canada | Switzerland"),
        artists=either(
            "{given} {family} | {noun} {noun} | {given} {given} | {family} & {family} | {noun}song"
        ),
        titles=either(
            "{adj} {noun} | {noun} Of {noun} | {noun} Within | Journey To The {noun}"
            " | {number} Breaths | Songs Of The {noun} | {noun}, {noun}, {noun} | The {adj} Garden"
            " | Healing {noun} | Where {noun} Meets {noun}"
        ),
        words={
            "given": either(
                "Aurelia | Deva | Solomon | Kiyoko | Stefan | Ananda | Celeste | Paul | Iridienne"
            ),
            "family": either(
                "Moonstone | Halperin | Silverbrook | Winterhal | Kitamura-Lee | Dove"
                " | Starkweather"
                " | Lumen | Brightwell"
            ),
            "noun": either(
                "Dolphin | Crystal | River | Lotus | Mist | Aurora | Stillness | Feather | Dawn"
                " | Tide | Breath | Chakra | Forest | Harp"
            ),
            "adj": either("Inner | Silent | Luminous | Floating | Eternal | Gentle | Seventh"),
            "number": either("Seven | Nine | 108 | Twelve | One Thousand"),
        },
    ),
)
