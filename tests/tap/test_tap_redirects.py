# Licensed under a 3-clause BSD style license - see LICENSE
"""Redirects: followed on the same host; to another one only by GET, and with nothing that is the user's."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from astropy.table import Table
from pyvo.dal import TAPService

from astroquery_cfx import ServiceError
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import complete_query
from astroquery_cfx.tap.transport import make_transport


@contextmanager
def redirecting_service(status, target):
    """A server that answers everything by a redirect to ``target + path``, and notes what it was sent."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _redirect(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.command, self.path, dict(self.headers)))
            self.send_response(status)
            self.send_header("Location", target + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_DELETE = _redirect  # noqa: N815 - http.server's own names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def client(url):
    service = TAPService(url + "/tap")
    service._session.headers["Authorization"] = "Bearer secret"
    service._session.cookies.set("session", "secret")
    yield service
    service._session.close()


@pytest.fixture(scope="module")
def archive():
    with EmbeddedArchive(
        {"stars": Table({"name": ["a", "b", "c"], "ra": [1.0, 2.0, 3.0]})}
    ) as running:
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_query_never_leaves_the_host(archive, status):
    """The port is another one: another host, as far as anybody can tell."""
    with (
        redirecting_service(status, archive.url) as (url, seen),
        client(url) as service,
        pytest.raises(ServiceError, match="redirects to another host"),
    ):
        complete_query(service, "SELECT name, ra FROM stars")
    assert {command for command, path, _ in seen if path != "/tap/capabilities"} == {"POST"}


def test_result_elsewhere_is_fetched_without_credentials(archive):
    """Many services keep the results of jobs in a storage of their own."""
    with (
        redirecting_service(200, "") as (elsewhere, seen),
        redirecting_service(307, elsewhere) as (url, asked),
        client(url) as service,
    ):
        assert make_transport(service).get_bytes(f"{url}/results/result") == b""
    assert asked[0][2]["Authorization"] == "Bearer secret"
    assert [path for _, path, _ in seen] == ["/results/result"]
    assert not {"Authorization", "Cookie"} & set(seen[0][2])


def test_other_host_may_not_redirect_again():
    with (
        redirecting_service(302, "http://127.0.0.1:9") as (second, seen),
        redirecting_service(302, second) as (url, _),
        client(url) as service,
    ):
        answer = make_transport(service).get_bytes(f"{url}/results/result")
    assert answer == b""
    assert len(seen) == 1


def test_same_host_without_end():
    with (
        redirecting_service(307, "") as (url, seen),
        client(url) as service,
        pytest.raises(ServiceError, match="redirects without end"),
    ):
        complete_query(service, "SELECT name, ra FROM stars")
    assert 2 < len(seen) < 20
