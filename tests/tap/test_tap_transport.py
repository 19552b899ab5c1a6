# Licensed under a 3-clause BSD style license - see LICENSE
"""What is sent to a service, and what its failures lead to: with real HTTP servers."""

import email.utils
import time
from dataclasses import replace
from email.parser import BytesParser
from urllib.parse import parse_qs

import pytest
import requests
from astropy.table import Table
from pyvo.dal import TAPService
from small_server import refusal, serve, votable

from astroquery_cfx import (
    InvalidInputError,
    OutputError,
    ServiceError,
    ServiceUnavailableError,
    conf,
)
from astroquery_cfx.tap import Transport, complete_query
from astroquery_cfx.tap.transport import check_uploads, make_transport
from astroquery_cfx.tap.uws import JobBook

QUERY = "SELECT a FROM t"
WHOLE = 200, {}, votable(7, 8)


@pytest.fixture
def session():
    with requests.Session() as found:
        yield found


def ask(session, *replies, query=QUERY, **settings):
    """Ask a server without jobs that gives one reply after the other, the last one for ever."""
    left, pauses = list(replies), []

    def reply(request):
        if request.path != "/sync":
            return 404, {}, b""
        return left.pop(0) if len(left) > 1 else left[0]

    with serve(reply) as (url, seen):
        transport = Transport(url, session, pause=pauses.append, **settings)
        try:
            return transport.ask(query), pauses, seen
        except ServiceError as error:
            return error, pauses, seen


def in_seconds(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (lambda: "7", 7, 7),
        (lambda: "0", 0, 0),
        (lambda: in_seconds(30), 27, 30),
        (lambda: in_seconds(-30), 0, 0),
        (lambda: "100000", 120, 120),
        (lambda: in_seconds(86_400), 120, 120),
        (lambda: "soon", 0.25, 0.75),  # no time: as if the service had not said any
        (None, 0.25, 0.75),
    ],
    ids=["seconds", "none", "date", "past", "long", "far date", "word", "absent"],
)
def test_service_says_when_to_come_back(session, header, least, most):
    headers = {"Retry-After": header()} if header else {}
    (answer, attempts), pauses, _ = ask(session, (503, headers, b"busy"), WHOLE)
    assert answer.columns[0][0].tolist() == [7, 8]
    assert attempts == 2
    assert len(pauses) == 1
    assert least <= pauses[0] <= most


def test_pauses_grow_and_tries_end(session):
    error, pauses, seen = ask(session, (503, {}, b"busy"), retries=9)
    assert isinstance(error, ServiceUnavailableError)
    assert "after 10 tries" in str(error)
    assert "HTTP 503" in str(error)
    assert QUERY in str(error)
    assert len(seen) == 10
    assert len(pauses) == 9
    steps = [0.5, 1, 2, 4, 8, 16, 32, 64]
    assert all(
        0.5 * step <= pause <= 1.5 * step for pause, step in zip(pauses, steps, strict=False)
    )
    assert max(pauses) <= 120
    assert len({pause / step for pause, step in zip(pauses, steps, strict=False)}) > 1  # at random


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_status_that_can_pass(session, status):
    (_, attempts), _, seen = ask(session, (status, {}, b"<html>down</html>"), WHOLE)
    assert attempts == len(seen) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 501])
def test_status_that_lasts(session, status):
    error, pauses, seen = ask(session, (status, {}, b"<html>no</html>"), WHOLE)
    assert type(error) is ServiceError
    assert f"HTTP {status}" in str(error)
    assert len(seen) == 1
    assert not pauses


@pytest.mark.parametrize("status", [200, 400, 500])
def test_words_of_the_service_come_before_its_status(session, status):
    """Whatever the status is, a VOTable with an error says what is wrong."""
    error, _, seen = ask(session, (status, {}, refusal('column "b" does not exist')))
    assert type(error) is ServiceError
    assert 'column "b" does not exist' in str(error)
    assert f"The query was: {QUERY}" in str(error)
    assert len(seen) == 1


def test_table_with_the_status_of_an_error_is_none(session):
    (answer, attempts), _, _ = ask(session, (500, {}, votable(1)), WHOLE)
    assert answer.columns[0][0].tolist() == [7, 8]
    assert attempts == 2
    error, _, _ = ask(session, (400, {}, votable(1)), WHOLE)
    assert "HTTP 400" in str(error)


@pytest.mark.parametrize("status", [400, 404, 501])
def test_document_with_the_status_of_an_error_is_none(session, status):
    with serve(lambda _: (status, {}, b"text")) as (url, _):
        transport = Transport(url, session)
        for method in (transport.get_bytes, transport.get_text, transport.get):
            with pytest.raises(ServiceError, match=f"HTTP {status}"):
                method(url + "/a")
        with pytest.raises(ServiceError, match=f"HTTP {status}"):
            transport.post(url + "/a", {})
        with pytest.raises(ServiceError, match=f"HTTP {status}"):
            transport.post_query("async", QUERY, None, None)
        transport.delete(url + "/a")  # what cannot be deleted goes in its own time


