# Licensed under a 3-clause BSD style license - see LICENSE
"""Asynchronous queries by plain HTTP, against the Universal Worker Service pattern 1.1."""

import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
import requests
from astropy.table import Table

from astroquery_cfx.archive import Behaviour, EmbeddedArchive

QUERY = "SELECT TOP 3 name FROM csc"
# It compares all triples of 5000 rows, which takes longer than any of these tests.
ENDLESS = "SELECT COUNT(*) FROM csc a, csc b, csc c WHERE a.ra + b.dec * c.ra > a.dec"
NAMESPACE = "{http://www.ivoa.net/xml/UWS/v1.0}"


class Client:
    """A client of a job list that deletes its jobs in the end."""

    def __init__(self, archive):
        self.list = archive.url + "/tap/async"
        self.session = requests.Session()
        self.jobs = []

    def create(self, query=QUERY, **parameters):
        """Create a job and return its URL."""
        created = self.post(self.list, REQUEST="doQuery", LANG="ADQL", QUERY=query, **parameters)
        assert created.status_code == 303
        self.jobs.append(created.headers["Location"])
        return self.jobs[-1]

    def post(self, url, **data):
        return self.session.post(url, data=data, allow_redirects=False, timeout=10)

    def get(self, url, **parameters):
        return self.session.get(url, params=parameters, timeout=70)

    def document(self, url, **parameters):
        return ET.fromstring(self.get(url, **parameters).content)

    def run(self, job, phase="RUN"):
        """Run a job and return the phase that it ends in."""
        self.post(job + "/phase", PHASE=phase)
        return self.wait(job)

    def wait(self, job, phases=("QUEUED", "EXECUTING")):
        for phase in phases:
            self.get(job, WAIT="30", PHASE=phase)
        return self.get(job + "/phase").text

    def listed(self, **parameters):
        """Return the names in the job list."""
        return [job.get("id") for job in self.document(self.list, **parameters)]


@pytest.fixture
def client(kind_archive):
    client = Client(kind_archive)
    yield client
    for job in client.jobs:
        client.session.delete(job, allow_redirects=False, timeout=10)
    client.session.close()


def name_of(job):
    return job.rpartition("/")[2]


def value(document, name):
    """Return the text of an element, None where it is nil."""
    found = document.find(NAMESPACE + name)
    nil = found.get("{http://www.w3.org/2001/XMLSchema-instance}nil")
    return None if nil == "true" else found.text


