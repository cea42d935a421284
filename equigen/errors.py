"""Define the errors that a user can meet, each class with its exit code.

EquigenError                 1  something failed
├── UsageError               2  a wrong flag
│   └── ConfigError          2  a wrong setting, or one that is missing
├── InputError               2  a file that can't be read as what it should be
│   └── MissingInputError    2  a file that an earlier stage makes isn't there
├── CredentialsError         2  the service refuses the credentials
├── LockedError              1  another run works on the dataset
├── LedgerError              1  the ledger can't be used
│   └── ForeignLedgerError   1  it is another program's, or a newer version's
├── LeakError                1  something stands in two sets
├── StorageError             1  the disk refuses to be written
├── FetchError               1  no usable response
│   ├── ConnectionFailedError    no connection, cut off, timed out
│   │   └── TooManyFilesError    this process may not open another connection
│   ├── HttpStatusError          the server answered, with a status that isn't success
│   ├── BadBodyError             status 200, but the body isn't what was asked for
│   ├── TooLargeError            the body is larger than `max_bytes`
│   ├── CertificateError         the host's TLS certificate is not valid
│   └── RefusedAddressError      an address that can't or must not be requested
│       └── PrivateAddressError  one of this machine or network, which isn't allowed here
├── HostRestsError           3  a host refuses more for now: go on later
├── TimeIsUpError            3  the run was given a time to end at, and it came
├── OutputError              1  standard output can't be written
│   └── OutputClosedError        its reader has gone
├── NotServedError           1  a host that another client serves
├── StoppedError           130  the run was told to stop while it waited
└── PictureError             1  bytes that are not a good picture
"""

import re
from typing import ClassVar

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY = 3
EXIT_INTERRUPTED = 130

# C0 and C1, of which ESC and CSI begin what moves the cursor, sets titles and worse; and characters
# that turn, part or hide a text (identity/invisible.py has those that count in no name).
_CONTROLS = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class EquigenError(Exception):
    """Root of the tree. A message names the place, what was expected, what came, the next step."""

    exit_code: ClassVar[int] = EXIT_FAILED

    def __str__(self) -> str:
        """Return the message as a terminal can show it, whatever names and answers are in it."""
        return without_controls(super().__str__())


def without_controls(text: str) -> str:
    """Replace control and invisible characters except line ends by U+FFFD.

    A terminal would obey them. All that is shown on one goes through here.
    """
    return _CONTROLS.sub("\ufffd", text)


def shortened(text: str, most: int) -> str:
    """Return a text, cut to `most` characters where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


class UsageError(EquigenError):
    """A flag, or a combination of flags, that makes no sense."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A setting that is wrong, unknown or missing."""


class InputError(EquigenError):
    """A file that can't be read as what it should be; it was left untouched."""

    exit_code = EXIT_USAGE


class MissingInputError(InputError):
    """A file or folder that an earlier stage makes is not there."""


class CredentialsError(EquigenError):
    """A service refuses the credentials, or asks for some where none are set."""

    exit_code = EXIT_USAGE


class LockedError(EquigenError):
    """Another run holds the dataset's lock, or writes to it while it is read."""


class LedgerError(EquigenError):
    """The ledger is from a newer version, damaged, or not a ledger."""


class ForeignLedgerError(LedgerError):
    """The ledger is another program's file, or from a newer version: it must stay as it is."""


class StorageError(EquigenError):
    """The file system refused to read or write: full, read-only, no permission."""


class LeakError(EquigenError):
    """Something stands in two sets that must stand in one."""


class FetchError(EquigenError):
    """A host gave no usable response, after all tries."""

    def __init__(self, message: str, *, url: str, tries: int = 1) -> None:
        """Keep the `url` that was asked (it never holds credentials) and how often it was."""
        super().__init__(message)
        self.url = url
        self.tries = tries


class ConnectionFailedError(FetchError):
    """No connection, or one that was cut off or went silent."""


class TooManyFilesError(ConnectionFailedError):
    """The system lets this process open no further connection."""


class HttpStatusError(FetchError):
    """The server answered with a status other than success."""

    def __init__(self, message: str, *, url: str, status: int, retry_after_s: float = 0) -> None:
        """Keep the HTTP `status` and the server's `Retry-After` in seconds, 0 without one."""
        super().__init__(message, url=url)
        self.status = status
        self.retry_after_s = retry_after_s


def refused(err: HttpStatusError, advice: str) -> CredentialsError:
    """Return the error of a service that refuses the credentials, with advice for users."""
    advice = advice or "check the credentials."
    return CredentialsError(f"authentication failed ({err.status}): {advice} It said: {err}")


class BadBodyError(FetchError):
    """The answer says success, but its body is torn, short, or not what was asked for."""


class TooLargeError(FetchError):
    """The body is larger than the `max_bytes` that it was asked with."""


class CertificateError(FetchError):
    """The host's TLS certificate is not valid; it is always checked."""


class RefusedAddressError(FetchError):
    """An address that is malformed, isn't http or https, or that a redirect must not lead to."""


class PrivateAddressError(RefusedAddressError):
    """An address of this machine or network, which `http.private_addresses` doesn't allow here."""


class HostRestsError(EquigenError):
    """A host refuses more for now: its daily quota is spent, or it asked for a pause."""

    exit_code = EXIT_PARTLY

    def __init__(self, message: str, *, host: str, resumes_at_s: float) -> None:
        """Keep the `host` and the Unix time in seconds from which it can be asked again."""
        super().__init__(message)
        self.host = host
        self.resumes_at_s = resumes_at_s


class TimeIsUpError(EquigenError):
    """The run reached the time at which it was to end; finished work is kept."""

    exit_code = EXIT_PARTLY


class OutputError(EquigenError):
    """Standard output can't be written."""


class OutputClosedError(OutputError):
    """The reader of standard output has gone, as after `| head -1`; nothing is reported."""


class NotServedError(EquigenError):
    """A host that another client serves, which keeps its limits."""

    def __init__(self, message: str, *, host: str) -> None:
        super().__init__(message)
        self.host = host


class StoppedError(EquigenError):
    """The run was told to stop while it waited for a host."""

    exit_code = EXIT_INTERRUPTED


class PictureError(EquigenError):
    """Bytes that are not a picture, or not one that the dataset takes."""

    def __init__(self, message: str, *, reason: str) -> None:
        """Keep the `reason` as one short word or two, as it stands in the ledger."""
        super().__init__(message)
        self.reason = reason
