# Licensed under a 3-clause BSD style license - see LICENSE
"""A TCP proxy between the client and a TAP service that makes one fault after the other.

The answers of the service behind it are kept, so that thousands of runs are fast; a fault changes what goes
over the wire, or the VOTable itself, and never what is kept.
"""

import base64
import gzip
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import requests

HTML = b"<!DOCTYPE html><html><head><title>Service down</title></head><body><p>Sorry &nbsp; </body></html>"
OVERFLOW = b'<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
ERROR = b'<INFO name="QUERY_STATUS" value="ERROR">the disk of the database is full</INFO>'

WIRE = [
    "cut",
    "cut_quietly",
    "short_length",
    "long_length",
    "chunked_cut",
    "gzip_cut",
    "gzip",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "html",
    "empty",
    "reset",
    "stall",
    "redirect",
]
TABLE = [
    "lose_last",
    "lose_first",
    "double_row",
    "swap_row",
    "cap",
    "cap_flagged_before",
    "cap_flagged_after",
    "false_overflow",
    "late_error",
    "early_error",
    "sql_error",
    "shuffle",
    "no_table",
    "fields_reordered",
    "fields_upper",
    "fields_retyped",
    "null_changed",
    "bad_base64",
    "padding",
    "nudge",
    "entity",
    "repeat",
]


class Document:
    """A VOTable with one BINARY stream: its text, its fields and its rows as bytes."""

    def __init__(self, body):
        self.head, rest = re.split(rb"(?<=<STREAM encoding=\"base64\">)", body, maxsplit=1)
        data, self.tail = rest.split(b"</STREAM>", 1)
        self.tail = b"</STREAM>" + self.tail
        self.fields = re.findall(rb"<FIELD\b.*?(?:/>|</FIELD>)", self.head, re.DOTALL)
        self.rows = self._split(base64.b64decode(data))

    def _split(self, raw):
        sizes = [
            {b"char": None, b"double": 8, b"float": 4, b"int": 4, b"short": 2, b"long": 8}[
                re.search(rb'datatype="(\w+)"', field)[1]
            ]
            for field in self.fields
        ]
        rows, position = [], 0
        while position < len(raw):
            row = []
            for size in sizes:
                end = position + (size or 4 + struct.unpack_from(">I", raw, position)[0])
                row.append(raw[position:end])
                position = end
            rows.append(row)
        return rows

    def body(self):
        data = base64.encodebytes(b"".join(cell for row in self.rows for cell in row))
        return self.head + data + self.tail


def spoil(name, body, earlier=b""):
    """The VOTable with one fault in it; as it was, where the fault does not apply."""
    if name == "repeat":
        return earlier or body
    if name == "sql_error":
        return (
            body.split(b"<RESOURCE")[0]
            + b'<RESOURCE type="results">'
            + ERROR.replace(b"the disk of the database is full", b'column "nix" does not exist')
            + b"</RESOURCE></VOTABLE>"
        )
    if name == "entity":
        return body.replace(b"<VOTABLE", b'<!DOCTYPE VOTABLE [<!ENTITY a "aaaa">]><VOTABLE', 1)
    if b"<STREAM" not in body:
        return body
    if name == "no_table":
        return re.sub(rb"<TABLE.*</TABLE>", b"", body, flags=re.DOTALL)
    if name == "early_error":
        return body.replace(b"<TABLE", ERROR + b"<TABLE", 1)
    if name == "late_error":
        return body.replace(b"</TABLE>", b"</TABLE>" + ERROR, 1)
    if name == "false_overflow":
        return body.replace(b"</TABLE>", b"</TABLE>" + OVERFLOW, 1)
    return _spoil_rows(name, Document(body))


