# Licensed under a 3-clause BSD style license - see LICENSE
"""Asynchronous queries: jobs after the Universal Worker Service pattern."""

import itertools
import secrets
import threading
from datetime import UTC, datetime, timedelta

from .documents import error_document, xml_text
from .sql import QueryError
from .task import Task
from .web import Answer

__all__ = ["Job", "Jobs"]

ACTIVE = {"PENDING", "QUEUED", "EXECUTING"}
_RETENTION = timedelta(days=7)
_MAX_WAIT = 60.0
_JOB_PARAMETERS = (
    "REQUEST",
    "LANG",
    "QUERY",
    "MAXREC",
    "UPLOAD",
    "FORMAT",
    "RESPONSEFORMAT",
    "VERSION",
)


def _job_parameters(parameters):
    return {name: values for name, values in parameters.items() if name in _JOB_PARAMETERS}


def _time_text(moment):
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Job:
    """One query: its parameters, its phase, and in the end its result or its error."""

    def __init__(self, number, parameters, files):
        self.name = f"{number}{secrets.token_hex(4)}"
        self.parameters = _job_parameters(parameters)
        self.run_id = parameters.get("RUNID", [""])[-1]
        self.files = files
        self.phase = "PENDING"
        self.created = datetime.now(UTC)
        self.started = self.ended = None
        self.destruction = self.created + _RETENTION
        self.duration = 3600
        self.result = b""
        self.media_type = ""
        self.error = ""
        self.cursor = None
        self.changed = threading.Condition()

    def set_phase(self, phase):
        """Go to another phase, and wake those who wait for that. What has ended stays ended."""
        with self.changed:
            if self.phase not in ACTIVE:
                return False
            self.phase = phase
            if phase == "EXECUTING":
                self.started = datetime.now(UTC)
            elif phase not in ACTIVE:
                self.ended = datetime.now(UTC)
            self.changed.notify_all()
            return True

    def start(self, service):
        """Run in a thread of its own."""
        with self.changed:
            if self.phase != "PENDING":
                return
            self.phase = "QUEUED"
        threading.Thread(
            target=self._run, args=(service,), name=f"job-{self.name}", daemon=True
        ).start()

    def _run(self, service):
        if not self.set_phase("EXECUTING"):
            return
        limit = threading.Timer(self.duration, self.abort) if self.duration else None
        if limit is not None:
            limit.daemon = True
            limit.start()
        try:
            answer = Task(service, self.parameters, self.files).run(on_start=self._take_cursor)
            self.result = b"".join(answer.pieces)
            self.media_type = answer.content_type
            self.set_phase("COMPLETED")
        except QueryError as error:
            self.error = str(error)
            self.set_phase("ERROR")
        except Exception as error:  # noqa: BLE001  (a job must end in a phase that says so)
            self.error = f"internal error: {error!r}"
            self.set_phase("ERROR")
        finally:
            self.cursor = None
            if limit is not None:
                limit.cancel()

    def _take_cursor(self, cursor):
        self.cursor = cursor

    def abort(self):
        """Stop, if it has not ended."""
        cursor = self.cursor
        if self.set_phase("ABORTED") and cursor is not None:
            cursor.interrupt()

    def wait(self, phase, seconds):
        """Wait until the phase is another one than ``phase``; None for the one it is in."""
        with self.changed:
            phase = phase or self.phase
            if phase in ACTIVE:
                self.changed.wait_for(lambda: self.phase != phase, timeout=min(seconds, _MAX_WAIT))


