# Licensed under a 3-clause BSD style license - see LICENSE
"""Asynchronous jobs: as an option, as a way out where sync takes too long, picked up again."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.table import Table
from fault_proxy import FaultProxy
from pyvo.dal import TAPService

from astroquery_cfx import ServiceError, ServiceUnavailableError, conf
from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.tap import complete_query
from astroquery_cfx.tap.transport import make_transport
from astroquery_cfx.tap.uws import JobBook, run_job

QUERY = "SELECT name, ra FROM stars"


@pytest.fixture(scope="module")
def stars():
    table = Table({"name": [f"s{i}" for i in range(300)], "ra": np.linspace(0, 359, 300)})
    table["name"].meta["ucd"] = "meta.id;meta.main"
    return table


@pytest.fixture
def transport(archive):
    service = TAPService(archive.url + "/tap")
    yield replace(make_transport(service), retries=2, pause=lambda _: None, job_timeout=20.0)
    service._session.close()


@pytest.mark.parametrize("behaviour", [Behaviour.heasarc(), Behaviour.dachs()])
def test_all_by_jobs(stars, behaviour):
    running = EmbeddedArchive({"stars": stars}, behaviour=behaviour)
    with running as archive, conf.set_temp("use_jobs", value=True):
        service = TAPService(archive.url + "/tap")
        table = complete_query(
            service, f"SELECT name, ra FROM {behaviour.table_prefix}stars", page_rows=100
        )
        service._session.close()
    assert sorted(table["name"]) == sorted(stars["name"])


def test_pages_by_jobs_and_questions_at_once(archive, stars):
    with FaultProxy(archive.url + "/tap") as proxy, conf.set_temp("use_jobs", value=True):
        proxy.reset()
        service = TAPService(proxy.url)
        table = complete_query(service, QUERY, page_rows=100)
        service._session.close()
    assert sorted(table["name"]) == sorted(stars["name"])
    assert any("COUNT(*)" in query for query in proxy.queries)
    assert not [query for query in proxy.queries if query.startswith("SELECT TOP")]


def test_error_of_a_job(transport):
    transport = replace(transport, use_jobs=True)
    with pytest.raises(ServiceError, match="nothing_like_it"):
        transport.ask("SELECT nothing_like_it FROM stars")


def test_job_is_picked_up(transport):
    """A call that is interrupted while the job runs leaves its URL; the next call starts no other job."""
    book = JobBook()
    impatient = replace(transport, jobs=book, job_timeout=-1.0)
    kept = []
    impatient.jobs.keep = lambda name, url: kept.append((name, url))
    with pytest.raises(
        ServiceUnavailableError, match="picked up"
    ):  # unless it is done at the first look
        all(run_job(impatient, QUERY).num_rows for _ in range(50))
    name, url = kept[-1]
    started = []
    patient = replace(
        transport,
        jobs=JobBook(
            keep=lambda *pair: started.append(pair), find={name: url}.get, drop=lambda _: None
        ),
    )
    answer = run_job(patient, QUERY)
    assert answer.num_rows == 300
    assert started == []


def test_lost_job_is_started_again(transport):
    gone = transport.url + "/async/gone"
    patient = replace(transport, jobs=JobBook(find=lambda _: gone))
    assert run_job(patient, QUERY).num_rows == 300


def test_sync_again_where_jobs_cannot_be_had(archive, stars):
    """A service that sends jobs to another address than it is asked at: the way out is none, and no error."""
    elsewhere = archive.url.replace("127.0.0.1", "localhost")
    with FaultProxy(elsewhere + "/tap") as proxy:
        service = TAPService(proxy.url)
        transport = replace(
            make_transport(service), retries=4, stall_timeout=0.15, pause=lambda _: None
        )
        proxy.reset(["stall"] * 3)
        answer, attempts = transport.ask(QUERY, maxrec=1000)
        with pytest.raises(ServiceError, match="redirects to another host"):
            replace(transport, use_jobs=True).ask(QUERY, maxrec=1000)
        service._session.close()
    assert answer.num_rows == len(stars)
    assert attempts == 5  # two that stalled, a job, one more that stalled


def test_job_whose_result_is_gone_is_started_again(transport):
    class Forgetful(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.endswith("/phase")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"COMPLETED" if found else b"no such result")

        def log_message(self, *_):
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        job = f"http://127.0.0.1:{server.server_port}/async/1"
        patient = replace(transport, jobs=JobBook(find=lambda _: job))
        assert run_job(patient, QUERY).num_rows == 300
        server.shutdown()
        thread.join()


def test_polls_come_apart_as_the_job_takes_longer(transport, monkeypatch):
    """None waits for more than a tenth of the time that the job has taken, or 0.24 s."""
    clock, pauses = [0.0], []
    monkeypatch.setattr("astroquery_cfx.tap.uws.time.monotonic", lambda: clock[0])

    def pause(seconds):
        pauses.append((clock[0], seconds))
        clock[0] += seconds

    class Running(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"EXECUTING")

        def log_message(self, *_):
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Running) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        book = JobBook(find=lambda _: f"http://127.0.0.1:{server.server_port}/async/1")
        patient = replace(transport, jobs=book, pause=pause, job_timeout=300.0)
        with pytest.raises(ServiceUnavailableError, match="not done after 300 s"):
            run_job(patient, QUERY)
        server.shutdown()
        thread.join()
    assert all(seconds <= max(0.24, 0.12 * at) for at, seconds in pauses)
    assert pauses[-1][1] > 7
    assert len(pauses) < 100


def test_sync_that_takes_too_long(archive, stars):
    """Sync stalls each time; the fallback is a job."""
    with FaultProxy(archive.url + "/tap") as proxy:
        service = TAPService(proxy.url)
        transport = replace(
            make_transport(service), retries=4, stall_timeout=0.15, pause=lambda _: None
        )
        proxy.reset(["stall"] * 2)
        answer, attempts = transport.ask(QUERY, maxrec=1000)
        service._session.close()
    assert answer.num_rows == len(stars)
    assert attempts == 3
