# Licensed under a 3-clause BSD style license - see LICENSE
"""Asynchronous jobs: as an option, as a way out where sync takes too long, picked up again."""

from dataclasses import replace

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


@pytest.fixture(scope="module")
def archive(stars):
    with EmbeddedArchive({"stars": stars}) as running:
        yield running


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
        table = complete_query(service, f"SELECT name, ra FROM {behaviour.table_prefix}stars", page_rows=100)
        service._session.close()
    assert sorted(table["name"]) == sorted(stars["name"])


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
    with pytest.raises(ServiceUnavailableError, match="picked up"):  # unless it is done at the first look
        all(run_job(impatient, QUERY).num_rows for _ in range(50))
    name, url = kept[-1]
    started = []
    patient = replace(
        transport,
        jobs=JobBook(keep=lambda *pair: started.append(pair), find={name: url}.get, drop=lambda _: None),
    )
    answer = run_job(patient, QUERY)
    assert answer.num_rows == 300
    assert started == [(name, url)]


def test_lost_job_is_started_again(transport):
    gone = transport.url + "/async/gone"
    patient = replace(transport, jobs=JobBook(find=lambda _: gone))
    assert run_job(patient, QUERY).num_rows == 300


def test_sync_that_takes_too_long(archive, stars):
    """Sync stalls each time; the fallback is a job."""
    with FaultProxy(archive.url + "/tap") as proxy:
        service = TAPService(proxy.url)
        transport = replace(make_transport(service), retries=4, stall_timeout=0.15, pause=lambda _: None)
        proxy.reset(["stall"] * 2)
        answer, attempts = transport.ask(QUERY, maxrec=1000)
        service._session.close()
    assert answer.num_rows == len(stars)
    assert attempts == 3
