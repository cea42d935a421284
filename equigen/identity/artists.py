"""Who counts as an artist, and which names stand for nobody in particular."""

from equigen.identity.cleaning import clean_artist

# Names under which albums of many unrelated people are filed: Discogs' own placeholders
# (https://support.discogs.com: "Various", "Unknown Artist", "No Artist", "Anonymous",
# "Traditional", "Folk Artist") and how other catalogues and hand-made lists write them.
_NOBODY = frozenset(
    {
        "various",
        "various artist",
        "various artists",
        "va",
        "v.a.",
        "v.a",
        "v/a",
        "v. a.",
        "unknown",
        "unknown artist",
        "unknown artists",
        "[unknown]",
        "no artist",
        "[no artist]",
        "anonymous",
        "[anonymous]",
        "anonymus",
        "traditional",
        "[traditional]",
        "folk artist",
        "soundtrack",
        "original soundtrack",
        "ost",
        "diverse",
        "diversos",
        "varios",
        "varios artistas",
        "vários",
        "vários artistas",
        "verschiedene",
        "verschiedene interpreten",
        "artistes divers",
        "artisti vari",
        "",
    }
)


def is_nobody(artist: str) -> bool:
    """Tell whether the name stands for no single artist ("Various", "Unknown Artist", ...)."""
    return clean_artist(artist).casefold() in _NOBODY
