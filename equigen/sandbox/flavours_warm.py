"""The words of the labels of warm nights: Latin, Reggae, and the dances between them."""

from equigen.sandbox.flavours import Flavour, either, tags

WARM = (
    Flavour(
        label="Latin",
        earliest_year=1945,
        genres=tags("Latin | Latin | Latin | Latin + Folk, World, & Country | Latin + Jazz"),
        styles=tags(
            "Cumbia | Bossa Nova | Samba | Merengue | Tango | Mambo | Bachata | Boogaloo"
            " | Vallenato"
            " | Reggaeton | Ranchera | MPB"
        ),
        side_styles=either("Cha-Cha | Charanga | Guaracha | Norteño"),
        countries=either("Colombia | Brazil | Mexico | Argentina | US | Peru | Puerto Rico | Cuba"),
        artists=either(
            "{given} {family} | {given} {family} Y Su {band} | Los {group} | {band} {group}"
            " | {given} Y {given}"
        ),
        titles=either(
            "{noun} De {place} | La {noun} | {place} De Noche | Mi {noun} Y Yo | {adj} {noun}"
            " | Cumbia Del {group} | ¡{verb}! | Canta {place} | {noun} Caliente"
            " | Serenata En {place}"
        ),
        words={
            "given": either(
                "Rigoberto | Marisol | Anselmo | Inês | Lupita | Joaquim | Ofelia | Ramón"
                " | Graciela"
                " | Tomé | Yolanda | Nicanor | Conceição"
            ),
            "family": either(
                "Quiñonero | Velarde | Montalbán | Figueiredo | Zubizarra | Peñalosa | Camargo-Lima"
                " | Ibáñez del Río | Cascabel | Noronha | Tapatío"
            ),
            "band": either("Orquesta | Conjunto | Banda | Sonora | Grupo"),
            "group": either("Tucanes | Alacranes | Gavilanes | Jilgueros | Cometas | Marineros"),
            "noun": either(
                "Luna | Palmera | Guitarra | Mariposa | Noche | Saudade | Playa | Rosa"
                " | Hamaca | Fiesta"
            ),
            "place": either(
                "Barranquilla Vieja | Bahía Blanca | Veracruz | Iquique | Olinda | Tepito"
            ),
            "adj": either("Dulce | Última | Ardiente | Perdida | Pequeña"),
            "verb": either("Baila | Sabor | Ándale | Qué Calor | Vámonos"),
        },
    ),
    Flavour(
        label="Reggae",
        earliest_year=1966,
        genres=tags("Reggae | Reggae | Reggae | Reggae + Funk / Soul | Electronic + Reggae"),
        styles=tags(
            "Roots Reggae | Dub | Dancehall | Lovers Rock | Rocksteady | Ska | Reggae"
            " | Roots Reggae"
        ),
        side_styles=either("Dub | Ragga | Reggae-Pop | Calypso"),
        countries=either("Jamaica | Jamaica | Jamaica | UK | US | France | Trinidad & Tobago"),
        artists=either(
            "{title} {nick} | {given} {family} | The {group} | {given} {family} & The {group}"
            " | {nick} Meets {nick}"
        ),
        titles=either(
            "{noun} In {place} | {noun} Dub | {title} {nick} Inna {place} Style | Jah {noun}"
            " | {adj} {noun} | {place} Rock | Give Thanks For {noun} | {noun} Time"
            " | Natty {noun} | Dub From The {noun}"
        ),
        words={
            "title": either("Prince | Ras | Dillinja | Sister | Bunny | Jah | Doctor | Tapper"),
            "nick": either(
                "Tafari-Lee | Mango | Cutlass | Solomon | Pickney | Lightning | Shepherd"
            ),
            "given": either("Winston | Delroy | Marcia | Leroy | Dawn | Errol | Junie | Cedric"),
            "family": either(
                "Palmerston | Brevett-Hale | Campbellton | Dacres | Hinds-Brown | Lindo | Wedder"
            ),
            "group": either(
                "Hill Street Rockers | Righteous | Zion Gates | Meditations Five | Upfull"
            ),
            "noun": either(
                "Roots | Sunshine | Lion | Rain | Fire | Drum | Mountain | Bread | Harvest | River"
            ),
            "place": either(
                "Trench Row | Montego | Brixton Hill | St. Ann | Half Way Tree | Addis"
            ),
            "adj": either("Heavy | Golden | Conquering | Easy | Natural | Humble"),
        },
    ),
    Flavour(
        label="Salsa",
        earliest_year=1964,
        # Real salsa is tagged Latin, and the label Latin would take it all: most stay outside.
        genres=tags("Funk / Soul | Jazz | Latin | Folk, World, & Country | Pop"),
        styles=tags("Salsa | Salsa | Salsa | Salsa + Son | Salsa + Guaguancó"),
        side_styles=either("Son Montuno | Boogaloo | Descarga | Timba"),
        countries=either("US | Puerto Rico | Colombia | Venezuela | Cuba | Peru"),
        artists=either(
            "Orquesta {noun} | {given} {family} | {given} {family} Y Su Combo | Sonora {noun}"
            " | {given} {family} All-Stars"
        ),
        titles=either(
            "{noun} Brava | A Bailar En {place} | El {nick} Del {noun} | {noun} Y {noun}"
            " | Con {noun} | Salsa {adj} | Ritmo De {place} | {number} Timbales | Swing {adj}"
        ),
        words={
            "noun": either(
                "Candela | Tumbao | Azúcar | Trombón | Bongó | Guajira | Clave | Montaña | Esquina"
            ),
            "given": either(
                "Ismael | Celina | Papo | Willy | Caridad | Chucho | Héctor Luis | Nilda"
            ),
            "family": either("Barrientos | Colón-Vega | Ferrer Paz | Maldonio | Roenas | Pacheca"),
            "place": either("El Barrio | Ponce | Cali | La Víbora | Santurce | Caracas"),
            "nick": either("Rey | Gato | Capitán | Diablo | Maestro"),
            "adj": either("Picante | Dura | Mayor | Nueva | Total"),
            "number": either("Dos | Tres | Mil | Cuatro"),
        },
    ),
    Flavour(
        label="Bolero",
        earliest_year=1938,
        genres=tags("Pop | Latin | Folk, World, & Country | Pop | Stage & Screen"),
        styles=tags("Bolero | Bolero | Bolero | Bolero + Vocal | Bolero + Ballad"),
        side_styles=either("Vocal | Ballad | Ranchera | Easy Listening"),
        countries=either("Mexico | Mexico | Cuba | Spain | Puerto Rico | Ecuador | Argentina"),
        artists=either(
            "{given} {family} | Trío {noun} | {given} {family} Y Su Piano | Los Tres {group}"
            " | {given} & {given} {family}"
        ),
        titles=either(
            "{noun} En La {noun} | Una {noun} Sin Ti | {verb} {noun} | Cartas De {noun}"
            " | Boleros Para {verb} | Tu {noun} | Al Pie De Tu {noun} | {noun} Y {noun}"
            " | La Última {noun} | Inolvidable {noun}"
        ),
        words={
            "given": either(
                "Agustina | Leopoldo | Consuelo | Armando | Rosario | Javier | Mercedes | Lucho"
                " | Eydalina | Benito"
            ),
            "family": either(
                "Larrañaga | del Castillo | Montiel Ruiz | Sabines | Cárdeno | Olvera"
                " | Palacios Mar"
            ),
            "noun": either(
                "Lágrima | Ventana | Gardenia | Noche | Sombra | Carta | Ausencia | Copa | Luna"
                " | Despedida | Boca"
            ),
            "verb": either("Olvidar | Soñar | Llorar | Perdonar | Besar"),
            "group": either("Caballeros | Zorzales | Ases | Románticos | Soles"),
        },
    ),
    Flavour(
        label="Rumba",
        earliest_year=1948,
        genres=tags("Folk, World, & Country | Folk, World, & Country | Latin | Funk / Soul"),
        styles=tags("Rumba | Rumba | Cuban Rumba | Rumba + Soukous | Rumba + Guaguancó"),
        side_styles=either("Soukous | Son | African | Guaguancó"),
        countries=either("Congo | Zaire | Cuba | Spain | France | Kenya | Cuba"),
        artists=either(
            "{given} {family} & {band} | Orchestre {band} | {given} {family} | Grupo {cuban}"
            " | {nick} {given}"
        ),
        titles=either(
            "{place} {noun} | {noun} Na {place} | Bolingo Ya {given} | {cuban} Para {place}"
            " | Rumba {noun} | Merci {given} | {noun} & {noun} | Mama {given} | Soirée À {place}"
        ),
        words={
            "given": either(
                "Mbuyi | Tshala-Rose | Fidèle | Kalala | Nzinga | Prosper | Yamba | Lázaro"
            ),
            "family": either(
                "Lukenge | wa Bemba | Mobali | Kabasu | Ntumba-Leo | Ondo | Valdivieso"
            ),
            "band": either(
                "O.K. Lumière | Bantu Soleil | Grand Zaïko-Mar | Étoile Du Pool | Maquina"
            ),
            "cuban": either("Yoruba Clave | Cajón | Columbia Son | Los Muñecones | Papá Ogún"),
            "nick": either("Docteur | Papa | Le Grand | Maître"),
            "noun": either(
                "Likambo | Soleil | Mwana | Fleuve | Libala | Sentiment | Étoile | Mokili"
            ),
            "place": either("Kinshasa | Matadi | Brazza | Matanzas | Poto-Poto | Lubumbashi"),
        },
    ),
    Flavour(
        label="Afrobeat",
        earliest_year=1969,
        genres=tags("Funk / Soul | Funk / Soul | Folk, World, & Country | Jazz + Funk / Soul"),
        styles=tags("Afrobeat | Afrobeat | Afrobeat + Funk | Afrobeat + Highlife"),
        side_styles=either("Highlife | Funk | African | Jazz-Funk"),
        countries=either("Nigeria | Nigeria | Ghana | UK | Benin | US | France"),
        artists=either(
            "{given} {family} | {given} {family} & {band} | {band} | {title} {given} {family}"
            " | {given} {family} And His {band}"
        ),
        titles=either(
            "{noun} No Get {noun} | {place} {noun} | {word} | Mr. {noun} | {noun} For Sale"
            " | {word} ({word}) | {adj} {noun} | Highway To {place} | {number} Drums Of {place}"
        ),
        words={
            "title": either("Chief | Dr. | Prince | Alhaji | Sir"),
            "given": either("Adéwálé | Ebo | Folàkẹ́ | Tunji | Kwabena | Ṣẹ́gun | Ngozi | Orlando-B"),
            "family": either(
                "Akinyosoye | Mensah-Tay | Ogundipe | Asante-Cole | Balogún | Eziashi"
            ),
            "band": either(
                "Lagoon 77 | Black Heritage Band | Sunset Dancers | Egbe Sound | Uhuru 12"
            ),
            "noun": either(
                "Trouble | Market | Radio | Government | Petrol | Palaver | Goat | Light"
            ),
            "word": either("Wàhálà | Shakara-Oh | Yé Yé | Gbagada | Kálakuti | Original Suffer"),
            "adj": either("Sweet | Big | Unknown | Hot | Double"),
            "place": either("Surulere | Kumasi | Ojota | Cotonou | Broad Street"),
            "number": either("Seven | Ten | Forty"),
        },
    ),
)
