# Licensed under a 3-clause BSD style license - see LICENSE
"""HTTP on loopback: requests in, answers out in pieces; what they mean is not known here."""

import contextlib
import gzip
import socket
import threading
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Answer", "Request", "WebServer"]

_PIECE = 1 << 18
_STREAMED = 1 << 16


@dataclass
class Request:
    """One request: names of parameters are upper-case, ``files`` holds the parts of a form that are files."""

    method: str
    path: str
    parameters: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


@dataclass
class Answer:
    """One answer: ``pieces`` is an iterable of bytes, made while it is sent."""

    pieces: object = ()
    content_type: str = "text/xml"
    status: int = 200
    headers: dict = field(default_factory=dict)


class WebServer(ThreadingHTTPServer):
    """
    A server on 127.0.0.1, with a thread a connection.

    Parameters
    ----------
    port : int
        0 for any free one.
    answer : callable
        Request in, Answer out.
    compress : bool
        Whether answers are compressed for clients that accept gzip.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port, answer, *, compress=False):
        self.answer = answer
        self.compress = compress
        self._open = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

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
        """A client that hangs up is no fault of the archive."""

    def close_connections(self):
        """Hang up on all clients: idle connections would keep their threads."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "EmbeddedArchive"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def do_HEAD(self):
        self._serve()

    def do_DELETE(self):
        self._serve()

    def log_message(self, format, *args):  # noqa: A002
        """Say nothing: the requests are the client's own."""

    def _serve(self):
        with contextlib.suppress(ConnectionError, TimeoutError):
            answer = self.server.answer(self._request())
            try:
                self._send(answer)
            finally:
                close = getattr(answer.pieces, "close", None)
                if close is not None:
                    close()
            return
        self.close_connection = True

    def _request(self):
        split = urlsplit(self.path)
        pairs = parse_qsl(split.query, keep_blank_values=True)
        body = self._body()
        kind = self.headers.get("Content-Type", "")
        files = {}
        if kind.startswith("multipart/form-data"):
            fields, files = _form(body, kind)
            pairs += fields
        elif body and (not kind or kind.startswith("application/x-www-form-urlencoded")):
            pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        parameters = {}
        for name, value in pairs:
            parameters.setdefault(name.upper(), []).append(value)
        return Request(self.command, unquote(split.path), parameters, files, dict(self.headers))

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, answer):
        pieces = iter(answer.pieces)
        start = _up_to(pieces, _STREAMED)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        if self.server.compress and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")
            pieces, start = _gzipped(start, pieces)
        if len(start) < _STREAMED:  # all of it
            self.send_header("Content-Length", str(len(start)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(start)
            return
        self._stream(start, pieces)

    def _stream(self, start, pieces):
        chunked = self.request_version != "HTTP/1.0"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        while start:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(start), start) if chunked else start)
            start = _up_to(pieces, _PIECE)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")


def _up_to(pieces, size):
    """Pieces joined until they are at least so long, or all."""
    joined, length = [], 0
    for piece in pieces:
        joined.append(piece)
        length += len(piece)
        if length >= size:
            break
    return b"".join(joined)


def _gzipped(start, pieces):
    if len(start) < _STREAMED:
        return iter(()), gzip.compress(start, 1)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)

    def packed():
        yield packer.compress(start)
        for piece in pieces:
            yield packer.compress(piece)
        yield packer.flush()

    rest = packed()
    return rest, _up_to(rest, _STREAMED)


def _form(body, content_type):
    """Fields and files of a multipart form."""
    boundary = content_type.partition("boundary=")[2].split(";")[0].strip().strip('"').encode()
    fields, files = [], {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator:
            continue
        disposition = next(
            (
                line
                for line in head.decode("utf-8", "replace").split("\r\n")
                if line.lower().startswith("content-disposition")
            ),
            "",
        )
        words = dict(word.strip().split("=", 1) for word in disposition.split(";") if "=" in word)
        name = words.get("name", "").strip('"')
        if "filename" in words or name.upper() not in _PARAMETERS:
            files[name] = content
        if "filename" not in words:
            fields.append((name, content.decode("utf-8", "replace")))
    return fields, files


_PARAMETERS = {
    "REQUEST",
    "LANG",
    "QUERY",
    "MAXREC",
    "UPLOAD",
    "FORMAT",
    "RESPONSEFORMAT",
    "PHASE",
    "RUNID",
    "VERSION",
    "ACTION",
    "EXECUTIONDURATION",
    "DESTRUCTION",
}
