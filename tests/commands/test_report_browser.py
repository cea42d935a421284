"""The report in a real browser: it loads, it can be read, and its filter works."""

from collections.abc import Iterator

import pytest
from browser import Tab, browsing
from reports import faces_table, fill, jpeg, row
from support import make_context

from equigen.commands import features, report
from equigen.commands.features import FeaturesAction

pytestmark = pytest.mark.long

GENRES = ("Jazz", "Rhythm & Blues", "Pop")
HOSTILE = '<script>alert("artist")</script>'
# Contrast after https://www.w3.org/TR/WCAG22/#contrast-minimum: each text on what lies below it.
CONTRASTS = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const below = (element) => {
    const colour = numbers(getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] > 0.8) return colour;
    return element.parentElement ? below(element.parentElement) : [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.tagName === "SCRIPT") continue;
    seen += 1;
    const pair = [light(numbers(getComputedStyle(element).color)), light(below(element))].sort();
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) poor.push(`${contrast} ${element.className}: ${element.textContent}`);
  }
  return { seen, poor };
})()
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Open a report of a dataset with everything in it, some of it hostile."""
    folder = tmp_path_factory.mktemp("report")
    rows = [
        row(at, GENRES[at % 3], year=str(1950 + at), artist="Björk" if at == 7 else f"Artist {at}")
        for at in range(90)
    ]
    for each in rows[2::3]:
        each |= {"artist": HOSTILE, "album": '"><img src=x onerror=alert(1)>'}
    covers = fill(folder, rows, pictures=dict.fromkeys(range(4), jpeg(1)))
    action, one_process = FeaturesAction.COMPUTE, make_context(folder, features={"processes": 1})
    features.run(one_process, action=action, names=["colour"])
    faces_table(folder, {each.sha256: at % 6 for at, each in enumerate(covers)})
    report.run(make_context(folder), covers=20)
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        opened.open(folder / "report.html")
        yield opened


def test_it_loads_whole_and_asks_nobody(tab: Tab) -> None:
    """No word on the console, no request but for the page itself, and every picture is there."""
    assert tab.errors == []
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
    pictures = tab.evaluate(
        "Promise.all(Array.from(document.images, (image) =>"
        " image.decode().then(() => image.naturalWidth, () => 0)))"
    )
    by_hue = tab.evaluate("document.querySelectorAll('.hues img').length")
    assert by_hue > 50
    assert len(pictures) == 3 * 20 + 4 + by_hue
    assert min(pictures) > 0


def test_the_filter_shows_what_is_typed(tab: Tab) -> None:
    """By all words, whatever their case and accents; how many match is said aloud."""

    def typed(text: str) -> tuple[str, int, int]:
        tab.evaluate("document.getElementById('filter').focus()")
        tab.evaluate("document.getElementById('filter').select()")
        if text:
            tab.send("Input.insertText", text=text)
        else:
            tab.press("Delete", 46)
        told, figures, sheets = tab.evaluate(
            "[document.getElementById('matches').textContent,"
            " ...['.sheet figure', '.sheet'].map((each) => Array.from("
            "document.querySelectorAll(each)).filter((one) => one.checkVisibility()).length)]"
        )
        return told, figures, sheets

    tab.show(1280, 900)
    assert typed("") == ("60 covers", 60, 3)
    assert typed("JAZZ") == ("20 of 60 covers match", 20, 1)
    assert typed("rhythm bjork") == ("1 of 60 covers match", 1, 1)
    assert typed("rhythm bjork 1957 test") == ("1 of 60 covers match", 1, 1)
    assert typed("no such thing") == ("0 of 60 covers match", 0, 0)
    assert typed(HOSTILE) == ("20 of 60 covers match", 20, 1)
    assert typed("") == ("60 covers", 60, 3)
    live = "[...document.querySelectorAll('[aria-live=polite]')].map((each) => each.id)"
    assert tab.evaluate(live) == ["matches"]


def test_hover_and_keyboard_show_what_a_cover_is(tab: Tab) -> None:
    """Nothing lies over a cover until one points at it or reaches it by Tab; or all are shown."""
    tab.show(1280, 900)
    seen = "getComputedStyle(document.querySelectorAll('.sheet figcaption')[{}]).opacity"
    tab.send("Emulation.setEmulatedMedia",
             features=[{"name": "prefers-reduced-motion", "value": "reduce"}])  # fmt: skip
    assert tab.evaluate(seen.format(2)) == "0"
    tab.evaluate("document.querySelector('.labels li:last-child a').focus()")
    for _ in range(4):  # past the link that skips them
        tab.press("Tab", 9)
    assert [tab.evaluate(seen.format(at)) for at in (1, 2, 3)] == ["0", "1", "0"]
    at = tab.evaluate(
        "(() => { const box = document.querySelectorAll('.sheet figure')[3]"
        ".getBoundingClientRect(); return [box.x + 9, box.y + 9]; })()"
    )
    tab.send("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    assert tab.evaluate(seen.format(3)) == "1"
    tab.evaluate("document.getElementById('captions').click()")
    assert [tab.evaluate(seen.format(at)) for at in (0, 9, 59)] == ["1", "1", "1"]
    tab.evaluate("document.getElementById('captions').click()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_background(tab: Tab, scheme: str) -> None:
    """At least 4.5 to 1, in the light and in the dark, also in the deepest cell of the heat map."""
    tab.show(390, 844, touch=True, prefers_color_scheme=scheme)
    page = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (page == "rgb(250, 249, 247)") == (scheme == "light")
    found = tab.evaluate(CONTRASTS)
    assert found["poor"] == []
    assert found["seen"] > 300


def test_a_phone_scrolls_tables_and_not_the_page(tab: Tab) -> None:
    """Nothing is wider than the screen; what each cover is stands below it."""
    tab.show(390, 844, touch=True)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    wide = tab.evaluate(
        "Array.from(document.querySelectorAll('.scroll'), (each) =>"
        " each.scrollWidth > each.clientWidth && each.tabIndex === 0)"
    )
    assert wide[0], "the heat map"
    assert tab.evaluate(
        "Array.from(document.querySelectorAll('figcaption'))"
        ".every((each) => getComputedStyle(each).opacity === '1')"
    )


def test_totals_stand_on_one_line(tab: Tab) -> None:
    """On screens of any width no number is broken in two."""
    for width_px in (360, 400, 430, 480, 500, 640, 700, 1280):
        tab.show(width_px, 900)
        lines = tab.evaluate(
            "Array.from(document.querySelectorAll('.totals dd'), (each) =>"
            " each.clientHeight / parseFloat(getComputedStyle(each).lineHeight))"
        )
        assert max(lines) < 1.5, width_px


def test_a_link_leads_past_the_covers_of_a_label(tab: Tab) -> None:
    """It is the first that Tab reaches in a sheet, is seen then, and the next Tab is behind it."""
    tab.show(1280, 900)
    tab.evaluate("document.querySelector('.labels li:last-child a').focus()")
    tab.press("Tab", 9)
    assert tab.evaluate("document.activeElement.textContent") == "Skip the covers of Jazz"
    # The page is moved to what Tab reaches with one of the next frames.
    left, top = tab.evaluate(
        "(async () => { const frame = () => new Promise(requestAnimationFrame);"
        " const place = () => document.activeElement.getBoundingClientRect();"
        " for (let n = 0; n < 120 && place().top >= 900; n++) await frame();"
        " return [place().left, place().top]; })()"
    )
    assert left >= 0
    assert 0 <= top < 900
    tab.evaluate("document.activeElement.click()")
    tab.press("Tab", 9)
    assert tab.evaluate("document.activeElement.textContent") == "Skip the covers of Pop"


def test_a_screen_reader_gets_a_name_for_everything(tab: Tab) -> None:
    """Pictures, tables, regions and the filter have names, and the titles of tables are known."""
    tab.show(1280, 900)
    tab.send("Accessibility.enable")
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    named: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            role, name = node["role"]["value"], node.get("name", {}).get("value", "")
            named.setdefault(role, []).append(name)
    for role in ("image", "table", "region", "searchbox", "checkbox", "navigation", "heading"):
        assert named[role], role
        assert all(name.strip() for name in named[role]), role
    assert "Filter by artist, album, year, label or set" in named["searchbox"]
    assert {"Label", "1950s"} <= set(named["columnheader"])
    assert "Jazz" in named["rowheader"]
    tab.send("Accessibility.disable")


def test_nothing_foreign_would_run_if_it_got_in(tab: Tab) -> None:
    """The page's own policy refuses scripts and requests; the console hears of it."""
    before = len(tab.errors)
    tab.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src="http://127.0.0.1:9/x.png" onerror="window.ran = true">\');'
        " const script = document.createElement('script');"
        " script.textContent = 'window.ran = true'; document.body.append(script);"
        " new Promise((done) => document.images[document.images.length - 1]"
        ".addEventListener('error', () => done()))"
    )
    assert tab.evaluate("window.ran") is None
    assert len(tab.errors) > before
    assert all("Content Security Policy" in each for each in tab.errors[before:])