@pytest.mark.parametrize(
    ("words", "requests_sent", "error"),
    [
        ("syntax error at b", 1, ServiceError),
        ("no such table: lock", 1, ServiceError),  # lasting words weigh more
        ("too many connections", 5, ServiceUnavailableError),
        ("Query timed out", 5, ServiceUnavailableError),
        ("the database is locked", 5, ServiceUnavailableError),
        ("the disk is full", 3, ServiceError),  # nobody knows: twice more, and that is it
    ],
)
def test_words_that_last_pass_or_leave_doubts(session, words, requests_sent, error):
    found, pauses, seen = ask(session, (200, {}, refusal(words)))
    queries = [request for request in seen if request.path == "/sync"]
    jobs = len(seen) - len(queries)  # what times out twice is tried as a job
    assert type(found) is error
    assert words in str(found)
    assert len(pauses) == requests_sent - 1
    assert bool(jobs) == ("timed out" in words)


def test_doubtful_error_is_not_yet_final(session):
    error, _, seen = ask(session, (200, {}, refusal("the disk is full")), retries=1)
    assert isinstance(error, ServiceUnavailableError)
    assert len(seen) == 2


def test_query_that_a_service_repeats_is_not_its_words(session):
    """The query names a column and might be taken for a lasting error about one."""
    query = "SELECT column FROM t WHERE syntax = 1"
    repeated = refusal(f"overload in {query}")
    (_, attempts), _, _ = ask(session, (200, {}, repeated), WHOLE, query=query)
    assert attempts == 2
    (_, attempts), _, _ = ask(session, (200, {}, refusal("overload. Query: column")), WHOLE)
    assert attempts == 2
    for words in (repeated, refusal(f"denied: {query}"), refusal("denied")):
        error, _, _ = ask(session, (200, {}, words), query=query)
        assert str(error).count(query) == 1


def test_error_after_rows_passes(session):
    """Whatever it says: the query was right, for rows came."""
    late = votable(1, 2, after='<INFO name="QUERY_STATUS" value="ERROR">no such column</INFO>')
    (answer, attempts), _, _ = ask(session, (200, {}, late), WHOLE)
    assert attempts == 2
    assert answer.status == "OK"


def test_too_long_answer_is_given_up(session):
    body = votable(*range(1000))
    error, _, _ = ask(session, (200, {}, body), max_bytes=len(body) - 1)
    assert type(error) is ServiceError
    assert f"longer than {len(body) - 1} bytes" in str(error)
    (answer, _), _, _ = ask(session, (200, {}, body), max_bytes=len(body))
    assert answer.num_rows == 1000


def test_trickle_does_not_outlast_the_deadline(session):
    """Never silent for long, never done."""

    def trickle():
        yield votable()[:40]
        for _ in range(500):
            time.sleep(0.02)
            yield b" "

    start = time.monotonic()
    error, _, _ = ask(session, (200, {}, trickle()), timeout=0.2, stall_timeout=5.0, retries=0)
    assert isinstance(error, ServiceUnavailableError)
    assert 0.2 <= time.monotonic() - start < 3


def test_closed_connection_is_named(session):
    url = "http://127.0.0.1:1"
    with pytest.raises(ServiceUnavailableError, match=r"connection failed.*refused"):
        Transport(url, session, retries=0).ask(QUERY)


def test_job_that_cannot_be_written_down(session):
    """A full disk is not a lost connection."""

    def keep(name, url):
        raise OutputError("the disk is full")

    with serve(lambda _: (200, {}, b"")) as (url, seen):
        transport = Transport(url, session, use_jobs=True, jobs=JobBook(keep=keep))
        with pytest.raises(OutputError, match="the disk is full"):
            transport.ask(QUERY)
    assert [request.path for request in seen] == ["/async"]


# -- what is sent


def test_form(session):
    with serve(lambda _: WHOLE) as (url, seen):
        transport = Transport(url, session)
        transport.ask(QUERY, maxrec=5)
        transport.ask(QUERY)
        transport.ask(QUERY, uploads={"mine": b"<VOTABLE/>", "yours": b"<VOTABLE>2</VOTABLE>"})
    first, second, third = seen
    assert {(item.method, item.path) for item in seen} == {("POST", "/sync")}
    form = {"REQUEST": ["doQuery"], "LANG": ["ADQL"], "QUERY": [QUERY]}
    assert parse_qs(first.body.decode()) == form | {"MAXREC": ["5"]}
    assert parse_qs(second.body.decode()) == form
    head = f"Content-Type: {third.headers['Content-Type']}\r\n\r\n".encode()
    parts = {
        part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
        for part in BytesParser().parsebytes(head + third.body).get_payload()
    }
    assert parts["UPLOAD"] == b"mine,param:mine;yours,param:yours"
    assert parts["mine"] == b"<VOTABLE/>"
    assert parts["yours"] == b"<VOTABLE>2</VOTABLE>"


