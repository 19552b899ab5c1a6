# Licensed under a 3-clause BSD style license - see LICENSE
"""Asynchronous jobs: as an option, as a way out where sync takes too long, picked up again."""

from dataclasses import replace

import numpy as np
import pytest
import requests
from astropy.table import Table
from fault_proxy import FaultProxy
from pyvo.dal import TAPService
from small_server import refusal, serve, votable

from astroquery_cfx import ServiceError, ServiceUnavailableError, conf
from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.tap import complete_query
from astroquery_cfx.tap.transport import Transport, make_transport
from astroquery_cfx.tap.uws import JobBook, run_job

QUERY = "SELECT name, ra FROM stars"


@pytest.fixture(scope="module")
def stars():
    table = Table({"name": [f"s{i}" for i in range(300)], "ra": np.linspace(0, 359, 300)})
    table["name"].meta["ucd"] = "meta.id;meta.main"
    return table


@pytest.fixture
def session():
    with requests.Session() as found:
        yield found


@pytest.fixture
def transport(archive, session):
    service = TAPService(archive.url + "/tap")
    settings = {"retries": 2, "pause": lambda _: None, "job_timeout": 20.0}
    return replace(make_transport(service, session), **settings)


@pytest.mark.parametrize("behaviour", [Behaviour.heasarc(), Behaviour.dachs()])
def test_all_by_jobs(stars, behaviour):
    running = EmbeddedArchive({"stars": stars}, behaviour=behaviour)
    with running as archive, conf.set_temp("use_jobs", value=True):
        service = TAPService(archive.url + "/tap")
        query = f"SELECT name, ra FROM {behaviour.table_prefix}stars"
        table = complete_query(service, query, page_rows=100)
    assert sorted(table["name"]) == sorted(stars["name"])


def test_pages_by_jobs_and_questions_at_once(archive, stars):
    with FaultProxy(archive.url + "/tap") as proxy, conf.set_temp("use_jobs", value=True):
        proxy.reset()
        table = complete_query(TAPService(proxy.url), QUERY, page_rows=100)
    assert sorted(table["name"]) == sorted(stars["name"])
    assert any("COUNT(*)" in query for query in proxy.queries)
    assert not [query for query in proxy.queries if query.startswith("SELECT TOP")]


def test_error_of_a_job(transport):
    transport = replace(transport, use_jobs=True)
    with pytest.raises(ServiceError, match="nothing_like_it"):
        transport.ask("SELECT nothing_like_it FROM stars")


def test_lost_job_is_started_again(transport):
    gone = transport.url + "/async/gone"
    patient = replace(transport, jobs=JobBook(find=lambda _: gone))
    assert run_job(patient, QUERY).num_rows == 300


def test_sync_again_where_jobs_cannot_be_had(archive, stars, session):
    """A service that sends jobs to another address than it is asked at has none for us."""
    elsewhere = archive.url.replace("127.0.0.1", "localhost")
    with FaultProxy(elsewhere + "/tap") as proxy:
        settings = {"retries": 4, "stall_timeout": 0.15, "pause": lambda _: None}
        transport = Transport(proxy.url, session, **settings)
        proxy.reset(["stall"] * 3)
        answer, attempts = transport.ask(QUERY, maxrec=1000)
        with pytest.raises(ServiceError, match="redirects to another host"):
            replace(transport, use_jobs=True).ask(QUERY, maxrec=1000)
    assert answer.num_rows == len(stars)
    assert attempts == 5  # two that stalled, a job, one more that stalled


def test_sync_that_takes_too_long(archive, stars, session):
    """Sync stalls twice: then a job is tried, and works."""
    with FaultProxy(archive.url + "/tap") as proxy:
        settings = {"retries": 4, "stall_timeout": 0.15, "pause": lambda _: None}
        transport = Transport(proxy.url, session, **settings)
        proxy.reset(["stall"] * 2)
        answer, attempts = transport.ask(QUERY, maxrec=1000)
    assert answer.num_rows == len(stars)
    assert attempts == 3


# -- step by step, with a service that is only its jobs


def job_service(*phases, error=b""):
    """A service with one job; each look at it finds the next phase, or is hung up on for None."""
    left = list(phases)

    def reply(request):
        if request.path == "/async":
            return 303, {"Location": "/async/1"}, b""
        if request.path == "/async/1/phase" and request.method == "GET":
            phase = left.pop(0) if len(left) > 1 else left[0]
            return (200, {}, phase.encode()) if phase else (200, {"Content-Length": "9"}, iter(()))
        bodies = {"/async/1/results/result": votable(5), "/async/1/error": error}
        return 200, {}, bodies.get(request.path, b"")

    return serve(reply)


def asked(seen):
    return [f"{request.method} {request.path.removeprefix('/async/1')}" for request in seen]


def test_steps_of_a_job(session):
    """Created, run, watched, fetched and deleted."""
    book = JobBook()
    with job_service("QUEUED", "executing \n", "COMPLETED") as (url, seen):
        transport = Transport(url, session, pause=lambda _: None, jobs=book)
        answer = run_job(transport, QUERY, 10)
    assert answer.columns[0][0].tolist() == [5]
    steps = ["POST /async", "GET ", "POST /phase", *["GET /phase"] * 3]
    assert asked(seen) == [*steps, "GET /results/result", "DELETE "]
    assert b"MAXREC=10" in seen[0].body
    assert seen[2].body == b"PHASE=RUN"
    with job_service("COMPLETED") as (url, seen):
        run_job(replace(transport, url=url), QUERY, 10)
    assert asked(seen)[0] == "POST /async"  # the first job was forgotten


