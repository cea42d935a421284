"""A host with troubles, in a process of its own: python one_troubled_host.py ALBUMS CHANCES [TLS].

ALBUMS is how many of each label its catalogue has, CHANCES a JSON object of `troubles.Chances`, TLS
a folder with `certificate.pem` and `key.pem`. Prints a line of JSON with its two ports, then
answers each line that comes: `disturb` starts the troubles, `counts` tells what happened so far.
Ends when its standard input does.
"""

import asyncio
import gc
import json
import logging
import socket
import ssl
import struct
import sys
from pathlib import Path

from bench.troubled_answers import Answer, Manner
from bench.troubled_host import API_HOST, PICTURE_HOSTS, TroubledHost
from bench.troubles import Chances
from equigen.sandbox.catalogue import make_catalogue

_END_OF_HEAD = b"\r\n\r\n"
_PIECES = 8
_PIECE_EVERY_S = 0.2
_CHUNK = b"10000\r\n" + bytes(0x10000) + b"\r\n"
_AT_ONCE, _SOON = struct.pack("ii", 1, 0), 0.005
_BACKLOG = 1024


class _Connection(asyncio.Protocol):
    """Answers the requests of one connection, one after another."""

    def __init__(self, host: TroubledHost) -> None:
        self._host, self._buffer = host, bytearray()
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(_END_OF_HEAD)) >= 0 and self._transport:
            head = bytes(self._buffer[:end])
            del self._buffer[: end + len(_END_OF_HEAD)]
            self._send(self._transport, self._host.answer(head))

    def _send(self, transport: asyncio.Transport, answer: Answer) -> None:
        match answer.manner:
            case Manner.WELL:
                transport.write(answer.data)
            case Manner.THEN_CLOSE:
                transport.write(answer.data)
                transport.close()
            case Manner.RESET:
                plug: socket.socket = transport.get_extra_info("socket")
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                transport.abort()
            case Manner.SLOWLY:
                self._drip(answer.data, -(-len(answer.data) // _PIECES))
            case Manner.WITHOUT_END:
                transport.write(answer.data)
                self._pour()
            case Manner.SILENCE:
                pass

    def _drip(self, left: bytes, piece: int) -> None:
        if self._transport and left:
            self._transport.write(left[:piece])
            loop = asyncio.get_running_loop()
            loop.call_later(_PIECE_EVERY_S, self._drip, left[piece:], piece)

    def _pour(self) -> None:
        if self._transport:
            if not self._is_full:
                self._transport.write(_CHUNK)
                self._host.counts.sent_bytes += len(_CHUNK)
            asyncio.get_running_loop().call_later(_SOON, self._pour)


async def _serve(host: TroubledHost, tls: Path | None) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # clients that hang up are what this is about
    first = _listening(API_HOST, 0)
    host.port = first.getsockname()[1]
    for plug in (first, *(_listening(name, host.port) for name in PICTURE_HOSTS)):
        await loop.create_server(lambda: _Connection(host), sock=plug, backlog=_BACKLOG)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
        plug = _listening(API_HOST, 0)
        host.tls_port = plug.getsockname()[1]
        await loop.create_server(lambda: _Connection(host), sock=plug, ssl=context)
    words = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    print(json.dumps([host.port, host.tls_port]), flush=True)
    while word := await words.readline():
        if word == b"disturb\n":
            host.disturb()
        print(host.counts.told(), flush=True)


def _listening(name: str, port: int) -> socket.socket:
    return socket.create_server((name, port), backlog=_BACKLOG)


def main() -> int:
    """Serve until nobody talks to it any more."""
    albums, told, *tls = sys.argv[1:]
    given = json.loads(told)
    chances = Chances(**{**given, "left_out": frozenset(given["left_out"])})
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    host = TroubledHost(make_catalogue(albums_per_label=int(albums)), chances)
    gc.freeze()  # a look at all of the catalogue would take longer than some ask patiently
    asyncio.run(_serve(host, Path(tls[0]) if tls else None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
