"""The environment that a tool under test runs in: the same for all, and nothing of the user's."""

import os
from collections.abc import Mapping
from pathlib import Path

_PREFIXES = ("EQUIGEN_", "DISCOGS_", "PYTHON", "COVERAGE_")
_NAMES = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"})


def clean(given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without proxies, certificates and settings of EquiGen or Python."""
    return {
        name: value
        for name, value in given.items()
        if name not in _NAMES
        and not name.startswith(_PREFIXES)
        and not name.lower().endswith("_proxy")
    }


def environment(own: Mapping[str, str], *, trusted: Path | None = None) -> dict[str, str]:
    """Return a tool's environment: `own` variables, and a file of certificates to trust."""
    certificates = {}
    if trusted:
        certificates = {"SSL_CERT_FILE": str(trusted), "REQUESTS_CA_BUNDLE": str(trusted)}
    return {**clean(os.environ), **certificates, **own}
