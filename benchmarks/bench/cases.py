"""What is compared: our work, the rivals at it, and how much faster we are to be."""

from dataclasses import dataclass
from enum import StrEnum

from bench.rival import Pace


class Served(StrEnum):
    """How the pictures are served."""

    HTTP = "http"
    HTTPS = "https"
    SLOW = "slow"


class Trusted(StrEnum):
    """Which certificates the tools are told to trust."""

    NONE = "none"
    BUNDLE = "bundle"
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Rival:
    """img2dataset in one of its modes, at the pace that suits it best; README says how found."""

    mode: str
    flags: tuple[str, ...]
    pace: Pace
    demanded: float


@dataclass(frozen=True, slots=True)
class Case:
    """One work that all do. `size_px` is the side of the pictures that come out."""

    name: str
    title: str
    ours: tuple[str, ...]
    rivals: tuple[Rival, ...]
    served: Served = Served.HTTP
    trusted: Trusted = Trusted.NONE
    size_px: int = 600
    concurrency: int = 32


_REENCODE = ("--resize_mode", "no")
_SKIP = (*_REENCODE, "--skip_reencode", "True")
_NO_CHECK = (*_REENCODE, "--disable_all_reencoding", "True", "--compute_hash", "None")
_CROP = ("--image_size", "256", "--resize_mode", "center_crop")
_SLOW_THREADS = 64

CASES = (
    Case(
        "originals",
        "keep originals, full check, sha256, perceptual hash",
        ("--check", "full"),
        (
            Rival("resize_mode=no", _REENCODE, Pace(8, 2), demanded=2.5),
            Rival("skip_reencode", _SKIP, Pace(8, 2), demanded=2.0),
        ),
    ),
    Case(
        "structure",
        "keep originals, `--check structure`",
        ("--check", "structure"),
        (Rival("no check, no hash", _NO_CHECK, Pace(8, 2), demanded=1.5),),
    ),
    Case(
        "crop",
        "256 px crop, JPEG quality 95",
        ("--size", "256", "--fit", "crop", "--quality", "95"),
        (Rival("256 center_crop", _CROP, Pace(8, 2), demanded=2.0),),
        size_px=256,
    ),
    Case(
        "https-bundle",
        "https, the system's CA bundle, keep originals, full check",
        ("--check", "full"),
        (Rival("no check, no hash", _NO_CHECK, Pace(8, 2), demanded=12.0),),
        served=Served.HTTPS,
        trusted=Trusted.BUNDLE,
    ),
    Case(
        "https-one",
        "https, a CA file of one certificate, keep originals, full check",
        ("--check", "full"),
        (
            Rival("skip_reencode", _SKIP, Pace(8, 2), demanded=2.5),
            # It does less than we do, and is to be slower all the same.
            Rival("no check, no hash", _NO_CHECK, Pace(8, 2), demanded=1.0),
        ),
        served=Served.HTTPS,
        trusted=Trusted.ONE,
    ),
    Case(
        "slow",
        "80 ms a response, keep originals, full check",
        ("--check", "full"),
        (Rival("skip_reencode", _SKIP, Pace(_SLOW_THREADS, 2), demanded=1.7),),
        served=Served.SLOW,
        concurrency=2 * _SLOW_THREADS,
    ),
)
