# Licensed under a 3-clause BSD style license - see LICENSE
"""Downloads from a real HTTP server on loopback that misbehaves in every way known."""

import gzip
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from astroquery_cfx import (
    Fermi4FGLClass,
    InvalidFileError,
    ServiceError,
    ServiceUnavailableError,
    conf,
)

PATH = "/lat/14yr_catalog/gll_psc_v35.fit"


class Server(ThreadingHTTPServer):
    """Serves one file; `faults` are methods of the handler, one for each request, the last for all others."""

    def __init__(self, content, faults):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.requests = content, list(faults), []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/lat/"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        fault = self.server.faults.pop(0) if len(self.server.faults) > 1 else self.server.faults[0]
        getattr(self, fault)()

    def send(self, content, *, status=200, announced=None, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if announced is None else announced))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def good(self):
        content, wanted = self.server.content, self.headers.get("Range")
        if self.path != PATH:
            self.send(b"no such file", status=404)
        elif wanted:
            start = int(re.match(r"bytes=(\d+)-$", wanted)[1])
            if start >= len(content):
                self.send(b"", status=416)
            else:
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send(content[start:], status=206, headers=[("Content-Range", span)])
        else:
            self.send(content)

    def cut(self):
        """Half of what is left, and the connection is closed."""
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        rest = self.server.content[start:]
        span = [
            (
                "Content-Range",
                f"bytes {start}-{len(self.server.content) - 1}/{len(self.server.content)}",
            )
        ]
        self.send(
            rest[: len(rest) // 2],
            status=206 if start else 200,
            announced=len(rest),
            headers=span if start else (),
        )
        self.close_connection = True

    def no_range(self):
        self.send(self.server.content)

    def no_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def flipped(self):
        content = bytearray(self.server.content)
        content[len(content) // 2] ^= 1
        self.send(bytes(content))

    def page(self):
        self.send(b"<!DOCTYPE html><html><title>Maintenance</title></html>")

    def other_catalogue(self):
        self.send(self.server.content.replace(b"'v35     '", b"'v34     '"))

    def missing(self):
        self.send(b"no such file", status=404)

    def busy(self):
        self.send(b"come back later", status=503)

    def silent(self):
        threading.Event().wait(2)


@pytest.fixture(scope="module")
def content(shared_data):
    return gzip.decompress((shared_data / "fermi" / "gll_psc_v35.fit.gz").read_bytes())


@pytest.fixture
def fermi(tmp_path):
    fresh = Fermi4FGLClass()
    fresh.cache_location = tmp_path / "cache"
    return fresh


@contextmanager
def serving(content, *faults):
    """A running server that conf.fermi_urls points to."""
    server = Server(content, faults or ["good"])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with (
            conf.set_temp("fermi_urls", [server.url]),
            conf.set_temp("retries", 2),
            conf.set_temp("stall_timeout", 0.5),
        ):
            yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files(fermi):
    return sorted(file.name for file in fermi.cache_location.iterdir())


def test_a_release_is_downloaded_once(fermi, content):
    with serving(content) as server:
        table = fermi.get_catalog("DR4", columns=["Source_Name"])
        again = fermi.get_catalog("dr4", columns=["Source_Name"])
        assert server.requests == [(PATH, None)]
    assert len(table) == len(again) == 7195
    assert table.meta["file"] == "gll_psc_v35.fit"
    assert files(fermi) == ["gll_psc_v35.fit"]
    assert (fermi.cache_location / "gll_psc_v35.fit").read_bytes() == content


def test_what_is_cached_serves_offline(fermi, content):
    with serving(content):
        fermi.get_catalog(columns=["GLON"])
    with conf.set_temp("fermi_urls", ["http://127.0.0.1:9/"]), conf.set_temp("retries", 0):
        assert len(fermi.query_class("nov")) == 8


def test_cache_false_downloads_again(fermi, content):
    with serving(content) as server:
        fermi.get_catalog(columns=["GLON"])
        fermi.get_catalog(columns=["GLON"], cache=False)
        assert len(server.requests) == 2
    assert files(fermi) == ["gll_psc_v35.fit"]


def test_clear_cache_removes_it(fermi, content):
    with serving(content):
        fermi.get_catalog(columns=["GLON"])
    fermi.clear_cache()
    assert files(fermi) == []


def test_a_cut_transfer_goes_on_where_it_broke_off(fermi, content):
    with serving(content, "cut", "cut", "good") as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        starts = [int((span or "bytes=0-")[6:-1]) for _, span in server.requests]
    # whole chunks are kept: at most one is fetched twice
    assert starts == pytest.approx([0, len(content) / 2, len(content) * 3 / 4], abs=1 << 17)
    assert (fermi.cache_location / "gll_psc_v35.fit").read_bytes() == content


def test_what_came_is_kept_for_the_next_call(fermi, content):
    with serving(content, "cut", "silent"):
        with pytest.raises(ServiceUnavailableError, match=r"Kept: 3,\d{3},\d{3} bytes"):
            fermi.get_catalog(columns=["GLON"])
        assert files(fermi) == ["gll_psc_v35.fit.part"]
    with serving(content) as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        ((path, span),) = server.requests
    assert path == PATH
    assert int(span[6:-1]) == pytest.approx(len(content) / 2, abs=1 << 17)
    assert files(fermi) == ["gll_psc_v35.fit"]


def test_a_server_without_ranges_starts_again(fermi, content):
    with serving(content, "cut", "no_range"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_transfer_of_unknown_length_is_fine(fermi, content):
    with serving(content, "no_length"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_part_of_something_else_does_no_harm(fermi, content):
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(b"x" * 5000)
    with serving(content, "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_part_that_is_too_long_does_no_harm(fermi, content):
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(content + b"more")
    with serving(content, "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("flipped", "checksum of its extension LAT"),
        ("page", "web page"),
        ("other_catalogue", "checksum"),
    ],
)
def test_what_comes_wrong_is_not_kept(fermi, content, fault, words):
    with serving(content, fault), pytest.raises(InvalidFileError, match=words):
        fermi.get_catalog()
    assert files(fermi) == []


def test_a_flipped_bit_is_fetched_again(fermi, content):
    with serving(content, "flipped", "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_busy_server_is_asked_again(fermi, content):
    with serving(content, "busy", "silent", "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_missing_file_is_not_asked_for_again(fermi, content):
    with serving(content, "missing") as server:
        with pytest.raises(
            ServiceError, match=r"gll_psc_v35\.fit could not be downloaded.*404.*path="
        ):
            fermi.get_catalog()
        assert len(server.requests) == 1


def test_a_mirror_serves_where_the_first_does_not(fermi, content):
    with serving(content, "page") as first:
        url = first.url
        with serving(content) as mirror, conf.set_temp("fermi_urls", [url, mirror.url]):
            assert len(fermi.get_catalog(columns=["GLON"])) == 7195
            assert len(mirror.requests) == 1


def test_no_server_is_one_clear_sentence(fermi):
    with (
        conf.set_temp("fermi_urls", ["http://127.0.0.1:9/"]),
        conf.set_temp("retries", 0),
        pytest.raises(ServiceUnavailableError, match=r"could not be downloaded.*refused.*path="),
    ):
        fermi.get_catalog()
    with conf.set_temp("fermi_urls", []), pytest.raises(ServiceError, match="fermi_urls is empty"):
        fermi.get_catalog()


@pytest.mark.parametrize("damage", ["cut", "flip", "page", "empty"])
def test_a_damaged_cached_file_is_fetched_again(fermi, content, damage):
    cached = fermi.cache_location / "gll_psc_v35.fit"
    flipped = bytearray(content)
    flipped[5_000_000] ^= 16
    cached.write_bytes(
        {
            "cut": content[:1_000_000],
            "flip": bytes(flipped),
            "page": b"<html></html>",
            "empty": b"",
        }[damage]
    )
    with serving(content) as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        assert len(server.requests) == 1
    assert cached.read_bytes() == content


def test_a_damaged_cached_file_stays_until_a_good_one_came(fermi, content):
    cached = fermi.cache_location / "gll_psc_v35.fit"
    cached.write_bytes(content[:1_000_000])
    with serving(content, "missing"), pytest.raises(ServiceError):
        fermi.get_catalog()
    assert cached.read_bytes() == content[:1_000_000]


def test_two_downloads_at_a_time_do_not_disturb_each_other(fermi, content):
    others = [Fermi4FGLClass() for _ in range(4)]
    for other in others:
        other.cache_location = fermi.cache_location
    with serving(content, "cut", "cut", "cut", "good"), ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda other: other.get_catalog(columns=["GLON"]), others))
    assert [len(table) for table in tables] == [7195] * 4
    assert files(fermi) == ["gll_psc_v35.fit"]


def test_a_release_without_known_checksum_is_checked_by_its_own(fermi, content):
    with serving(content), pytest.raises(ServiceError, match="404"):
        fermi.get_catalog("DR3")
    with serving(content.replace(b"gll", b"gll")) as server:
        server.faults = ["no_range"]  # it gives DR4 whatever is asked for
        with pytest.raises(InvalidFileError, match=r"is not gll_psc_v31\.fit: it is version v35"):
            fermi.get_catalog("DR3")
    assert files(fermi) == []