def test_job_is_picked_up(session):
    """A call that loses its patience leaves the URL of its job; the next one starts no other."""
    with job_service("EXECUTING", "EXECUTING", "EXECUTING", "COMPLETED") as (url, seen):
        transport = Transport(url, session, pause=lambda _: None)
        with pytest.raises(ServiceUnavailableError, match="picked up"):
            run_job(replace(transport, job_timeout=-1.0), QUERY)
        assert run_job(transport, QUERY).num_rows == 1
    assert asked(seen).count("POST /async") == 1


@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        ("PENDING", ["GET /phase", "POST /phase"]),  # created and never run
        ("QUEUED", ["GET /phase"]),
        ("EXECUTING", ["GET /phase"]),
        ("SUSPENDED", ["GET /phase"]),
        ("HELD", ["GET /phase"]),
        ("UNKNOWN", ["GET /phase"]),
        ("COMPLETED", ["GET /phase"]),
        ("ERROR", ["GET /phase", "POST /async", "GET ", "POST /phase"]),
        ("ABORTED", ["GET /phase", "POST /async", "GET ", "POST /phase"]),
        ("ARCHIVED", ["GET /phase", "POST /async", "GET ", "POST /phase"]),
        ("<html>", ["GET /phase", "POST /async", "GET ", "POST /phase"]),
    ],
)
def test_job_that_was_started_before(session, phase, steps):
    with job_service(phase, "COMPLETED") as (url, seen):
        book = JobBook(find=lambda _: url + "/async/1")
        transport = Transport(url, session, pause=lambda _: None, jobs=book)
        assert run_job(transport, QUERY).num_rows == 1
    assert asked(seen) == [*steps, "GET /phase", "GET /results/result", "DELETE "]


def test_each_query_has_a_job_of_its_own(session):
    names = []
    book = JobBook(keep=lambda name, _: names.append(name))
    with job_service("COMPLETED") as (url, _):
        transport = Transport(url, session, jobs=book)
        for query in (("a",), ("b",), ("a", 5), ("a", 5, {"x": b"1"}), ("a", 5, {"x": b"2"})):
            run_job(transport, *query)
        assert len(set(names)) == 5
        run_job(transport, "a", 5, {"x": b"2"})
    assert len(set(names)) == 5


@pytest.mark.parametrize("phase", ["ERROR", "ABORTED", "ARCHIVED"])
@pytest.mark.parametrize(
    ("error", "words"),
    [(refusal("too hot"), "too hot"), (b"too cold\n", "too cold"), (b"", "the job is")],
    ids=["votable", "text", "silent"],
)
def test_words_of_a_job_that_failed(session, phase, error, words):
    with job_service(phase, error=error) as (url, seen):
        answer = run_job(Transport(url, session), QUERY)
    assert answer.status == "ERROR"
    assert answer.message == (f"{words} {phase}" if words == "the job is" else words)
    assert asked(seen)[-1] == "DELETE "


def test_job_whose_result_is_gone_is_started_again(transport):
    def reply(request):
        found = request.path.endswith("/phase")
        return 200 if found else 404, {}, b"COMPLETED" if found else b"no such result"

    with serve(reply) as (url, _):
        dropped = []
        book = JobBook(find=lambda _: f"{url}/async/1", drop=dropped.append)
        assert run_job(replace(transport, jobs=book), QUERY).num_rows == 300
    assert len(dropped) == 2  # the one that was lost, and its successor when it was done


def test_job_that_cannot_be_deleted(session):
    """What was fetched counts."""

    def reply(request):
        if request.method == "DELETE":
            return 302, {"Location": "http://127.0.0.1:9/"}, b""
        if request.path.endswith("/phase"):
            return 200, {}, b"COMPLETED"
        return 200, {}, votable(5)

    with serve(reply) as (url, seen):
        assert run_job(Transport(url, session), QUERY).num_rows == 1
    assert seen[-1].method == "DELETE"


def test_polls_that_fail_are_repeated(session):
    """A lost connection at a poll is not the end of the job, unless it is lost again and again."""
    failures = [None, None, "EXECUTING", None, None, "COMPLETED"]
    with job_service(*failures) as (url, seen):
        transport = Transport(url, session, pause=lambda _: None, retries=2)
        assert run_job(transport, QUERY).num_rows == 1
    assert asked(seen).count("GET /phase") == 6
    with job_service(None, None, None, "COMPLETED") as (url, seen):
        transport = replace(transport, url=url)
        with pytest.raises(requests.ConnectionError):
            run_job(transport, QUERY)
    assert asked(seen).count("GET /phase") == 3


def test_polls_come_apart_as_the_job_takes_longer(transport, monkeypatch):
    """None waits for more than a tenth of the time that the job has taken, or 0.24 s."""
    clock, pauses = [0.0], []
    monkeypatch.setattr("astroquery_cfx.tap.uws.time.monotonic", lambda: clock[0])

    def pause(seconds):
        pauses.append((clock[0], seconds))
        clock[0] += seconds

    with serve(lambda _: (200, {}, b"EXECUTING")) as (url, _):
        book = JobBook(find=lambda _: f"{url}/async/1")
        patient = replace(transport, jobs=book, pause=pause, job_timeout=300.0)
        with pytest.raises(ServiceUnavailableError, match="not done after 300 s"):
            run_job(patient, QUERY)
    assert all(seconds <= max(0.24, 0.12 * at) for at, seconds in pauses)
    assert pauses[-1][1] > 7
    assert max(seconds for _, seconds in pauses) <= 12
    assert len(pauses) < 100