def _spoil_rows(name, document):
    rows = document.rows
    if name in ("cap", "cap_flagged_before", "cap_flagged_after"):
        document.rows = rows[:17]
        body = document.body()
        if len(rows) <= 17 or name == "cap":
            return body
        return (
            body.replace(b"<TABLE", OVERFLOW + b"<TABLE", 1)
            if name == "cap_flagged_before"
            else body.replace(b"</TABLE>", b"</TABLE>" + OVERFLOW, 1)
        )
    if name == "bad_base64":
        body = document.body()
        return body.replace(b"AA", b"A*", 1)
    if name == "padding":
        data = base64.b64encode(b"".join(cell for row in rows for cell in row))
        return document.head + data[:8] + b"AA==" + data[8:] + document.tail
    if name == "lose_last":
        document.rows = rows[:-1]
    elif name == "lose_first":
        document.rows = rows[1:]
    elif name == "double_row" and rows:
        document.rows = [*rows, rows[0]]
    elif name == "swap_row" and len(rows) > 1:
        document.rows = [rows[1], *rows[1:]]
    elif name == "nudge":
        _nudge(document)
    elif name == "shuffle":
        document.rows = rows[::-2] + rows[-2::-2]
    elif name.startswith("fields") or name == "null_changed":
        _spoil_fields(name, document)
    return document.body()


def _nudge(document):
    """One double is another by little: the rows and keys stay, and the sums of all hardly differ."""
    doubles = [i for i, field in enumerate(document.fields) if b'datatype="double"' in field]
    for row in document.rows[3:]:
        for i in doubles:
            (value,) = struct.unpack(">d", row[i])
            if abs(value) > 1e-3:
                row[i] = struct.pack(">d", value * (1 + 1e-4))
                return


def _spoil_fields(name, document):
    old = b"".join(document.fields)
    start, end = document.head.index(document.fields[0]), document.head.rindex(document.fields[-1])
    end += len(document.fields[-1])
    fields = list(document.fields)
    if name == "fields_reordered":
        fields = fields[::-1]
        document.rows = [row[::-1] for row in document.rows]
    elif name == "fields_upper":
        fields = [
            re.sub(
                rb'name="(\w+)"', lambda found: found[0].upper().replace(b"NAME=", b"name="), field
            )
            for field in fields
        ]
    elif name == "fields_retyped":
        for i, field in enumerate(fields):
            if b'datatype="int"' in field:
                fields[i] = field.replace(b'datatype="int"', b'datatype="long"')
                for row in document.rows:
                    row[i] = struct.pack(">q", *struct.unpack(">i", row[i]))
                break
    elif name == "null_changed":
        for i, field in enumerate(fields):
            if b'null="-2147483648"' in field:
                fields[i] = field.replace(b'null="-2147483648"', b'null="-999999"')
                for row in document.rows:
                    if row[i] == struct.pack(">i", -2147483648):
                        row[i] = struct.pack(">i", -999999)
    assert old
    document.head = document.head[:start] + b"".join(fields) + document.head[end:]


class FaultProxy:
    """
    Stand between a client and `upstream`; use as a context manager.

    Attributes
    ----------
    faults : list of str
        One for each query to come, in order; after the last none.
    queries : list of str
        The ADQL that came.
    versions : list of str
        Base URLs that can be switched between by the fault 'change'.
    """

    def __init__(self, upstream, *versions):
        self.upstreams = [upstream, *versions]
        self.version = 0
        self.faults, self.queries = [], []
        self._answers = {}
        self._last = b""
        self._lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/xamin/vo/tap"

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self._session = requests.Session()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()
        self._session.close()

    def reset(self, faults=()):
        """Forget what was asked, and plan other faults."""
        self.faults, self.queries, self.version, self._last = list(faults), [], 0, b""

    def next_fault(self, adql):
        with self._lock:
            self.queries.append(adql)
            fault = self.faults.pop(0) if self.faults else "none"
            if fault == "change":
                self.version = (self.version + 1) % len(self.upstreams)
                fault = "none"
            return fault

    def answer(self, method, path, data, content_type):
        """The service's own answer: status, content type, body."""
        form = (
            data
            if b"boundary" in content_type.encode()
            else parse_qs(data.decode()).get("QUERY", [""])[0]
        )
        known = (
            self.version,
            method,
            path,
            form,
            parse_qs(data.decode("latin-1")).get("MAXREC", [""])[0],
        )
        if known not in self._answers or "async" in path:
            url = self.upstreams[self.version] + path.removeprefix("/xamin/vo/tap")
            reply = self._session.request(
                method,
                url,
                data=data or None,
                timeout=30,
                allow_redirects=False,
                headers={"Content-Type": content_type} if data else {},
            )
            target = reply.headers.get("Location", "").replace(
                self.upstreams[self.version], self.url
            )
            kind = reply.headers.get("Content-Type", "")
            self._answers[known] = reply.status_code, kind, reply.content, target
        return self._answers[known]


