# Licensed under a 3-clause BSD style license - see LICENSE
"""Downloads from a real HTTP server on loopback that misbehaves in all known ways."""

import gzip
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from astropy import log

from astroquery_cfx import (
    Fermi4FGLClass,
    InvalidFileError,
    ServiceError,
    ServiceUnavailableError,
    conf,
)

PATH = "/lat/14yr_catalog/gll_psc_v35.fit"


class Server(ThreadingHTTPServer):
    """Serves one file, with one fault per request and the last one for all others.

    A fault is a method of the handler, or a status.
    """

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
        if isinstance(fault, int):
            self.send(b"no", status=fault)
        else:
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
        """Send half of what is left, and close the connection."""
        content, start = self.server.content, int((self.headers.get("Range") or "bytes=0-")[6:-1])
        rest, span = content[start:], f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send(
            rest[: len(rest) // 2],
            status=206 if start else 200,
            announced=len(rest),
            headers=[("Content-Range", span)] if start else (),
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

    def wrong_range(self):
        """Answer a request for the rest with the whole file, as if it were the rest of another."""
        content = self.server.content
        span = f"bytes 0-{len(content) - 1}/{len(content)}"
        self.send(content, status=206, headers=[("Content-Range", span)])

    def silent(self):
        threading.Event().wait(2)


@pytest.fixture
def content(dr4_content):
    return dr4_content


@pytest.fixture
def fermi(tmp_path):
    fresh = Fermi4FGLClass()
    fresh.cache_location = tmp_path / "cache"
    return fresh


@contextmanager
def serving(content, *faults, retries=2):
    """Run a server that conf.fermi_urls names."""
    server = Server(content, faults or ["good"])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with (
            conf.set_temp("fermi_urls", [server.url]),
            conf.set_temp("retries", retries),
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


def test_the_cache_serves_offline(fermi, content):
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


def test_clear_cache_removes_the_catalogues_and_nothing_else(fermi, content):
    with serving(content):
        fermi.get_catalog(columns=["GLON"])
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(b"x")
    (fermi.cache_location / "notes.txt").write_text("mine")
    fermi.clear_cache()
    assert files(fermi) == ["notes.txt"]


def test_a_broken_transfer_is_resumed(fermi, content):
    with serving(content, "cut", "cut", "good") as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        starts = [int((span or "bytes=0-")[6:-1]) for _, span in server.requests]
    # whole chunks are kept: at most one is fetched twice
    assert starts == pytest.approx([0, len(content) / 2, len(content) * 3 / 4], abs=1 << 17)
    assert (fermi.cache_location / "gll_psc_v35.fit").read_bytes() == content


def test_a_broken_download_is_kept_for_the_next_call(fermi, content):
    with serving(content, "cut", "silent", retries=1):
        with pytest.raises(ServiceUnavailableError, match=r"Kept: 3,\d{3},\d{3} bytes"):
            fermi.get_catalog(columns=["GLON"])
        assert files(fermi) == ["gll_psc_v35.fit.part"]
    with serving(content) as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        ((path, span),) = server.requests
    assert path == PATH
    assert int(span[6:-1]) == pytest.approx(len(content) / 2, abs=1 << 17)
    assert files(fermi) == ["gll_psc_v35.fit"]


@pytest.mark.parametrize(("age", "is_taken"), [(0, False), (3, True)])
def test_only_the_abandoned_part_of_another_process_is_resumed(fermi, content, age, is_taken):
    part = fermi.cache_location / "gll_psc_v35.fit.part-1-0123abcd"
    part.write_bytes(content[: 1 << 20])
    seen = time.time() - age  # abandoned after twice the stall timeout of 0.5 s
    os.utime(part, (seen, seen))
    with serving(content) as server:
        fermi.get_catalog(columns=["GLON"])
    assert server.requests == [(PATH, f"bytes={1 << 20}-" if is_taken else None)]
    assert files(fermi) == ["gll_psc_v35.fit"] + ([] if is_taken else [part.name])


def test_a_server_without_ranges_sends_everything_again(fermi, content):
    with serving(content, "cut", "no_range"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
    with serving(content, "cut", "wrong_range") as server:
        fermi.get_catalog(columns=["GLON"], cache=False)
        assert len(server.requests) == 2


def test_a_transfer_of_unknown_length_is_fine(fermi, content):
    with serving(content, "no_length"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_part_of_something_else_is_thrown_away(fermi, content):
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(b"x" * 5000)
    with serving(content, "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_part_that_is_too_long_is_thrown_away(fermi, content):
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(content + b"more")
    with serving(content, "good"):
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195


def test_a_part_that_is_complete_is_taken(fermi, content):
    (fermi.cache_location / "gll_psc_v35.fit.part").write_bytes(content)
    with serving(content) as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        assert server.requests == [(PATH, f"bytes={len(content)}-")]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("flipped", "checksum of its extension LAT"),
        ("page", "web page"),
        ("other_catalogue", "checksum"),
    ],
)
def test_a_wrong_download_is_not_kept(fermi, content, fault, words):
    with serving(content, fault) as server:
        with pytest.raises(InvalidFileError, match=words) as caught:
            fermi.get_catalog()
        assert len(server.requests) == 2
    assert files(fermi) == []
    assert caught.value.kept == ""


@pytest.mark.parametrize(
    ("faults", "retries"),
    [
        (["flipped", "good"], 1),
        ([503, "silent", "good"], 2),
        (["flipped", 503, "good"], 1),  # a damaged download does not count as a broken transfer
        ([503, "flipped", "good"], 2),
    ],
)
def test_a_failed_download_is_tried_again(fermi, content, faults, retries):
    with serving(content, *faults, retries=retries) as server:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        assert len(server.requests) == len(faults)


@pytest.mark.parametrize(
    ("faults", "retries", "requests"),
    [
        ([503], 0, 1),
        ([503], 1, 2),
        (["flipped"], 0, 1),
        (["flipped", 503], 1, 3),
        ([503, "flipped", "good"], 1, 2),
        (["flipped", "flipped", "good"], 5, 2),  # a server that has a damaged file
    ],
)
def test_a_failed_download_is_given_up(fermi, content, faults, retries, requests):
    with serving(content, *faults, retries=retries) as server:
        with pytest.raises((ServiceUnavailableError, InvalidFileError)):
            fermi.get_catalog(columns=["GLON"])
        assert len(server.requests) == requests


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_an_unavailable_service(fermi, content, status):
    with (
        serving(content, status, retries=0),
        pytest.raises(ServiceUnavailableError, match=f"the server answered {status} "),
    ):
        fermi.get_catalog()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501, 204])
def test_a_lasting_failure_is_not_tried_again(fermi, content, status):
    with serving(content, status) as server:
        with pytest.raises(
            ServiceError, match=rf"gll_psc_v35\.fit could not be downloaded.*{status}.*path="
        ) as caught:
            fermi.get_catalog()
        assert len(server.requests) == 1
    assert type(caught.value) is ServiceError


def test_a_transfer_that_takes_longer_than_the_timeout_is_given_up(fermi, content):
    with (
        serving(content, retries=0),
        conf.set_temp("timeout", 0.0),
        pytest.raises(ServiceUnavailableError, match=r"longer than conf\.timeout.*Kept: "),
    ):
        fermi.get_catalog()


def test_a_mirror_serves_if_the_first_does_not(fermi, content):
    with serving(content, "page") as first:
        url = first.url
        with (
            serving(content) as mirror,
            conf.set_temp("fermi_urls", [url, mirror.url.rstrip("/"), "http://127.0.0.1:9/"]),
        ):
            assert len(fermi.get_catalog(columns=["GLON"])) == 7195
            assert mirror.requests == [(PATH, None)]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (("page", "page"), InvalidFileError),
        (("page", 404), ServiceError),
        ((404, 404), ServiceError),
        (("page", 503), ServiceUnavailableError),
        ((404, 503), ServiceUnavailableError),
    ],
)
def test_the_error_of_several_mirrors(fermi, content, faults, kind):
    """Unavailable if one of them may serve later; a damaged file if all have one."""
    with serving(content, faults[0], retries=0) as first, serving(content, faults[1], retries=0):
        urls = [first.url, *conf.fermi_urls]
        with conf.set_temp("fermi_urls", urls), pytest.raises(kind) as caught:
            fermi.get_catalog()
    assert type(caught.value) is kind
    assert str(caught.value).count("http://127.0.0.1") == 2


