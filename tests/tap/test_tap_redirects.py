# Licensed under a 3-clause BSD style license - see LICENSE
"""Redirects: followed on the same host; to another one only by GET, without the user's secrets."""

from contextlib import contextmanager

import pytest
import requests
from astropy.table import Table
from pyvo.dal import TAPService
from requests.adapters import HTTPAdapter
from small_server import serve, votable

from astroquery_cfx import ServiceError
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import Transport, complete_query
from astroquery_cfx.tap.transport import make_transport

QUERY = "SELECT name, ra FROM stars"


def redirecting_service(status, target):
    """A server that answers everything by a redirect to ``target + path``."""
    return serve(lambda request: (status, {"Location": target + request.path}, b""))


@pytest.fixture
def session():
    with requests.Session() as found:
        found.headers["Authorization"] = "Bearer secret"
        found.headers["User-Agent"] = "somebody/1.0"
        found.cookies.set("session", "secret")
        yield found


@pytest.fixture(scope="module")
def archive():
    table = Table({"name": ["a", "b", "c"], "ra": [1.0, 2.0, 3.0]})
    with EmbeddedArchive({"stars": table}) as running:
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_query_never_leaves_the_host(archive, session, status):
    """The port is another one: another host, as far as anybody can tell."""
    with (
        redirecting_service(status, archive.url) as (url, seen),
        pytest.raises(ServiceError, match="redirects to another host"),
    ):
        complete_query(TAPService(url + "/tap"), QUERY, session=session)
    queries = [request for request in seen if request.path != "/tap/capabilities"]
    assert {request.method for request in queries} == {"POST"}


def test_result_elsewhere_is_fetched_without_credentials(session):
    """Many services keep the results of jobs in a storage of their own."""
    with (
        serve(lambda _: (200, {}, b"rows")) as (elsewhere, seen),
        redirecting_service(307, elsewhere) as (url, asked),
    ):
        transport = make_transport(TAPService(url), session)
        assert transport.get_bytes(f"{url}/results/result") == b"rows"
    assert asked[0].headers["Authorization"] == "Bearer secret"
    assert [request.path for request in seen] == ["/results/result"]
    assert not {"Authorization", "Cookie"} & set(seen[0].headers)
    assert seen[0].headers["User-Agent"] == "somebody/1.0"


def test_other_host_may_not_redirect_again(session):
    with (
        redirecting_service(302, "http://127.0.0.1:9") as (second, seen),
        redirecting_service(302, second) as (url, _),
    ):
        answer = make_transport(TAPService(url), session).get_bytes(f"{url}/results/result")
    assert answer == b""
    assert len(seen) == 1


def test_same_host_without_end(session):
    with (
        redirecting_service(307, "") as (url, seen),
        pytest.raises(ServiceError, match="redirects without end"),
    ):
        Transport(url, session).ask(QUERY)
    assert 2 < len(seen) < 20


@pytest.mark.parametrize(
    ("status", "method", "has_body"),
    [
        (301, "GET", False),
        (302, "GET", False),
        (303, "GET", False),
        (307, "POST", True),
        (308, "POST", True),
    ],
)
def test_same_host_is_followed(session, status, method, has_body):
    """As RFC 9110 has it: 307 and 308 repeat the request, the others turn it into a GET."""

    def reply(request):
        if request.path == "/sync":
            return status, {"Location": "/later/sync"}, b""
        return 200, {}, votable(5)

    with serve(reply) as (url, seen):
        answer, attempts = Transport(url, session).ask(QUERY)
    assert answer.columns[0][0].tolist() == [5]
    assert attempts == 1
    assert seen[1].path == "/later/sync"
    assert seen[1].method == method
    assert (b"stars" in seen[1].body) is has_body


@pytest.mark.parametrize("status", [300, 304])
def test_status_that_is_no_redirect(session, status):
    """What names another place, and does not send there, is the answer."""
    with serve(lambda _: (status, {"Location": "/later"}, b"")) as (url, seen):
        assert Transport(url, session).get_bytes(url + "/here") == b""
    assert [request.path for request in seen] == ["/here"]


@contextmanager
def known_as(names, session):
    """A server that a session reaches by any of these base URLs, and that redirects by its path."""

    def reply(request):
        if request.path.startswith("/to/"):
            return 307, {"Location": request.path.removeprefix("/to/") + "/end"}, b""
        return 200, {}, votable(5)

    class Adapter(HTTPAdapter):
        def send(self, request, **options):
            request.url = here + "/" + request.url.split("/", 3)[3]
            return super().send(request, **options)

    with serve(reply) as (here, seen):
        for name in names:
            session.mount(name, Adapter())
        yield seen


@pytest.mark.parametrize(
    ("first", "second", "follows"),
    [
        ("http://a.example", "http://a.example", True),
        ("http://a.example", "https://a.example", True),
        ("https://a.example", "http://a.example", False),
        ("http://a.example", "http://b.example", False),
        ("http://a.example", "https://b.example", False),
        ("http://a.example:8080", "http://a.example:8080", True),
        ("http://a.example:8080", "http://a.example:8081", False),
        ("http://a.example:8080", "https://a.example", False),
        ("http://a.example", "https://a.example:8443", False),
    ],
)
def test_what_is_the_same_host(session, first, second, follows):
    with known_as([first, second], session) as seen:
        transport = Transport(f"{first}/to/{second}", session)
        if follows:
            assert transport.ask(QUERY)[0].num_rows == 1
        else:
            with pytest.raises(ServiceError, match="redirects to another host"):
                transport.ask(QUERY)
    assert len(seen) == 1 + follows
