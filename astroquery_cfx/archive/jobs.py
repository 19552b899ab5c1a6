# Licensed under a 3-clause BSD style license - see LICENSE
"""Queries as jobs, after the Universal Worker Service pattern (UWS 1.1, by its sections)."""

import itertools
import secrets
import threading
from datetime import UTC, datetime, timedelta

import duckdb

from .language import QueryError
from .serialize import error_document, xml_text
from .service import Service
from .web import Request, Response

EXECUTION_DURATION = 3600  # s
RETENTION = timedelta(days=7)
_MAX_DURATION = 24 * 3600  # s
_MAX_WAIT = 60.0  # s; a service may wait for less than was asked (section 2.2.1.2)
_ACTIVE = {"PENDING", "QUEUED", "EXECUTING"}
# fmt: off
_PARAMETERS = {
    "REQUEST", "LANG", "QUERY", "MAXREC", "UPLOAD", "FORMAT", "RESPONSEFORMAT", "VERSION",
}
# fmt: on
_DOCUMENT = (
    '<?xml version="1.0"?>\n<uws:{name} xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{version}>\n{inside}</uws:{name}>\n'
)


class Job:
    """One query (section 2.1.2): its request, its phase, and in the end its result or its error."""

    def __init__(self, name: str, request: Request):
        self.name = name
        self.request = Request("POST", request.path)
        self.add(request)
        self.run_id = request.last("RUNID")
        self.phase = "PENDING"
        self.created = datetime.now(UTC)
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.destruction = self.created + RETENTION
        self.duration = EXECUTION_DURATION
        self.result = b""
        self.media_type = ""
        self.error = ""
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._changed = threading.Condition()

    def add(self, request: Request) -> None:
        """Take over the query's parameters and the files of a request."""
        for name, values in request.parameters.items():
            if name in _PARAMETERS:
                self.request.parameters[name] = values
        self.request.files |= request.files

    def start(self, service: Service) -> None:
        """Run a pending job in a thread of its own."""
        with self._changed:
            if self.phase != "PENDING":
                return
            self.phase = "QUEUED"
        name = f"job-{self.name}"
        threading.Thread(target=self._run, args=(service,), name=name, daemon=True).start()

    def _run(self, service: Service) -> None:
        if not self._go_to("EXECUTING"):
            return
        limit = threading.Timer(self.duration or threading.TIMEOUT_MAX, self.abort)  # 0: no limit
        limit.daemon = True
        limit.start()

        def keep_cursor(cursor: duckdb.DuckDBPyConnection) -> None:
            self._cursor = cursor

        try:
            response = service.respond(self.request, keep_cursor)
            self.result = b"".join(response.pieces)
            self.media_type = response.content_type
            self._go_to("COMPLETED")
        except QueryError as error:
            self.error = str(error)
            self._go_to("ERROR")
        except Exception as error:  # noqa: BLE001  (the job must end in a phase that says so)
            self.error = f"internal error: {error!r}"
            self._go_to("ERROR")
        finally:
            self._cursor = None
            limit.cancel()

    def _go_to(self, phase: str) -> bool:
        """Change the phase and wake those who wait for it. A job that has ended keeps its phase."""
        with self._changed:
            if self.phase not in _ACTIVE:
                return False
            self.phase = phase
            if phase == "EXECUTING":
                self.started = datetime.now(UTC)
            elif phase not in _ACTIVE:
                self.ended = datetime.now(UTC)
            self._changed.notify_all()
            return True

    def abort(self) -> None:
        """Stop the job unless it has ended."""
        cursor = self._cursor
        if self._go_to("ABORTED") and cursor is not None:
            cursor.interrupt()

    def wait(self, phase: str, seconds: float) -> None:
        """Wait until the phase differs from ``phase``, or from the present one if that is ''."""
        with self._changed:
            phase = phase or self.phase
            if phase in _ACTIVE:
                self._changed.wait_for(lambda: self.phase != phase, min(seconds, _MAX_WAIT))


