"""What happens, told as it happens: for `--verbose`, and for the log file that programs read.

The names of events, and what stands in each, are in docs/cron.md.
"""

import logging
from collections.abc import Mapping, Sequence

Fact = str | float | Sequence[str] | Mapping[str, object] | None

_log = logging.getLogger("equigen.events")


def tell(event: str, message: str, **facts: Fact) -> None:
    """Tell of an event, named by one or two words, in a sentence for people and in facts.

    Facts never hold credentials; addresses are those of `rules.addresses.shown`.
    """
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", message, extra={"event": event, "facts": facts})
