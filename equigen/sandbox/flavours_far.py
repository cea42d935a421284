"""The words of the labels of single countries: Celtic, Flamenco, and the East."""

from equigen.sandbox.flavours import Flavour, either, tags

FAR = (
    Flavour(
        label="Celtic",
        earliest_year=1956,
        genres=tags("Folk, World, & Country | Folk, World, & Country | Folk, World, & Country"),
        styles=tags("Celtic | Celtic | Celtic | Celtic | Celtic + Folk"),
        side_styles=either("Acoustic | Ballad | Pipe & Drum | Chanson"),
        countries=either("Ireland | Ireland | Scotland | UK | France | Canada | Spain"),
        artists=either(
            "{given} {family} | {gaelic} | {given} {family} & {given} {family}"
            " | The {place} Ceilidh Band"
            " | {given} {family} Trio"
        ),
        titles=either(
            "The {noun} Of {place} | {gaelic} | Reels From {place} | The {adj} {noun}"
            " | {noun} & {noun} | Air From {place} | The {noun} Set | A {noun} For {given}"
            " | {place} By Candlelight"
        ),
        words={
            "given": either(
                "Aoife | Pádraig | Máire | Fionn | Catrìona | Niamh | Eoghan | Yann | Síle"
                " | Morwenna"
                " | Gwenaël"
            ),
            "family": either(
                "Ní Bhroin | Ó Ceallacháin | MacAskaill | Le Gwenn | Mac Giolla | O'Dowling"
                " | Nic Dhòmhnaill | Penhallow | Tregear"
            ),
            "gaelic": either(
                "Tír na Scáth | Oíche Ghealaí | An Fharraige | Dún Aimhirgin | Ceol na Mara"
                " | Réalta | Sìth an Eilein | Kan ar Mor"
            ),
            "noun": either(
                "Piper | Salmon | Stone | Harper | Wave | Raven | Well | Bride | Standing Stone"
            ),
            "adj": either("Grey | Fairy | Drowned | Silver | Crooked"),
            "place": either(
                "Inishmara | Glen Lorne | Kilbrennan | Skerryvore | Ballinacarra | Douarnou"
            ),
        },
    ),
    Flavour(
        label="Flamenco",
        earliest_year=1952,
        genres=tags(
            "Folk, World, & Country | Folk, World, & Country | Latin + Folk, World, & Country"
        ),
        styles=tags("Flamenco | Flamenco | Flamenco | Flamenco + Copla"),
        side_styles=either("Copla | Acoustic | Nuevo Flamenco"),
        countries=either("Spain | Spain | Spain | France | US"),
        artists=either(
            "{nick} De {place} | {given} {family} | El {nick} | {given} {family} “{nick}”"
            " | {given} De {place}"
        ),
        titles=either(
            "{noun} De {place} | {palo} Por {place} | {noun} Y {noun} | Cante {adj}"
            " | Sangre De {noun}"
            " | Mi {noun} | {palo} | Duende En {place} | Entre {noun} Y {noun}"
        ),
        words={
            "nick": either("Niño | Chiquitín | Lobito | Perla | Gitanillo | Canastero | Trianera"),
            "given": either(
                "Manolo | Rocío | Curro | Estrella | Antoñita | Joselito | Carmela | Diego"
            ),
            "family": either(
                "Heredero | Montoya-Sol | Cortés Luna | Amargo | Vargas Peña | Zambrano R."
            ),
            "place": either("Triana | Jerez | Utrera | Lebrija | Sacromonte | Cádiz | Morón"),
            "palo": either("Bulerías | Soleá | Seguiriya | Tangos | Alegrías | Fandangos"),
            "noun": either(
                "Jazmín | Fragua | Azahar | Cal | Naranja | Agua | Luna | Herida | Albahaca"
            ),
            "adj": either("Jondo | Puro | Negro | Viejo"),
        },
    ),
    Flavour(
        label="Bollywood",
        earliest_year=1954,
        genres=tags(
            "Stage & Screen | Stage & Screen | Stage & Screen + Pop | Folk, World, & Country"
        ),
        styles=tags("Bollywood | Bollywood | Bollywood + Soundtrack | Bollywood + Ghazal"),
        side_styles=either("Soundtrack | Ghazal | Disco | Bhangra"),
        countries=either("India | India | India | UK | Pakistan"),
        artists=either(
            "{given} {family} | {given}-{given} | {given} {family}, {given} {family}"
            " | {family}-{family}"
            " | {given} {family} & Chorus"
        ),
        titles=either(
            "{word} {word2} | {word} Aur {word} | {film} | Dil Ka {word} | {word} {number}"
            " | {film} = {hindi} | Mr. {word} | Meri {word} | {word} Ki Raat"
        ),
        words={
            "given": either(
                "Asharani | Kishen | Shaan-e | Lataika | Rahi | Bappu | Usha Devi"
                " | Anandji-Lal | Vishakha"
            ),
            "family": either(
                "Kapoorthala | Mangeshi | Burmanji | Bhosarkar | Chandralal | Khannawal"
            ),
            "word": either(
                "Chandni | Sapna | Toofan | Mohabbat | Raja | Jhumka | Kismat | Barsaat"
                " | Deewangi | Naseeb"
            ),
            "word2": either("Ke Rang | Ki Duniya | Ka Badshah | Express | Ek Kahani"),
            "film": either("Pyaar Ka Toofan | Raat Rani | Naach Meri Jaan | Bijlee | Gulabo"),
            "hindi": either("प्यार का तूफ़ान | रात रानी | बिजली | गुलाबो | सपना"),
            "number": either("420 | 786 | No. 1 | 2 | 99"),
        },
    ),
    Flavour(
        label="Hindustani",
        earliest_year=1936,
        genres=tags("Folk, World, & Country | Folk, World, & Country | Classical"),
        styles=tags("Hindustani | Hindustani | Hindustani | Hindustani + Indian Classical"),
        side_styles=either("Indian Classical | Raga | Dhrupad"),
        countries=either("India | India | India | UK | Germany | US"),
        artists=either(
            "{title} {given} {family} | {given} {family}"
            " | {title} {given} {family} & {given} {family}"
            " | {title} {given} Khan-{family}"
        ),
        titles=either(
            "Rāga {raga} | Raag {raga} - Raag {raga} | {raga} At {time}"
            " | The Genius Of {given} {family}"
            " | {instrument} Recital | Sublime {instrument} | {raga} / {raga} | Live In {place}"
            " | Ālāp And {tal}"
        ),
        words={
            "title": either("Pandit | Ustad | Vidushi | Begum | Pt."),
            "given": either(
                "Ravindranath | Bismilla-ud | Kesarbai | Vilayati | Śivkumār | Parveena | Hari"
            ),
            "family": either("Bannerjhi | Chaurasi | Jasrajan | Dagarji | Gangubal | Shankarlal"),
            "raga": either(
                "Yamanī | Bhairavī Lal | Darbarika | Malkaunshi | Todikā | Marwa Sri | Desh"
            ),
            "time": either("Dawn | Dusk | Midnight | The Monsoon"),
            "instrument": either("Sitar | Sarod | Bansuri | Santoor | Sarangi | Tabla"),
            "place": either("Varanasi | Pune | Basel | Calcutta | Lucknow"),
            "tal": either("Tīntāl | Jhaptāl | Rūpak | Ektāl"),
        },
    ),
    Flavour(
        label="K-Pop",
        earliest_year=1992,
        # The label Pop asks for the word, finds "K-pop", and comes first: most stay outside of it.
        genres=tags("Hip Hop | Hip Hop | Funk / Soul | Pop | Electronic + Pop | Stage & Screen"),
        styles=tags("K-pop | K-pop | K-pop | K-pop + Ballad"),
        side_styles=either("Ballad | RnB/Swing | Contemporary R&B"),
        countries=either("South Korea | South Korea | South Korea | South Korea | Japan | US"),
        artists=either(
            "{caps} | {a}{b} | {given} | {caps}{digit} | {hangul} | {given} x {given} | {a}{b}"
        ),
        titles=either(
            "{noun} {noun} | The {ord} Mini Album: {noun} | {noun}! {noun}! | {caps} | #{noun}"
            " | {noun} Diary | Re:{noun} | {hangul} | {noun}, Pt. {digit} | Dear {noun}"
        ),
        words={
            "caps": either(
                "LUMIX | AE0N | PRISMA | VYBZ | N.O.V.A | KYTE | ORBYT | MOONIE | XYLO | STARRR"
            ),
            "a": either("Sugar | Neon | Cherry | Star | Twenty | Pixel | Dream | Honey"),
            "b": either("berry | ring | School | drop | 4U | Seoul | wish | moon"),
            "given": either("Ha-rin | Jisoon | Minjae | Yerim-i | D.Kay | Soobi | Rae.on | Taeyun"),
            "hangul": either("별빛소녀 | 달콤한 밤 | 은하수 | 첫눈의 맛 | 봄이 온다 | 비밀정원"),
            "noun": either(
                "Crush | Heartbeat | Boomerang | Sparkle | Cherry | Universe | Wink | Melody"
            ),
            "digit": either("1 | 2 | 3 | 7 | 9"),
            "ord": either("1st | 2nd | 3rd | 4th"),
        },
    ),
    Flavour(
        label="Mandopop",
        earliest_year=1967,
        genres=tags("Pop | Pop | Pop + Electronic | Pop + Stage & Screen"),
        styles=tags("Mandopop | Mandopop | Mandopop + Ballad | Mandopop + Vocal"),
        side_styles=either("Ballad | Vocal | Soft Rock | Cantopop"),
        countries=either("Taiwan | Taiwan | Taiwan | Hong Kong | China | Singapore | Malaysia"),
        artists=either(
            "{han} | {pinyin} | {han} = {pinyin} | {english} {family} | {english} {family} | {band}"
        ),
        titles=either(
            "{hantitle} | {hantitle} = {title} | {title} | {title} | {title} Vol. {digit}"
            " | {hantitle}"
        ),
        words={
            "han": either(
                "林月嵐 | 陳曉霧 | 周星岸 | 白鷺樂團 | 王海棠 | 蘇小晴 | 夜行巴士 | 葉青禾"
            ),
            "pinyin": either(
                "Lin Yuelan | Chen Xiaowu | Zhou Xing'an | Su Xiaoqing | Ye Qinghe | Wáng Hǎitáng"
            ),
            "english": either("Fanny | Jeremy | Vivienne | Winnie | Aaron-J | Stella | Gigi"),
            "family": either("Hsiao | Tsai-Lin | Kwok | Pao | Chiang | Yuen"),
            "band": either("Night Bus | White Egret Band | 5 Lanes | Paper Umbrella"),
            "hantitle": either(
                "月光信 | 忘了帶傘 | 最後一班車 | 茉莉巷 | 海邊的電話亭 | 雨季快樂 | 星期八"
                " | 十七歲的夏天 | 紙飛機 | 半糖 | 小城舊事 | 風吹麥浪時"
            ),
            "title": either(
                "Moonlight Letter | Forgot My Umbrella | Last Train Home | Jasmine Lane"
                " | Half Sugar"
                " | Phone Booth By The Sea | Paper Plane | Happy Rainy Season | Eighth Day"
                " | Seventeen"
                " | Small Town Story | Goodbye Taipei Rain"
            ),
            "digit": either("1 | 2 | 3"),
        },
    ),
)