class Jobs:
    """
    The jobs of a service, as resources.

    Parameters
    ----------
    service : Service
        Answers the queries.
    """

    def __init__(self, service):
        self.service = service
        self._jobs = {}
        self._numbers = itertools.count(1)

    def stop(self):
        """Abort all jobs."""
        for job in list(self._jobs.values()):
            job.abort()

    def answer(self, request, below, url):
        """Answer a request to the job list (``below`` empty) or to something of a job."""
        self._forget_old()
        if not below:
            if request.method == "POST":
                return self._create(request, url)
            return Answer([self._list(request, url)])
        job = self._jobs.get(below[0])
        if job is None:
            return Answer([f"There is no job {below[0]}.\n".encode()], "text/plain", 404)
        here = f"{url}/{job.name}"
        action = request.parameters.get("ACTION", [""])[-1].upper()
        deleted = request.method == "DELETE" or (request.method == "POST" and action == "DELETE")
        if len(below) == 1 and deleted:
            job.abort()
            self._jobs.pop(job.name, None)
            return _see(url)
        if request.method == "POST":
            return self._change(job, request, below[1:], here)
        return self._show(job, request, below[1:], here)

    def _forget_old(self):
        now = datetime.now(UTC)
        for name, job in list(self._jobs.items()):
            if job.destruction < now:
                job.abort()
                self._jobs.pop(name, None)

    def _create(self, request, url):
        job = Job(next(self._numbers), request.parameters, request.files)
        self._jobs[job.name] = job
        wanted = request.parameters.get("PHASE", [""])[-1].upper()
        if wanted == "RUN" and self.service.behaviour.phase_run_in_post:
            job.start(self.service)
        return _see(f"{url}/{job.name}")

    def _change(self, job, request, below, here):
        parameters = request.parameters
        if "PHASE" in parameters:
            phase = parameters["PHASE"][-1].upper()
            if phase == "RUN":
                job.start(self.service)
            elif phase == "ABORT":
                job.abort()
            else:
                return Answer([f"PHASE {phase} is not supported.\n".encode()], "text/plain", 400)
        elif below and below[0] in ("executionduration", "destruction"):
            return _set_limit(job, below[0], parameters, here)
        elif job.phase == "PENDING":
            job.parameters |= _job_parameters(parameters)
            job.files |= request.files
        return _see(here)

    def _show(self, job, request, below, here):
        wait = request.parameters.get("WAIT", ["0"])[-1]
        if not below and wait.lstrip("-").isdigit() and int(wait) != 0:
            job.wait(
                request.parameters.get("PHASE", [""])[-1].upper(),
                float(wait) if int(wait) > 0 else _MAX_WAIT,
            )
        if not below:
            return Answer([job_document(job, here)])
        texts = {
            "phase": job.phase,
            "executionduration": str(job.duration),
            "quote": "",
            "destruction": _time_text(job.destruction),
            "owner": "",
        }
        if below[0] in texts:
            return Answer([texts[below[0]].encode()], "text/plain")
        if below[0] == "parameters":
            return Answer([_document(_parameters(job), "parameters")])
        if below == ["results"]:
            return Answer([_document(_results(job, here), "results")])
        if below == ["results", "result"] and job.phase == "COMPLETED":
            return Answer([job.result], job.media_type)
        if below == ["error"] and job.phase == "ERROR":
            return Answer([error_document(job.error, job.parameters.get("QUERY", [""])[-1])])
        return Answer([b"There is no such thing yet.\n"], "text/plain", 404)

    def _list(self, request, url):
        phases = [phase.upper() for phase in request.parameters.get("PHASE", [])]
        jobs = [job for job in self._jobs.values() if not phases or job.phase in phases]
        if request.parameters.get("LAST", [""])[-1].isdigit():
            jobs = jobs[::-1][: int(request.parameters["LAST"][-1])]
        references = "".join(
            f'  <uws:jobref id="{job.name}" xlink:href="{url}/{job.name}">\n'
            f"    <uws:phase>{job.phase}</uws:phase>\n{_run_id(job)}"
            f"    <uws:creationTime>{_time_text(job.created)}</uws:creationTime>\n  </uws:jobref>\n"
            for job in jobs
        )
        return _document(references, "jobs", version=True)


def _set_limit(job, which, parameters, here):
    value = parameters.get(which.upper(), [""])[-1]
    try:
        if which == "executionduration":
            job.duration = min(max(int(value), 0), 24 * 3600)
        else:
            moment = datetime.fromisoformat(value)
            job.destruction = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return Answer([f"{which} {value} is not understood.\n".encode()], "text/plain", 400)
    return _see(here)


def _see(url):
    return Answer(content_type="", status=303, headers={"Location": url})


def _document(inside, element, *, version=False):
    attribute = ' version="1.1"' if version else ""
    return (
        f'<?xml version="1.0"?>\n<uws:{element} xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f"{attribute}>\n{inside}</uws:{element}>\n"
    ).encode()


def _parameters(job):
    return "".join(
        f'  <uws:parameter id="{name}">{xml_text(value)}</uws:parameter>\n'
        for name, values in job.parameters.items()
        for value in values
    )


def _results(job, here):
    if job.phase != "COMPLETED":
        return ""
    return (
        f'  <uws:result id="result" xlink:href="{here}/results/result" '
        f'mime-type="{job.media_type}" size="{len(job.result)}"/>\n'
    )


def _run_id(job):
    return f"    <uws:runId>{xml_text(job.run_id)}</uws:runId>\n" if job.run_id else ""


def _moment(name, moment):
    if moment is None:
        return f'  <uws:{name} xsi:nil="true"/>\n'
    return f"  <uws:{name}>{_time_text(moment)}</uws:{name}>\n"


def job_document(job, here):
    """All of a job, as UWS writes it."""
    error = ""
    if job.phase == "ERROR":
        error = (
            '  <uws:errorSummary type="fatal" hasDetail="true">\n'
            f"    <uws:message>{xml_text(job.error)}</uws:message>\n  </uws:errorSummary>\n"
        )
    inside = (
        f"  <uws:jobId>{job.name}</uws:jobId>\n{_run_id(job)}"
        f'  <uws:ownerId xsi:nil="true"/>\n  <uws:phase>{job.phase}</uws:phase>\n'
        f'  <uws:quote xsi:nil="true"/>\n{_moment("creationTime", job.created)}'
        f"{_moment('startTime', job.started)}{_moment('endTime', job.ended)}"
        f"  <uws:executionDuration>{job.duration}</uws:executionDuration>\n"
        f"{_moment('destruction', job.destruction)}"
        f"  <uws:parameters>\n{_parameters(job)}  </uws:parameters>\n"
        f"  <uws:results>\n{_results(job, here)}  </uws:results>\n{error}"
    )
    return _document(inside, "job", version=True)
