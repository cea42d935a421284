"""A sentence on a cover: of what is known of it and its album, or by a captioner.

Without a model it is made of the year, the label or style, the colours and the number of faces, as
far as they are known: "a 1988 thrash metal album cover, mostly dark red, with one face". What a
captioner writes is its guess.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.features.base import Album, Column, Compute, Picture
from equigen.features.models import (
    AS_DATA,
    Model,
    Pixels,
    named_model,
    open_transformers,
    refuse_lacking,
    version_of_model,
)
from equigen.schema import split_list, year_of

VERSION: Final = 1
SCALE_PX: Final = 512
COST_MS: Final = None
CELLS: Final = ("year", "styles")
COLUMNS: Final[Mapping[str, Column]] = {
    "text": Column("VARCHAR", "the sentence, without a full stop"),
}
_MODEL: Final = "features.caption_model"
_TEMPLATE: Final = "template"
_BLIP: Final = "Salesforce/blip-image-captioning-base"
_WAYS: Final = (
    f"{_TEMPLATE}, blip, a folder of transformers, or an id of the Hugging Face Hub such as {_BLIP}"
)
_MOST_TOKENS: Final = 40
_HALF: Final = 0.5
# Colours by the nearest of these in CIE L*a*b*.
_COLOURS: Final[Mapping[str, Sequence[tuple[int, int, int]]]] = {
    "black": [(3, 0, 0)],
    "dark grey": [(25, 0, 0)],
    "grey": [(54, 0, 0)],
    "light grey": [(78, 0, 0)],
    "white": [(98, 0, 0)],
    "dark red": [(22, 39, 25)],
    "red": [(44, 64, 46)],
    "pink": [(76, 30, 2), (58, 63, -10), (68, 38, 22)],
    "orange": [(63, 39, 65)],
    "dark brown": [(17, 10, 15)],
    "brown": [(36, 17, 32), (48, 10, 20)],
    "light brown": [(64, 10, 31)],
    "beige": [(87, 0, 16)],
    "yellow": [(85, -6, 79)],
    "light yellow": [(94, -8, 37)],
    "olive green": [(47, -10, 39), (47, -7, 20)],
    "dark green": [(28, -25, 17)],
    "green": [(56, -50, 40)],
    "light green": [(82, -27, 22)],
    "dark turquoise": [(29, -16, -8)],
    "turquoise": [(62, -32, -10)],
    "light turquoise": [(84, -19, -4)],
    "dark blue": [(15, 10, -28), (27, 15, -41)],
    "blue": [(39, 23, -60), (53, 5, -48), (45, -4, -28)],
    "light blue": [(79, -4, -21)],
    "dark purple": [(18, 25, -26)],
    "purple": [(38, 52, -46)],
    "light purple": [(72, 21, -23)],
}
_COUNTS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)
# Words of labels and styles that keep their capital.
_PROPER: Final = frozenset((
    "African", "Afro", "American", "Andalusian", "Andean", "Arabic", "Balkan", "Bollywood",
    "Brazilian", "Bulgarian", "Cajun", "Caribbean", "Celtic", "Chicago", "Chinese", "Christian",
    "Cuban", "Delta", "Detroit", "English", "French", "German", "Goa", "Greek", "Hawaiian",
    "Hindustani", "Indian", "Irish", "Italian", "Jamaican", "Japanese", "Jersey", "Jewish",
    "Korean", "Latin", "Louisiana", "Memphis", "Miami", "Nordic", "Orleans", "Persian",
    "Portuguese", "Russian", "Scottish", "Spanish", "Swedish", "Texas", "Turkish", "Vietnamese",
    "Viking",
))  # fmt: skip
_WORD: Final = re.compile(r"\b[A-Za-z][a-z]+\b")
# What is said with a vowel at first: 8, 11.., 18..; letters, as in MPB and RnB, by their names; all
# other words with a vowel but those like European, unified, ukulele and one.
_NUMBER_AN: Final = re.compile(r"8|1[18]..$")
_LETTERS: Final = re.compile(r"[A-Z](?![a-z])|[A-Z][a-z][A-Z]")
_LETTER_AN: Final = frozenset("AEFHILMNORSX")
_WORD_AN: Final = re.compile(r"(?!eu|uni|uk|one)[aeiou]", re.IGNORECASE)


def uses(config: Config) -> Sequence[str]:
    """Return the features that the sentence is made of."""
    return ("colour", "faces") if config.settings.features.caption_model == _TEMPLATE else ()


def version_of(config: Config) -> str:
    """Return the version of the captioner; "" where it isn't there."""
    if config.settings.features.caption_model == _TEMPLATE:
        return _TEMPLATE
    prompt = config.settings.features.caption_prompt
    return f"{version_of_model(config, _model)} prompt={prompt!r}"


