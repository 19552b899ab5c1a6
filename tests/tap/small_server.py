# Licensed under a 3-clause BSD style license - see LICENSE
"""A small HTTP server for tests: a function replies, and the requests are recorded."""

import base64
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    headers: dict
    body: bytes


@contextmanager
def serve(reply):
    """
    Run a server on loopback, and yield its URL and the list of the requests that it got.

    ``reply(request)`` returns the status, the headers, and the body: bytes, or an iterator of bytes
    that are sent piece by piece.
    """
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else the body waits 40 ms for the headers' acknowledgement

        def _reply(self):
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers), content)
            seen.append(request)
            status, headers, body = reply(request)
            whole = isinstance(body, bytes)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header(*(("Content-Length", len(body)) if whole else ("Connection", "close")))
            self.end_headers()
            try:
                for piece in [body] if whole else body:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except ConnectionError:  # the client has heard enough
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _reply  # noqa: N815 - http.server's own names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def votable(*rows, before="", after=""):
    """A VOTable with a column of integers, and what may stand before and after the table."""
    data = base64.b64encode(b"".join(struct.pack(">i", row) for row in rows)).decode()
    return (
        f'<VOTABLE version="1.4"><RESOURCE type="results">{before}<TABLE>'
        '<FIELD name="a" datatype="int"/><DATA><BINARY>'
        f'<STREAM encoding="base64">{data}</STREAM></BINARY></DATA></TABLE>{after}'
        "</RESOURCE></VOTABLE>"
    ).encode()


def refusal(words):
    """A VOTable that says what went wrong, in the words of a service."""
    info = f'<INFO name="QUERY_STATUS" value="ERROR">{words}</INFO>'
    return f'<VOTABLE version="1.4"><RESOURCE type="results">{info}</RESOURCE></VOTABLE>'.encode()
