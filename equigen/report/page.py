"""A report as one HTML page that asks for nothing else: style, script and pictures are in it."""

import base64
import hashlib
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from equigen.report.model import Findings
from equigen.schema import without_surrogates

_TEMPLATE: Final = "report.html.j2"


def page(findings: Findings) -> str:
    """Return the page; whatever stands in the findings stays text."""
    environment = Environment(
        loader=PackageLoader("equigen.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "percent": _percent, "csp": _csp}
    return without_surrogates(environment.get_template(_TEMPLATE).render(report=findings))


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _csp(text: str) -> str:
    """Return what lets this very style or script be used, and no other.

    https://www.w3.org/TR/CSP3/#framework-directive-source-list
    """
    digest = hashlib.sha256(str(text).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
