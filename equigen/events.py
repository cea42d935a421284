"""Emit events as they happen: for `--verbose`, and for the log file that programs read.

The names of events and their fields are in docs/cron.md.
"""

import logging
from collections.abc import Mapping, Sequence

Fact = str | float | Sequence[str] | Mapping[str, object] | None

_log = logging.getLogger("equigen.events")


def tell(event: str, message: str, **facts: Fact) -> None:
    """Emit an event: a name of one or two words, a sentence for people, and its fields.

    Facts never hold credentials; addresses are those of `http.addresses.shown`.
    """
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", message, extra={"event": event, "facts": facts})