def prepare(context: Context) -> None:
    """Download the captioner, or look whether it is there."""
    if context.settings.features.caption_model != _TEMPLATE:
        _model(context.config).prepare(context)


def open_feature(config: Config) -> Compute:
    """Return the function that describes covers, as `features.caption_model` says."""
    if config.settings.features.caption_model == _TEMPLATE:
        return lambda batch: [{"text": sentence(picture.album)} for picture in batch]
    write = _captioner(_model(config), config.settings.features.caption_prompt)
    return lambda batch: [{"text": write(picture)} for picture in batch]


def _model(config: Config) -> Model:
    if config.settings.features.caption_model == "blip":
        return Model(_MODEL, _BLIP, Path(), id=_BLIP)
    model = named_model(config, _MODEL, _WAYS)
    if model.is_file:
        model.refuse(f"expected {_WAYS}")
    return model


def _captioner(model: Model, prompt: str) -> Callable[[Picture], str]:
    transformers, torch, folder = open_transformers(model)
    with model.translating("a captioner that transformers can open"):
        processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil", **AS_DATA)
        module, told = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, output_loading_info=True, **AS_DATA
        )
    module.eval()
    refuse_lacking(model, told)

    def write(pixels: Pixels) -> str:
        given = processor(images=[pixels], text=[prompt], return_tensors="pt")
        with torch.inference_mode():
            tokens = module.generate(**given, max_new_tokens=_MOST_TOKENS, do_sample=False)
        text: str = processor.batch_decode(tokens, skip_special_tokens=True)[0]
        return " ".join(text.split())

    with model.translating("a captioner of a picture and a prompt"):
        write(np.zeros((SCALE_PX, SCALE_PX, 3), np.uint8))
    return lambda picture: write(picture.pixels)


def sentence(album: Album) -> str:
    """Return the sentence on an album's cover; it tells nothing that isn't known."""
    year = year_of(album.cells.get("year", ""))
    words = [str(year)] if year else []
    words += filter(None, [_kind(album.labels, split_list(album.cells.get("styles", "")))])
    words += ["album", "cover"]
    colours = _colours(album.features.get("colour", {}).get("palette") or ())
    faces = _faces(album.features.get("faces", {}).get("found") or 0)
    return f"{_article(words[0])} {' '.join(words)}{colours}{faces}"


def _kind(labels: Sequence[str], styles: Sequence[str]) -> str:
    """Return the label as it is written in a sentence, with the style where there is only one."""
    label = _written(labels[0]) if labels else ""
    style = _written(styles[0]) if len(styles) == 1 else ""
    if not style or style.casefold() in label.casefold():
        return label
    if label.casefold() in style.casefold():
        return style
    # "Folk, World, & Country" with a style before it would be read as a list.
    return label if re.search(r"[,&]| and ", label) else f"{style} {label}"


def _written(name: str) -> str:
    """Return a label or style in lower case but for proper names and abbreviations, in words."""
    text = re.sub(r" & | / ", " and ", name.replace("_", " ")).replace(", and ", " and ")
    return _WORD.sub(_in_case, text.replace("r&b", "R&B"))


def _in_case(word: re.Match[str]) -> str:
    name = word[0].capitalize()
    return name if name in _PROPER else word[0].lower()


def _article(word: str) -> str:
    if _LETTERS.match(word):
        return "an" if word[0] in _LETTER_AN else "a"
    return "an" if (_NUMBER_AN if word[0].isdecimal() else _WORD_AN).match(word) else "a"


def _colours(palette: Sequence[Mapping[str, Any]]) -> str:
    """Return the colour of half of the cover, or the two of it, as far as there are any."""
    shares: dict[str, float] = {}
    for each in palette:
        name = _name_of(each)
        shares[name] = shares.get(name, 0.0) + each["share"]
    first, second, *_ = *sorted(shares, key=lambda name: -shares[name]), "", ""
    if shares.get(first, 0) > _HALF:
        return f", mostly {first}"
    if shares.get(first, 0) + shares.get(second, 0) > _HALF:
        return f", mostly {first} and {second}"
    return ", in many colours" if shares else ""


def _name_of(colour: Mapping[str, Any]) -> str:
    lab = [colour[name] for name in ("lightness", "a", "b")]
    return min(_COLOURS, key=lambda name: min(math.dist(lab, each) for each in _COLOURS[name]))


def _faces(count: int) -> str:
    if not count:
        return ""
    number = _COUNTS[count] if count < len(_COUNTS) else str(count)
    return f", with {number} {'face' if count == 1 else 'faces'}"