def test_without_a_server_the_error_is_one_clear_sentence(fermi):
    with (
        conf.set_temp("fermi_urls", ["http://127.0.0.1:9/"]),
        conf.set_temp("retries", 0),
        pytest.raises(ServiceUnavailableError, match=r"could not be downloaded.*refused.*path="),
    ):
        fermi.get_catalog()
    with conf.set_temp("fermi_urls", []), pytest.raises(ServiceError, match="fermi_urls is empty"):
        fermi.get_catalog()
    with (
        conf.set_temp("fermi_urls", ["nowhere:"]),
        pytest.raises(ServiceError, match="the request failed"),
    ):
        fermi.get_catalog()


@pytest.mark.parametrize("damage", ["cut", "flip", "page", "empty"])
def test_a_damaged_cached_file_is_downloaded_again(fermi, content, damage):
    cached = fermi.cache_location / "gll_psc_v35.fit"
    flipped = bytearray(content)
    flipped[5_000_000] ^= 16
    damaged = {
        "cut": content[:1_000_000],
        "flip": bytes(flipped),
        "page": b"<html></html>",
        "empty": b"",
    }
    cached.write_bytes(damaged[damage])
    with serving(content) as server, log.log_to_list() as messages:
        assert len(fermi.get_catalog(columns=["GLON"])) == 7195
        assert len(server.requests) == 1
    assert cached.read_bytes() == content
    assert [message.message for message in messages if message.levelname == "WARNING"]


def test_a_damaged_cached_file_stays_until_there_is_a_good_one(fermi, content):
    cached = fermi.cache_location / "gll_psc_v35.fit"
    cached.write_bytes(content[:1_000_000])
    with serving(content, 404), pytest.raises(ServiceError):
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


def test_a_release_without_a_known_checksum_is_checked_by_its_version(fermi, content):
    with serving(content), pytest.raises(ServiceError, match="404"):
        fermi.get_catalog("DR3")
    with (
        serving(content, "no_range"),  # it gives DR4 whatever is asked for
        pytest.raises(InvalidFileError, match=r"is not gll_psc_v31\.fit: it is version v35"),
    ):
        fermi.get_catalog("DR3")
    assert files(fermi) == []


def test_another_release_in_the_cache_is_not_taken_for_this_one(fermi, content, shared_data):
    dr2 = gzip.decompress((shared_data / "fermi" / "gll_psc_v27.fit.gz").read_bytes())
    (fermi.cache_location / "gll_psc_v35.fit").write_bytes(dr2)
    with serving(content) as server:
        assert fermi.get_catalog(columns=["GLON"]).meta["release"] == "DR4"
        assert len(server.requests) == 1