def moment(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_a_pending_job(client):
    before = datetime.now(UTC)
    job = client.create(RUNID="<mine>", MAXREC="2", COLOUR="red")
    document = client.document(job)
    assert document.tag == NAMESPACE + "job"
    assert document.get("version") == "1.1"
    # In the order of UWS's schema, and nothing between the elements.
    names = (
        "jobId runId ownerId phase quote creationTime startTime endTime executionDuration "
        "destruction parameters results"
    )
    assert [child.tag for child in document] == [NAMESPACE + name for name in names.split()]
    assert "".join(child.tail for child in document).strip() == ""
    assert value(document, "jobId") == name_of(job)
    assert value(document, "runId") == "<mine>"
    assert value(document, "phase") == client.get(job + "/phase").text == "PENDING"
    for name in ("ownerId", "quote", "startTime", "endTime"):
        assert value(document, name) is None
    created, destroyed = (moment(value(document, f"{n}")) for n in ("creationTime", "destruction"))
    assert abs(created - before) < timedelta(seconds=10)
    assert destroyed - created == timedelta(days=7)
    assert value(document, "executionDuration") == "3600"
    parameters = {
        parameter.get("id"): parameter.text for parameter in client.document(job + "/parameters")
    }
    assert parameters == {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": QUERY, "MAXREC": "2"}
    assert client.get(job + "/quote").text == client.get(job + "/owner").text == ""
    assert len(client.document(job + "/results")) == 0
    for missing in ("/results/result", "/error", "/nothing", "/phase/more"):
        assert client.get(job + missing).status_code == 404


def test_a_job_that_completes(client):
    job = client.create(RESPONSEFORMAT="csv")
    assert client.post(job + "/parameters", QUERY=QUERY.replace("3", "4")).status_code == 303
    assert client.run(job) == "COMPLETED"
    document = client.document(job)
    assert moment(value(document, "endTime")) >= moment(value(document, "startTime"))
    (result,) = document.find(NAMESPACE + "results")
    assert result.get("id") == "result"
    assert result.get("mime-type") == "text/csv;header=present"
    assert result.get("{http://www.w3.org/1999/xlink}href") == job + "/results/result"
    found = client.get(job + "/results/result")
    assert len(found.text.splitlines()) == 5
    assert result.get("size") == str(len(found.content))
    assert found.headers["Content-Type"] == "text/csv;header=present"
    assert document.find(NAMESPACE + "errorSummary") is None
    assert client.get(job + "/error").status_code == 404


def test_a_job_that_fails(client):
    job = client.create("SELECT hard_hs FROM csc", PHASE="RUN")
    assert client.wait(job) == "ERROR"
    summary = client.document(job).find(NAMESPACE + "errorSummary")
    assert (summary.get("type"), summary.get("hasDetail")) == ("fatal", "true")
    assert value(summary, "message") == 'column "hard_hs" does not exist'
    error = client.get(job + "/error")
    assert error.status_code == 200
    assert 'value="ERROR"' in error.text
    assert "Query: SELECT hard_hs FROM csc" in error.text
    assert client.get(job + "/results/result").status_code == 404
    wrong = client.create(FORMAT="docx", PHASE="RUN")
    assert client.wait(wrong) == "ERROR"
    assert "format docx is not supported" in client.get(wrong + "/error").text


def test_a_job_that_has_ended_stays_as_it_is(client):
    job = client.create(FORMAT="csv")
    assert client.run(job) == "COMPLETED"
    ended = value(client.document(job), "endTime")
    client.post(job + "/parameters", QUERY=QUERY.replace("3", "4"))
    client.post(job + "/phase", PHASE="ABORT")
    assert client.run(job) == "COMPLETED"
    assert "4" not in client.get(job + "/parameters").text
    assert len(client.get(job + "/results/result").text.splitlines()) == 4
    assert value(client.document(job), "endTime") == ended


def test_a_long_job_can_be_aborted(client):
    job = client.create(ENDLESS, PHASE="RUN")
    assert client.wait(job, ["QUEUED"]) == "EXECUTING"
    assert value(client.document(job), "endTime") is None
    assert client.post(job + "/phase", PHASE="ABORT").status_code == 303
    assert client.get(job + "/phase").text == "ABORTED"
    assert value(client.document(job), "endTime") is not None
    # The query is stopped too: later ones have the processors.
    sync = client.list.replace("async", "sync")
    found = client.get(sync, QUERY="SELECT COUNT(*) FROM csc", FORMAT="csv")
    assert found.text.split() == ["count", "5000"]


def test_a_pending_job_can_be_aborted(client):
    job = client.create()
    assert client.run(job, "ABORT") == "ABORTED"
    assert client.run(job) == "ABORTED"


def test_a_job_is_aborted_after_its_duration(client):
    job = client.create(ENDLESS)
    client.post(job + "/executionduration", EXECUTIONDURATION="1")
    assert client.get(job + "/executionduration").text == "1"
    started = time.monotonic()
    assert client.run(job) == "ABORTED"
    assert 0.8 < time.monotonic() - started < 25


@pytest.mark.parametrize(
    ("asked", "given"), [("12", "12"), ("0", "0"), ("-5", "0"), ("9999999", "86400")]
)
def test_execution_durations(client, asked, given):
    job = client.create()
    assert client.post(job + "/executionduration", EXECUTIONDURATION=asked).status_code == 303
    assert client.get(job + "/executionduration").text == given
    assert client.run(job) == "COMPLETED"


@pytest.mark.parametrize("offset", ["", "Z", "+00:00"])
def test_destruction_times(client, offset):
    job = client.create()
    assert client.post(job + "/destruction", DESTRUCTION=f"2099-01-01T02:03:04{offset}").ok
    assert client.get(job + "/destruction").text == "2099-01-01T02:03:04Z"
    client.post(job + "/destruction", DESTRUCTION=f"2001-01-01T00:00:00{offset}")
    assert client.get(job).status_code == 404
    assert name_of(job) not in client.listed()


def test_destroying_a_job_stops_it(client):
    job = client.create(ENDLESS, PHASE="RUN")
    assert client.wait(job, ["QUEUED"]) == "EXECUTING"
    assert client.session.delete(job, allow_redirects=False, timeout=10).status_code == 303
    assert client.get(job).status_code == 404
    other = client.create()
    assert client.run(other) == "COMPLETED"
    deleted = client.post(other, ACTION="DELETE")
    assert deleted.status_code == 303
    assert deleted.headers["Location"] == client.list
    assert client.get(other).status_code == 404


@pytest.mark.parametrize(
    ("resource", "data", "words"),
    [
        ("/phase", {"PHASE": "SUSPEND"}, "PHASE SUSPEND is not supported"),
        ("/executionduration", {"EXECUTIONDURATION": "long"}, "executionduration long"),
        ("/destruction", {"DESTRUCTION": "soon"}, "destruction soon"),
    ],
)
def test_changes_that_are_refused(client, resource, data, words):
    job = client.create()
    refused = client.post(job + resource, **data)
    assert refused.status_code == 400
    assert words in refused.text
    assert client.run(job) == "COMPLETED"


def test_the_job_list_and_its_filters(client):
    jobs = [client.create(RUNID=f"run {number}") for number in range(3)]
    names = [name_of(job) for job in jobs]
    assert len(set(names)) == 3
    client.run(jobs[1])
    assert client.listed() == names
    assert client.listed(PHASE="completed") == [names[1]]
    assert client.listed(PHASE=["COMPLETED", "PENDING"]) == names
    assert client.listed(PHASE="ERROR") == []
    assert client.listed(LAST="2") == names[:0:-1]
    document = client.document(client.list)
    assert document.tag == NAMESPACE + "jobs"
    assert [value(job, "phase") for job in document] == ["PENDING", "COMPLETED", "PENDING"]
    assert [value(job, "runId") for job in document] == ["run 0", "run 1", "run 2"]
    assert [job.get("{http://www.w3.org/1999/xlink}href") for job in document] == jobs


def test_waiting_for_another_phase(client):
    job = client.create(ENDLESS)
    started = time.monotonic()
    assert value(client.document(job, WAIT="1"), "phase") == "PENDING"
    assert time.monotonic() - started > 0.9
    started = time.monotonic()
    for parameters in (
        {"WAIT": "50", "PHASE": "EXECUTING"},
        {"WAIT": "0"},
        {"WAIT": "soon"},
        {"WAIT": "--5"},
        {"PHASE": "PENDING"},
    ):
        assert value(client.document(job, **parameters), "phase") == "PENDING"
    client.run(job, "ABORT")
    client.get(
        job, WAIT="-1"
    )  # as long as the service likes, which is not at all once it has ended
    assert time.monotonic() - started < 20


def test_a_job_is_not_started_by_the_post_that_creates_it_at_dachs():
    with EmbeddedArchive({"csc": Table({"name": ["a"]})}, behaviour=Behaviour.dachs()) as archive:
        client = Client(archive)
        job = client.create("SELECT name FROM cfx.csc", PHASE="RUN")
        assert client.get(job + "/phase").text == "PENDING"
        assert client.run(job) == "COMPLETED"
        client.session.close()


def test_stopping_the_archive_aborts_its_jobs(every_kind):
    with EmbeddedArchive({"csc": every_kind}) as archive:
        client = Client(archive)
        job = client.create(ENDLESS, PHASE="RUN")
        assert client.wait(job, ["QUEUED"]) == "EXECUTING"
        client.session.close()
        started = time.monotonic()
    assert time.monotonic() - started < 10
