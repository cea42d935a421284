"""Colour profiles (ICC) that tests put into pictures."""

import struct

D50 = (0.9642, 1.0, 0.8249)
SRGB_COLOURS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3_COLOURS = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def icc(space: bytes, *, pcs: bytes = b"XYZ ", **tags: bytes) -> bytes:
    """Return an ICC profile, version 2.4, of a display."""
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        at = 132 + 12 * len(tags) + len(data)
        table += name.encode() + struct.pack(">II", at, len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">8xI4s4s4s12x4s28x", 0x02400000, b"mntr", space, pcs, b"acsp")
    head += numbers(*D50) + bytes(48)
    return struct.pack(">I", len(head) + len(table) + len(data)) + head[4:] + table + data


def numbers(*values: float) -> bytes:
    """Return numbers as ICC's s15Fixed16."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def gamma_curve(gamma: float) -> bytes:
    """Return a curve of ICC that is a power."""
    return b"curv\0\0\0\0\0\0\0\x01" + struct.pack(">H", round(gamma * 256))


def rgb_profile(gamma: float, colours: tuple[tuple[float, ...], ...] = SRGB_COLOURS) -> bytes:
    """Return the profile of RGB with a gamma."""
    places = zip("rgb", colours, strict=True)
    ends = {f"{one}XYZ": b"XYZ \0\0\0\0" + numbers(*xyz) for one, xyz in places}
    curves = {f"{one}TRC": gamma_curve(gamma) for one in "rgb"}
    return icc(b"RGB ", wtpt=b"XYZ \0\0\0\0" + numbers(*D50), **ends, **curves)


def grey_profile(gamma: float) -> bytes:
    """Return the profile of greys with a gamma."""
    return icc(b"GRAY", wtpt=b"XYZ \0\0\0\0" + numbers(*D50), kTRC=gamma_curve(gamma))


def odd_ink_profile() -> bytes:
    """Return a profile of CMYK whose cyan ink is red."""
    paper, red, black = bytes((255, 128, 128)), bytes((128, 188, 168)), bytes((0, 128, 128))
    inks = [(cyan, key) for cyan in (0, 1) for _ in range(4) for key in (0, 1)]
    looks = b"".join(black if key else red if cyan else paper for cyan, key in inks)
    line = bytes(range(256))
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + numbers(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return icc(b"CMYK", pcs=b"Lab ", A2B0=table + 4 * line + looks + 3 * line)