def _handler(proxy):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            """Be silent."""

        def handle(self):
            try:
                super().handle()
            except ConnectionError:  # the client hung up in the middle of a fault
                self.close_connection = True

        def do_GET(self):
            self._pass_on("GET", b"", "")

        def do_DELETE(self):
            self._pass_on("DELETE", b"", "")

        def _pass_on(self, method, data, content_type):
            status, kind, body, target = proxy.answer(method, self.path, data, content_type)
            self._reply(status, kind, body, **({"Location": target} if target else {}))

        def do_POST(self):
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content_type = self.headers.get("Content-Type", "")
            if not self.path.endswith("/sync"):
                self._pass_on("POST", data, content_type)
                return
            query = parse_qs(data.decode("latin-1")).get("QUERY", [""])[0]
            fault = proxy.next_fault(query)
            status, kind, body, _ = proxy.answer("POST", self.path, data, content_type)
            earlier, proxy._last = proxy._last, body
            if fault in TABLE:
                self._reply(status, kind, spoil(fault, body, earlier))
            else:
                getattr(self, fault)(status, kind, body)

        def _reply(self, status, kind, body, **headers):
            self._head(status, kind, {"Content-Length": len(body), **headers})
            self.wfile.write(body)

        def _head(self, status, kind, headers):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()

        def _hang_up(self):
            self.wfile.flush()
            self.close_connection = True

        def none(self, status, kind, body):
            self._reply(status, kind, body)

        def cut(self, status, kind, body):
            self._head(status, kind, {"Content-Length": len(body)})
            self.wfile.write(body[: int(len(body) * 0.7)])
            self._hang_up()

        def cut_quietly(self, status, kind, body):
            self._head(status, kind, {"Connection": "close"})
            self.wfile.write(body[: int(len(body) * 0.9)])
            self._hang_up()

        def short_length(self, status, kind, body):
            self._head(status, kind, {"Content-Length": len(body) - 40})
            self.wfile.write(body[:-40])
            self._hang_up()

        def long_length(self, status, kind, body):
            self._head(status, kind, {"Content-Length": len(body) + 40})
            self.wfile.write(body)
            self._hang_up()

        def chunked_cut(self, status, kind, body):
            self._head(status, kind, {"Transfer-Encoding": "chunked"})
            half = body[: len(body) // 2]
            self.wfile.write(b"%x\r\n" % len(half) + half + b"\r\n")
            self._hang_up()

        def gzip(self, status, kind, body):
            self._reply(status, kind, gzip.compress(body), Content_Encoding="gzip")

        def gzip_cut(self, status, kind, body):
            packed = gzip.compress(body)
            self._reply(status, kind, packed[: len(packed) * 2 // 3], Content_Encoding="gzip")

        def html(self, *_):
            self._reply(200, "text/html", HTML)

        def empty(self, status, kind, _):
            self._reply(status, kind, b"")

        def redirect(self, *_):
            self._reply(302, "text/html", b"", Location="http://localhost:1/other/tap/sync")

        def reset(self, *_):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            self.wfile = open("/dev/null", "wb")  # noqa: SIM115 - swallows the flush at the end

        def stall(self, status, kind, body):
            self._head(status, kind, {"Content-Length": len(body)})
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(0.3)
            self._hang_up()

        def __getattr__(self, name):
            if not name.startswith("http_"):
                raise AttributeError(name)
            return lambda *_: self._reply(int(name[5:]), "text/html", HTML, Retry_After="0")

    return Handler
