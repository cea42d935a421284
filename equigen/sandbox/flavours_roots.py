"""The words of the labels that grew from old songs: Blues to Rhythm & Blues."""

from equigen.sandbox.flavours import Flavour, either, tags

ROOTS = (
    Flavour(
        label="Blues",
        earliest_year=1931,
        genres=tags("Blues | Blues | Blues | Blues + Rock | Blues + Funk / Soul"),
        styles=tags(
            "Delta Blues | Chicago Blues | Country Blues | Electric Blues | Texas Blues"
            " | Louisiana Blues | Piano Blues | Modern Electric Blues | Chicago Blues"
            " | Jump Blues | Electric Blues + Rhythm & Blues | Delta Blues"
        ),
        side_styles=either("Harmonica Blues | Boogie Woogie | Blues Rock"),
        countries=either("US | US | US | UK | Europe | Canada"),
        artists=either(
            "{nick} {given} {family} | {given} {family} | {nick} {family} | {given} {family} Trio"
            " | {nick} {given} And The {band}"
        ),
        titles=either(
            "{place} Moan | Last Bus To {place} | {thing} Blues | Don't Touch My {thing}"
            " | {number} Nickels And A {thing} | Up From {place} | {place} At Midnight"
            " | Somebody Stole My {thing} | The {thing} Song | Live In {place}"
            " | Rain On The {thing} | {number} Miles Of {place}"
        ),
        words={
            "nick": either(
                "Lefty | Blind Otis | Peg | Big Clem | Slow Drag | Catfish | Sugarfoot | Papa"
                " | Little Hester | Barrelhouse | Deacon | Washboard | Tin Cup | Sister"
            ),
            "given": either(
                "Ezra | Lonzo | Mattie | Rufus | Odell | Cora | Virgil | Hattie | Amos | Leona"
                " | Jasper | Willa | Enoch | Roscoe | Delphine"
            ),
            "family": either(
                "Tarwater | Pettibone | Gantry | Lyle | Crowder | Mabry | Tolliver | Rawls"
                " | Hightower | Spivey | Dupree-Hall | Cutler | Odom | Yancy | Broadnax"
            ),
            "band": either("Night Porters | Mud Turtles | Juke Kings | Levee Lights | Gin Boards"),
            "place": either(
                "Clarksville | Yazoo Bend | Greenwood Yard | Parchment Farm | Tupper Lake"
                " | Friar's Ferry | Natchez Road | Halfmoon County | Beulah | Cotton Row"
            ),
            "thing": either(
                "Suitcase | Mule | Coffee Pot | Levee | Shotgun Shack | Skillet | Screen Door"
                " | Bottleneck | Rooster | Lantern | Left Shoe | Old Guitar"
            ),
            "number": either("Two | Three | Nine | Seven | Forty | Hundred | Eleven"),
        },
    ),
    Flavour(
        label="Country",
        earliest_year=1948,
        genres=tags(
            "Folk, World, & Country | Folk, World, & Country | Folk, World, & Country"
            " | Folk, World, & Country + Rock | Pop + Folk, World, & Country"
        ),
        styles=tags("Country | Country | Country | Country Rock | Country + Honky Tonk"),
        side_styles=either("Bluegrass | Honky Tonk | Gospel | Western Swing"),
        countries=either("US | US | US | Canada | Australia"),
        artists=either(
            "{given} {family} | {given} {middle} {family} | The {band} | {given} & {given} {family}"
            " | {given} {family} And The {band}"
        ),
        titles=either(
            "{place} Skyline | My {animal} Knows The Way | {thing} And {thing} | Gone To {place}"
            " | Two Tickets To {place} | Half A {thing} Left | Mama's {thing}"
            " | The {adj} Side Of {place} | {adj} {thing} | Love, Lies & {thing}"
        ),
        words={
            "given": either(
                "Dwayne | Loretta Jo | Buck | Tammy Rae | Waylon Earl | Dolly Ann | Clint"
                " | Patsy Kay"
                " | Merle | Wynette | Travis Lee | Jolene | Hoyt | Bobbie Sue"
            ),
            "middle": either("Ray | Boone | Dale | Mae | Wade | T."),
            "family": either(
                "Hollister | Tuckett | McBrayer | Stockard | Penrod | Larkspur | Dunaway | Cobb"
                " | Whitlow | Beckwith | Redfern | Haggerty-Smith | Ambrose | Cutbirth"
            ),
            "band": either(
                "Dusty Saddlebags | Sagebrush Sisters | Tumbleweed Choir | Ten Gallon Boys"
                " | Porch Light Pickers | Red Gate Ramblers | Hayloft Five"
            ),
            "place": either(
                "Amarillo Flats | Cedar Gap | Laramie | Lonesome Pine | Tupelo Springs"
                " | Abilene Road"
                " | Cheyenne Creek | Possum Hollow | Mesquite"
            ),
            "thing": either(
                "Whiskey | Barbed Wire | Pickup | Wedding Ring | Front Porch | Boots | Rodeo"
                " | Gravel | Moonshine | Telephone | Heartache | Pie"
            ),
            "animal": either("Horse | Hound Dog | Pony | Mule | Rooster"),
            "adj": either("Lonely | Wild | Honest | Dusty | Sunny | Wrong | Tender"),
        },
    ),
    Flavour(
        label="Jazz",
        earliest_year=1935,
        genres=tags("Jazz | Jazz | Jazz | Jazz | Jazz + Funk / Soul | Electronic + Jazz"),
        styles=tags(
            "Soul-Jazz | Contemporary Jazz | Cool Jazz | Free Jazz | Latin Jazz | Smooth Jazz"
            " | Jazz-Funk | Hard Bop + Soul-Jazz | Modal + Contemporary Jazz | Avant-garde Jazz"
            " | Gypsy Jazz | Afro-Cuban Jazz"
        ),
        side_styles=either("Hard Bop | Post Bop | Modal | Fusion | Big Band | Swing"),
        countries=either("US | US | Japan | France | Italy | Germany | UK | Poland"),
        artists=either(
            "{given} {family} {size} | The {given} {family} {size} | {given} {family}"
            " | {family} / {family} / {family} | {given} {family} & {given} {family}"
        ),
        titles=either(
            "{adj} {noun} | {noun} In {key} | Live At The {club} | Blue {noun} | {noun} For {given}"
            " | {number} O'Clock {noun} | Modes Of {noun} | The {adj} {noun} Suite"
            " | {given}'s {noun} | {noun}, Sideways"
        ),
        words={
            "given": either(
                "Thaddeus | Milo | Esther | Lucien | Hiroko | Art | Cornelius | Nadja | Wardell"
                " | Sonja | Paquito | Tomasz | Renée | Cal | Ornella | Günther"
            ),
            "family": either(
                "Quill | Vandermeer | Okada | Brightwater | Lacroix | Mbeki-Lund | Ferrante"
                " | Stroud"
                " | Kowalczyk | Ashby-Cole | Nakadai | Delacourt | Pomeroy | Sjöberg | Bellweather"
            ),
            "size": either("Quartet | Quintet | Trio | Sextet | Octet | Nonet | Big Band"),
            "adj": either(
                "Slanted | Oblique | Restless | Amber | Nocturnal | Quiet | Cubist | Tilted"
            ),
            "noun": either(
                "Corners | Windows | Mosaic | Cigarettes | Avenue | Elevator | Taxi | Pendulum"
                " | Mirrors | Staircase | Weather | Parallels | Neon | Umbrella"
            ),
            "key": either("B Flat | Five | Seven Four | Blue | Thirds | E Minor"),
            "club": either("Blue Heron | Cellar 52 | Lantern Club | Café Rouge | Half Step"),
            "number": either("Two | Three | Four | Five | Six"),
        },
    ),
    Flavour(
        label="Folk",
        earliest_year=1955,
        genres=tags(
            "Folk, World, & Country | Folk, World, & Country | Folk, World, & Country"
            " | Rock + Folk, World, & Country"
        ),
        styles=tags("Folk | Folk | Folk + Acoustic | Folk + Ballad | Indie Folk | Neofolk + Folk"),
        side_styles=either("Acoustic | Ballad | Fado | Sea Shanties"),
        countries=either("UK | UK | Ireland | US | Sweden | Norway | Hungary | Canada | France"),
        artists=either(
            "{given} {family} | The {bird} & The {plant} | {given} & {given} | {plant} {noun}"
            " | {given} {family} & The {bird}s"
        ),
        titles=either(
            "The {trade}'s Daughter | Songs From A {noun} | {plant} And {plant}"
            " | Under {place} Hill"
            " | A {bird} In {month} | {month} Comes To {place} | The {bird} And The {trade}"
            " | {noun} Songs | Letters From {place} | All My {plant}"
        ),
        words={
            "given": either(
                "Rowan | Elspeth | Ingrid | Martin | Bridie | Linnéa | Tobias | Maren | Ágnes"
                " | Cuthbert | Isolde | Peadar | Saoirse | Ewan | Søren"
            ),
            "family": either(
                "Thornley | Hathersage | Lindqvist | Ashdown | Birkeland | Farkasné | Wren"
                " | Millhouse | Ó Dálaigh | Greenhalgh | Fairweather | Tveit | Larkin"
            ),
            "bird": either(
                "Wren | Lapwing | Heron | Linnet | Magpie | Curlew | Starling | Nightjar"
            ),
            "plant": either(
                "Hawthorn | Bracken | Rosemary | Elder | Ivy | Thistle | Barley | Willow | Heather"
            ),
            "noun": either(
                "Hearth | Orchard | Attic | Kitchen | Meadow | Loom | Well | Ferry | Barn"
            ),
            "trade": either("Miller | Weaver | Shepherd | Cooper | Ferryman | Beekeeper | Tinker"),
            "place": either("Ambleford | Carrowmore | Skelwith | Dunmorrow | Hallingdal | Eskerry"),
            "month": either("March | April | May | October | November | December"),
        },
    ),
    Flavour(
        label="Rap",
        earliest_year=1986,
        genres=tags("Hip Hop | Hip Hop | Hip Hop | Hip Hop | Hip Hop + Funk / Soul"),
        styles=tags("Pop Rap | Pop Rap | Cloud Rap | Pop Rap + Boom Bap | Cloud Rap + Trap"),
        side_styles=either("Gangsta | Jazzy Hip-Hop | Conscious | Boom Bap | G-Funk | Trap"),
        countries=either("US | US | US | UK | France | Germany | Canada"),
        artists=either(
            "{title} {nick} | {nick} & {nick} | {nick} Da {adj} | {given} {nick} | {crew} {group}"
            " | {title} {nick} x {nick}"
        ),
        titles=either(
            "{thing} Money | {number} Blocks From {place} | The {thing} Tape"
            " | {thing} Dreams Vol. {vol}"
            " | Corner Of {place} | Rent Was Due | {thing} Theory | No {thing} Left"
            " | Ask My {thing}"
            " | {number}AM In {place}"
        ),
        words={
            "title": either("MC | Lil' | DJ | Big | Yung | Prof. | Lady | King"),
            "nick": either(
                "Vertigo | Pistachio | Ledger | Moxie | Tangent | Quarterz | Zephyr | Abacus"
                " | Cinnamon | Dialtone | Fable | Ampersand | Marquee | Syntax | Nimbus"
            ),
            "given": either("Tariq | Desiree | Malik | Andre | Imani | Rashaad | Keisha"),
            "adj": either("Architect | Librarian | Locksmith | Cartographer | Notary | Barber"),
            "crew": either("Eastside | Block 9 | Third Rail | Cul-de-Sac | Overpass | Fifth Floor"),
            "group": either("Scholars | Syndicate | Committee | Cartel | Alumni | Family"),
            "thing": either(
                "Elevator | Parking Lot | Pager | Gold Tooth | Bodega | Sneaker | Basement | Chrome"
                " | Subway | Voicemail | Lawyer | Barbershop"
            ),
            "place": either("Linden Ave | Harlow Park | The Terrace | Fulton & 5th | Dock Street"),
            "number": either("2 | 3 | 4 | 5 | 12"),
            "vol": either("1 | 2 | 3 | 4"),
        },
    ),
    Flavour(
        label="Rhythm & Blues",
        earliest_year=1949,
        genres=tags("Funk / Soul | Funk / Soul | Funk / Soul | Funk / Soul + Blues"),
        styles=tags(
            "Rhythm & Blues | Rhythm & Blues | Rhythm & Blues + Soul | Rhythm & Blues + Doo Wop"
            " | Rhythm & Blues + Funk"
        ),
        side_styles=either("Soul | Funk | Doo Wop | Gospel | Disco"),
        countries=either("US | US | US | UK | Jamaica"),
        artists=either(
            "The {adj}{group} | {given} {family} | {given} & The {adj}{group}"
            " | {given} {family} Revue"
            " | The {adj} Four"
        ),
        titles=either(
            "{verb} Me, {pet} | {pet}, Come Home | Sweet {noun} | Mr. {noun} | {noun} After Dark"
            " | Give Me Your {noun} | {noun} For Two | The Soul Of {given} | {adj} {noun}"
            " | Too Much {noun}"
        ),
        words={
            "given": either(
                "Clarice | Lamont | Etta Lou | Percy | Vernell | Arthella | Smokey Joe | Doris"
                " | Otha"
                " | Candace | Jerome | Mavis June | Teddy"
            ),
            "family": either(
                "Prewitt | Sinclair-Jones | Holloway | Baptiste | Merriweather | Gaines | Lovelace"
                " | Toussaint-Reed | Overton | Fontaine | Ballard-King"
            ),
            "adj": either(
                "Velvet | Satin | Golden | Royal | Midnight | Sapphire | Crystal | Silver"
            ),
            "group": either("tones | aires | ettes | elles | notes | hearts | ones | keys"),
            "noun": either(
                "Honey | Devotion | Perfume | Candlelight | Temptation | Lovin' | Telephone"
                " | Cadillac"
                " | Rendezvous | Sugar | Moonlight | Thunder"
            ),
            "pet": either("Baby | Darling | Honeychild | Sugar | Daddy"),
            "verb": either("Hold | Squeeze | Rescue | Thrill | Believe | Forgive"),
        },
    ),
)
