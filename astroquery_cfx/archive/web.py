# Licensed under a 3-clause BSD style license - see LICENSE
"""HTTP on loopback: requests in, responses out in pieces. What they mean is not known here."""

import contextlib
import gzip
import secrets
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

# Responses of this size or more are sent in pieces, others at once and with their length.
_STREAMED = 1 << 16
_PIECE = 1 << 18


@dataclass
class Request:
    """One request; names of parameters in upper case, which is the same (DALI 1.1, section 3.1)."""

    method: str
    path: str
    parameters: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def last(self, name: str, default: str = "") -> str:
        """Return a parameter's value, the last one where it is repeated."""
        return self.parameters.get(name, [default])[-1]


@dataclass
class Response:
    """One response. ``pieces`` are bytes, which may be made while they are sent."""

    pieces: Iterable[bytes] = ()
    content_type: str = "text/xml"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def text(cls, text: str, status: int = 200) -> Self:
        """Make a response of plain text."""
        return cls([text.encode()], "text/plain", status)


class WebServer(ThreadingHTTPServer):
    """
    A server on 127.0.0.1 with one thread per connection. Port 0 is any free one.

    ``compress`` says whether responses are compressed for clients that accept gzip.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, *, compress: bool = False):
        self.compress = compress
        self.respond: Callable[[Request], Response] = lambda _: Response(status=503)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        super().__init__(("127.0.0.1", port), _Handler)

    def start(self, respond: Callable[[Request], Response]) -> None:
        """Make responses of requests, in a thread of its own; earlier requests have waited."""
        self.respond = respond
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and hang up: idle connections would keep their threads alive."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request, client_address):
        """Remember the connection, to close it when the server stops."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        """Forget the connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Say nothing: a client that hangs up is not a fault of the archive."""


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    protocol_version = "HTTP/1.1"
    server_version = "EmbeddedArchive"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: the head and a small body leave in one packet

    def _serve(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            response = self.server.respond(self._request())
            try:
                self._send(response)
            finally:
                close = getattr(response.pieces, "close", None)  # a generator that was not used up
                if close is not None:
                    close()
            return
        self.close_connection = True

    do_GET = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    def log_message(self, format, *args):  # noqa: A002
        """Say nothing: the requests are the client's own."""

    def _request(self) -> Request:
        split = urlsplit(self.path)
        pairs = parse_qsl(split.query, keep_blank_values=True)
        body = self._body()
        kind = self.headers.get("Content-Type", "")
        files = {}
        if kind.startswith("multipart/form-data"):
            # email would take the angle brackets of STILTS's boundary for quotes and strip them.
            given = kind.partition("boundary=")[2].split(";")[0].strip().strip('"')
            boundary = secrets.token_hex(16)
            body = body.replace(f"--{given}".encode(), f"--{boundary}".encode())
            head = f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode()
            for part in BytesParser().parsebytes(head + body).walk():
                name = part.get_param("name", header="Content-Disposition")
                if part.is_multipart() or not isinstance(name, str):
                    continue
                content = bytes(part.get_payload(decode=True))
                files[name] = content  # some clients send an upload without a file name
                if part.get_filename() is None:
                    pairs.append((name, content.decode("utf-8", "replace")))
        elif body and (not kind or kind.startswith("application/x-www-form-urlencoded")):
            pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        parameters: dict[str, list[str]] = {}
        for name, value in pairs:
            parameters.setdefault(name.upper(), []).append(value)
        return Request(self.command, unquote(split.path), parameters, files, dict(self.headers))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, response: Response) -> None:
        pieces = iter(response.pieces)
        start = _up_to(pieces, _STREAMED)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        if self.server.compress and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")
            if len(start) < _STREAMED:
                start = gzip.compress(start, 1)
            else:
                pieces = _gzipped(start, pieces)
                start = _up_to(pieces, _STREAMED)
        is_whole = len(start) < _STREAMED
        chunked = not is_whole and self.request_version != "HTTP/1.0"
        if is_whole:
            self.send_header("Content-Length", str(len(start)))
        elif chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:  # HTTP/1.0 knows the end by the end of the connection
            self.close_connection = True
        self.end_headers()
        while start and self.command != "HEAD":
            self.wfile.write(b"%x\r\n%b\r\n" % (len(start), start) if chunked else start)
            start = _up_to(pieces, _PIECE)
        if chunked and self.command != "HEAD":
            self.wfile.write(b"0\r\n\r\n")


def _up_to(pieces: Iterator[bytes], size: int) -> bytes:
    """Take pieces until they have the size together, or all; return them joined."""
    joined, length = [], 0
    for piece in pieces:
        joined.append(piece)
        length += len(piece)
        if length >= size:
            break
    return b"".join(joined)


def _gzipped(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: the window of 15 bits, with gzip's header
    yield packer.compress(start)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