def test_session_that_is_given_sends_the_requests(session):
    """A session with credentials has to be given: pyvo keeps that of a service to itself."""
    session.headers["Authorization"] = "Bearer secret"
    with serve(lambda _: (404, {}, b"")) as (url, seen):
        service = TAPService(url)
        assert make_transport(service, session).session is session
        with pytest.raises(ServiceError, match="HTTP 404"):
            complete_query(service, "SELECT a FROM t", session=session)
        assert {request.headers["Authorization"] for request in seen} == {"Bearer secret"}
        seen.clear()
        with pytest.raises(ServiceError, match="HTTP 404"):
            complete_query(service, "SELECT a FROM t")
    assert not any("Authorization" in request.headers for request in seen)
    assert all(item.headers["User-Agent"].startswith("astroquery_cfx/") for item in seen)


def test_configuration_is_read_at_the_call(session):
    service = TAPService("http://127.0.0.1:1/tap?")
    book = JobBook()
    by_default = replace(make_transport(service, session), jobs=book)
    assert by_default == Transport("http://127.0.0.1:1/tap", session, jobs=book)
    with (
        conf.set_temp("timeout", 11.0),
        conf.set_temp("stall_timeout", 12.0),
        conf.set_temp("retries", 13),
        conf.set_temp("job_timeout", 14.0),
        conf.set_temp("use_jobs", value=True),
    ):
        transport = make_transport(service)
    assert transport.url == "http://127.0.0.1:1/tap"
    assert (transport.timeout, transport.stall_timeout) == (11.0, 12.0)
    assert (transport.retries, transport.job_timeout, transport.use_jobs) == (13, 14.0, True)


# -- the limit that is declared

CAPABILITIES = (
    b"<capabilities><capability><outputLimit><hard unit='row'>%d</hard></outputLimit></capability>"
    b"</capabilities>"
)


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        ((200, {}, CAPABILITIES % 700), 700),
        ((404, {}, CAPABILITIES % 700), None),
        ((503, {}, b"busy"), None),
        ((200, {}, b"<html>hello"), None),
        ((302, {"Location": "/elsewhere/capabilities"}, b""), None),  # without end
        ((200, {}, iter([b" " * 3_000_000] * 3)), None),  # too long
    ],
    ids=["declared", "absent", "busy", "page", "redirects", "long"],
)
def test_declared_limit(session, reply, limit):
    with serve(lambda _: reply) as (url, seen):
        assert Transport(url, session).declared_limit() == limit
    assert seen[0].path == "/capabilities"


def test_declared_limit_of_no_server(session):
    assert Transport("http://127.0.0.1:1", session).declared_limit() is None


# -- uploads


def test_empty_upload_is_refused_before_anything_is_sent():
    with serve(lambda _: WHOLE) as (url, seen):
        for empty in (Table(), Table({"a": []}), Table({"a": [1]})[:0]):
            with pytest.raises(InvalidInputError, match="mine is an empty table"):
                complete_query(TAPService(url), QUERY, uploads={"mine": empty})
    assert seen == []


def test_uploads_become_votables(tmp_path):
    path = tmp_path / "mine.xml"
    path.write_bytes(b"<VOTABLE>from a file</VOTABLE>")
    uploads = {"t1": Table({"a": [5]}), "t2": path, "t3": str(path), "t4": b"<VOTABLE/>"}
    checked = check_uploads(uploads)
    assert list(checked) == list(uploads)
    assert checked["t2"] == checked["t3"] == path.read_bytes()
    assert checked["t4"] == b"<VOTABLE/>"
    (tmp_path / "t1.xml").write_bytes(checked["t1"])
    assert Table.read(tmp_path / "t1.xml", format="votable")["a"].tolist() == [5]
    assert check_uploads(None) is None
    assert check_uploads({}) is None


@pytest.mark.parametrize("name", ["", "1a", "a b", "a;b", "é", "a,param:b"])
def test_names_that_no_upload_can_have(name):
    with pytest.raises(InvalidInputError, match="cannot be the name of an upload"):
        check_uploads({name: b"<VOTABLE/>"})


def test_upload_of_another_kind():
    with pytest.raises(InvalidInputError, match="mine is a list"):
        check_uploads({"mine": [1, 2]})