class Jobs:
    """The job list of a service and all resources below it (section 2.2)."""

    def __init__(self, service: Service):
        self.service = service
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        """Abort all jobs."""
        for job in list(self._jobs.values()):
            job.abort()

    def respond(self, request: Request, below: list[str], url: str) -> Response:
        """Answer a request to the job list at ``url``, or to what its path names below that."""
        now = datetime.now(UTC)
        for job in list(self._jobs.values()):
            if job.destruction < now:
                self._destroy(job)
        if not below:
            if request.method != "POST":
                return self._list(request, url)
            name = f"{next(self._numbers)}{secrets.token_hex(4)}"
            job = self._jobs[name] = Job(name, request)
            wanted = request.last("PHASE").upper()
            if wanted == "RUN" and self.service.behaviour.phase_run_in_post:
                job.start(self.service)
            return _see_other(f"{url}/{name}")
        if below[0] not in self._jobs:
            return Response.text(f"There is no job {below[0]}.\n", 404)
        job, resource = self._jobs[below[0]], "/".join(below[1:])
        posts = request.method == "POST"
        deletes = request.method == "DELETE" or (
            posts and request.last("ACTION").upper() == "DELETE"
        )
        if deletes and not resource:
            self._destroy(job)
            return _see_other(url)
        here = f"{url}/{job.name}"
        if posts:
            return self._change(job, request, resource) or _see_other(here)
        return _show(job, request, resource, here)

    def _destroy(self, job: Job) -> None:
        job.abort()
        self._jobs.pop(job.name, None)

    def _change(self, job: Job, request: Request, resource: str) -> Response | None:
        """Change a job as a POST asks (section 2.2.3); return a response only for an error."""
        if "PHASE" in request.parameters:
            phase = request.last("PHASE").upper()
            if phase == "RUN":
                job.start(self.service)
            elif phase == "ABORT":
                job.abort()
            else:
                return Response.text(f"PHASE {phase} is not supported.\n", 400)
        elif resource in ("executionduration", "destruction"):
            value = request.last(resource.upper())
            try:
                if resource == "executionduration":
                    job.duration = min(max(int(value), 0), _MAX_DURATION)
                else:
                    moment = datetime.fromisoformat(value)
                    job.destruction = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            except ValueError:
                return Response.text(f"{resource} {value} is not valid.\n", 400)
        elif job.phase == "PENDING":
            job.add(request)
        return None

    def _list(self, request: Request, url: str) -> Response:
        """Return the job list, filtered by PHASE and LAST (section 2.2.2.1)."""
        phases = [phase.upper() for phase in request.parameters.get("PHASE", [])]
        jobs = [job for job in self._jobs.values() if not phases or job.phase in phases]
        if request.last("LAST").isdigit():
            jobs = jobs[::-1][: int(request.last("LAST"))]
        references = "".join(
            f'  <uws:jobref id="{job.name}" xlink:href="{url}/{job.name}">\n'
            f"{_element('phase', job.phase)}{_run_id(job)}"
            f"{_element('creationTime', _time_text(job.created))}  </uws:jobref>\n"
            for job in jobs
        )
        return _document("jobs", references, version=True)


def _show(job: Job, request: Request, resource: str, here: str) -> Response:
    """Return a job or one of its resources (sections 2.2.1 and 2.2.2)."""
    if not resource:
        wait = request.last("WAIT", "0")
        if wait.lstrip("-").isdigit() and int(wait) != 0:  # a negative WAIT is as long as possible
            seconds = float(wait) if int(wait) > 0 else _MAX_WAIT
            job.wait(request.last("PHASE").upper(), seconds)
        return _document("job", _job_inside(job, here), version=True)
    texts = {
        "phase": job.phase,
        "executionduration": str(job.duration),
        "quote": "",
        "destruction": _time_text(job.destruction) or "",
        "owner": "",
    }
    if resource in texts:
        return Response.text(texts[resource])
    documents = {"parameters": _parameters(job), "results": _results(job, here)}
    if resource in documents:
        return _document(resource, documents[resource])
    if resource == "results/result" and job.phase == "COMPLETED":
        return Response([job.result], job.media_type)
    if resource == "error" and job.phase == "ERROR":
        return Response([error_document(job.error, job.request.last("QUERY"))])
    return Response.text("There is no such thing yet.\n", 404)


def _see_other(url: str) -> Response:
    """Return what UWS asks for after each change: 303, and where to look (section 2.2.3)."""
    return Response(content_type="", status=303, headers={"Location": url})


def _document(name: str, inside: str, *, version: bool = False) -> Response:
    attribute = ' version="1.1"' if version else ""
    return Response([_DOCUMENT.format(name=name, version=attribute, inside=inside).encode()])


def _job_inside(job: Job, here: str) -> str:
    error = ""
    if job.phase == "ERROR":
        error = (
            '  <uws:errorSummary type="fatal" hasDetail="true">\n'
            f"  {_element('message', job.error)}  </uws:errorSummary>\n"
        )
    return (
        f"{_element('jobId', job.name)}{_run_id(job)}{_element('ownerId', None)}"
        f"{_element('phase', job.phase)}{_element('quote', None)}"
        f"{_element('creationTime', _time_text(job.created))}"
        f"{_element('startTime', _time_text(job.started))}"
        f"{_element('endTime', _time_text(job.ended))}"
        f"{_element('executionDuration', str(job.duration))}"
        f"{_element('destruction', _time_text(job.destruction))}"
        f"  <uws:parameters>\n{_parameters(job)}  </uws:parameters>\n"
        f"  <uws:results>\n{_results(job, here)}  </uws:results>\n{error}"
    )


def _parameters(job: Job) -> str:
    return "".join(
        f'  <uws:parameter id="{name}">{xml_text(value)}</uws:parameter>\n'
        for name, values in job.request.parameters.items()
        for value in values
    )


def _results(job: Job, here: str) -> str:
    if job.phase != "COMPLETED":
        return ""
    return (
        f'  <uws:result id="result" xlink:href="{here}/results/result" '
        f'mime-type="{job.media_type}" size="{len(job.result)}"/>\n'
    )


def _run_id(job: Job) -> str:
    return _element("runId", job.run_id) if job.run_id else ""


def _element(name: str, text: str | None) -> str:
    end = ' xsi:nil="true"/>' if text is None else f">{xml_text(text)}</uws:{name}>"
    return f"  <uws:{name}{end}\n"


def _time_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
