"""How processes share the hosts, so that together they keep each host's limits.

A rate can be kept in one place only: hosts that have one are asked by the first process alone. A
concurrency can be shared out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from equigen.http.limits import HostPolicy


@dataclass(frozen=True, slots=True)
class Shares:
    """Policies by host pattern: what the `first` process keeps, and what `each` other one gets.

    A concurrency of 0 means that the host must not be asked there.
    """

    first: Mapping[str, HostPolicy]
    each: Mapping[str, HostPolicy]


def share_out(policies: Mapping[str, HostPolicy], others: int) -> Shares:
    """Share hosts among the first process and so many `others`.

    The first one keeps a little of every host: redirects may lead its own requests there. Without
    others it keeps all.
    """
    first, each = dict(policies), {}
    for pattern, policy in policies.items():
        limited = policy.per_minute or policy.per_day or policy.spacing_s or not others
        part = 0 if limited else (policy.concurrency - 1) // others
        each[pattern] = replace(policy, concurrency=part)
        first[pattern] = replace(policy, concurrency=policy.concurrency - others * part)
    return Shares(first, each)
