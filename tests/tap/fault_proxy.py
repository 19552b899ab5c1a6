# Licensed under a 3-clause BSD style license - see LICENSE
"""A TCP proxy between the client and a TAP service that makes one fault after the other.

The answers of the service behind it are kept, so that thousands of runs are fast. A fault changes
what goes over the wire, or the VOTable itself, and never what is kept.
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

import numpy as np
import requests

HTML = (
    b"<!DOCTYPE html><html><head><title>Service down</title></head>"
    b"<body><p>Sorry &nbsp; </body></html>"
)
OVERFLOW = b'<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
ERROR = b'<INFO name="QUERY_STATUS" value="ERROR">the disk of the database is full</INFO>'
SQL_ERROR = b'<INFO name="QUERY_STATUS" value="ERROR">column "nix" does not exist</INFO>'

# Faults on the wire: methods of the handler.
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
# Faults in the document, without a look at its rows.
TEXT = {
    "sql_error": lambda body: (
        body.split(b"<RESOURCE")[0]
        + b'<RESOURCE type="results">'
        + SQL_ERROR
        + b"</RESOURCE></VOTABLE>"
    ),
    "entity": lambda body: body.replace(
        b"<VOTABLE", b'<!DOCTYPE VOTABLE [<!ENTITY a "aaaa">]><VOTABLE', 1
    ),
    "no_table": lambda body: re.sub(rb"<TABLE.*</TABLE>", b"", body, flags=re.DOTALL),
    "early_error": lambda body: body.replace(b"<TABLE", ERROR + b"<TABLE", 1),
    "late_error": lambda body: body.replace(b"</TABLE>", b"</TABLE>" + ERROR, 1),
    "false_overflow": lambda body: body.replace(b"</TABLE>", b"</TABLE>" + OVERFLOW, 1),
}
# Faults in the rows.
ROWS = {
    "lose_last": lambda rows: rows[:-1],
    "lose_first": lambda rows: rows[1:],
    "double_row": lambda rows: [*rows, *rows[:1]],
    "swap_row": lambda rows: [*rows[1:2], *rows[1:]] if len(rows) > 1 else rows,
    "shuffle": lambda rows: rows[::-2] + rows[-2::-2],
    "cap": lambda rows: rows[:17],
    "cap_flagged_before": lambda rows: rows[:17],
    "cap_flagged_after": lambda rows: rows[:17],
}
# Aggregates that the service computes in its own way: name of the columns, and the change.
WAYS = {
    "float32_sums": (b"cfx_sum", lambda value: float(np.float32(value))),
    "wrong_sums": (b"cfx_sum", lambda value: value * (1 + 1e-5)),
    "shifted_bins": (b"cfx_bin", lambda value: value + 1),
    "counts_nan": (b"cfx_rows", lambda value: value + 1),
}
FIELDS = ["fields_reordered", "fields_upper", "fields_retyped", "null_changed"]
TABLE = [
    *TEXT,
    *ROWS,
    *FIELDS,
    "bad_base64",
    "padding",
    "nudge",
    "repeat",
    "float32_sums",
    "wrong_sums",
]


class Document:
    """A VOTable with one BINARY stream: its text, its fields and its rows as bytes."""

    def __init__(self, body):
        self.head, rest = re.split(rb"(?<=<STREAM encoding=\"base64\">)", body, maxsplit=1)
        data, self.tail = rest.split(b"</STREAM>", 1)
        self.tail = b"</STREAM>" + self.tail
        self.fields = re.findall(rb"<FIELD\b[^>]*/>|<FIELD\b.*?</FIELD>", self.head, re.DOTALL)
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
    """Return the VOTable with one fault in it; as it was, where the fault does not apply."""
    if name == "repeat":
        return earlier or body
    if name == "sql_error" or (name in TEXT and b"<STREAM" in body):
        return TEXT[name](body)
    if b"<STREAM" not in body:
        return body
    document = Document(body)
    full = len(document.rows)
    if name in ROWS:
        document.rows = ROWS[name](document.rows)
    elif name in WAYS:
        _change_aggregates(*WAYS[name], document)
    elif name in FIELDS:
        _change_fields(name, document)
    elif name == "nudge":
        _nudge(document)
    elif name == "padding":  # in the middle of the stream
        data = base64.b64encode(b"".join(cell for row in document.rows for cell in row))
        return document.head + data[:8] + b"AA==" + data[8:] + document.tail
    body = document.body()
    if name == "bad_base64":
        body = body.replace(b"AA", b"A*", 1)
    elif name == "cap_flagged_before" and full > 17:
        body = body.replace(b"<TABLE", OVERFLOW + b"<TABLE", 1)
    elif name == "cap_flagged_after" and full > 17:
        body = TEXT["false_overflow"](body)
    return body


def _change_aggregates(column, change, document):
    codes = {b"double": ">d", b"int": ">i", b"long": ">q"}
    for i, field in enumerate(document.fields):
        if not re.search(rb'name="(\w+)"', field)[1].startswith(column):
            continue
        code = codes[re.search(rb'datatype="(\w+)"', field)[1]]
        for row in document.rows:
            row[i] = struct.pack(code, change(*struct.unpack(code, row[i])))


def _nudge(document):
    """Change one double by little: rows and keys stay, and the sums of all rows hardly differ."""
    doubles = [i for i, field in enumerate(document.fields) if b'datatype="double"' in field]
    for row in document.rows[3:]:
        for i in doubles:
            (value,) = struct.unpack(">d", row[i])
            if abs(value) > 1e-3:
                row[i] = struct.pack(">d", value * (1 + 1e-4))
                return


def _change_fields(name, document):
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
    document.head = document.head[:start] + b"".join(fields) + document.head[end:]


class FaultProxy:
    """
    Stand between a client and `upstream`; use as a context manager.

    `faults` has one for each query to come, in order, and `queries` the ADQL that came. The fault
    'change' switches to the next of the `versions`, which are other base URLs.
    """

    def __init__(self, upstream, *versions):
        self.upstreams = [upstream, *versions]
        self.version = 0
        self.faults, self.queries = [], []
        self._answers = {}
        self.last = b""
        self._lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/xamin/vo/tap"

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
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
        self.faults, self.queries, self.version, self.last = list(faults), [], 0, b""

    def next_fault(self, adql):
        with self._lock:
            self.queries.append(adql)
            fault = self.faults.pop(0) if self.faults else "none"
            if fault == "change":
                self.version = (self.version + 1) % len(self.upstreams)
                fault = "none"
            return fault

    def answer(self, method, path, data, content_type):
        """Return the service's own answer: status, content type, body, target of a redirect."""
        form = parse_qs(data.decode("latin-1"))
        query = data if "boundary" in content_type else form.get("QUERY", [""])[0]
        known = (self.version, method, path, query, form.get("MAXREC", [""])[0])
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
            target = reply.headers.get("Location", "")
            target = target.replace(self.upstreams[self.version], self.url)
            kind = reply.headers.get("Content-Type", "")
            self._answers[known] = reply.status_code, kind, reply.content, target
        return self._answers[known]


class _Handler(BaseHTTPRequestHandler):
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
        status, kind, body, target = self.server.proxy.answer(method, self.path, data, content_type)
        self._reply(status, kind, body, **({"Location": target} if target else {}))

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content_type = self.headers.get("Content-Type", "")
        if not self.path.endswith("/sync"):
            self._pass_on("POST", data, content_type)
            return
        query = parse_qs(data.decode("latin-1")).get("QUERY", [""])[0]
        fault = self.server.proxy.next_fault(query)
        status, kind, body, _ = self.server.proxy.answer("POST", self.path, data, content_type)
        earlier, self.server.proxy.last = self.server.proxy.last, body
        if fault in TABLE or fault in WAYS:
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
