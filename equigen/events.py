"""What happens, told as it happens: for `--verbose`, and for the log file that programs read."""

import logging

_log = logging.getLogger("equigen.events")


def tell(event: str, message: str, **facts: str | float) -> None:
    """Tell of an event, named by one or two words, in a sentence for people and in facts.

    Facts never hold credentials; addresses are those of `rules.addresses.shown`.
    """
    if _log.isEnabledFor(logging.INFO):
        _log.info(message, extra={"event": event, "facts": facts})
