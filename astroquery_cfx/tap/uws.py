# Licensed under a 3-clause BSD style license - see LICENSE
"""One query as an asynchronous job (UWS 1.1): started, watched, fetched, picked up again.

Each function takes the `~astroquery_cfx.tap.Transport` that sends the requests.
"""

import hashlib
import random
import time
from collections.abc import Callable, Mapping

import requests
from astropy import log

from ..errors import ServiceError, ServiceUnavailableError
from .votable import Answer, read_answer

# Phases of UWS 1.1, section 2.1.3. A job of an earlier call is worth picking up in these:
_LIVING = {"PENDING", "QUEUED", "EXECUTING", "COMPLETED", "SUSPENDED", "HELD", "UNKNOWN"}
_ENDED = {"COMPLETED", "ERROR", "ABORTED", "ARCHIVED"}
# A job is asked for its phase after each tenth of the time that it has taken: not too often, and
# its end is noticed at most a tenth too late. Seconds.
_SHARE, _FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.2, 10.0


class JobBook:
    """
    The URLs of jobs that were started and not fetched yet, by a name for the query.

    They are written down, found and forgotten by three functions; by default in memory.
    """

    def __init__(
        self,
        keep: Callable[[str, str], object] | None = None,
        find: Callable[[str], str | None] | None = None,
        drop: Callable[[str], object] | None = None,
    ) -> None:
        urls: dict[str, str] = {}
        self.keep = keep or urls.__setitem__
        self.find = find or urls.get
        self.drop = drop or (lambda name: urls.pop(name, None))


def run_job(
    transport, adql: str, maxrec: int | None = None, uploads: Mapping[str, bytes] | None = None
) -> Answer:
    """
    Run a query as a job, or pick up its job of an earlier call.

    Raise `ServiceUnavailableError` if it is not done in time. The job goes on then.
    """
    sent = [hashlib.sha256(content).hexdigest() for _, content in sorted((uploads or {}).items())]
    name = hashlib.sha256(repr((transport.url, adql, maxrec, sent)).encode()).hexdigest()[:24]
    if url := _living_job(transport, name):
        try:
            return _finish(transport, name, url)
        except ServiceError as error:
            if isinstance(error, ServiceUnavailableError):
                raise
            log.debug(f"{url} cannot be picked up: {error}")
            transport.jobs.drop(name)
    # A request of its own runs the job: some servers ignore PHASE=RUN in the one that creates it.
    url = transport.post_query("async", adql, maxrec, uploads)
    log.debug(f"Job {url} runs {adql}")
    transport.jobs.keep(name, url)
    transport.post(f"{url}/phase", {"PHASE": "RUN"})
    return _finish(transport, name, url)


def _living_job(transport, name: str) -> str | None:
    """Return the URL of the job of an earlier call, if the service still has it."""
    url = transport.jobs.find(name)
    if not url:
        return None
    try:
        phase = _phase(transport, url)
    except (ServiceError, requests.RequestException):
        return None
    if phase not in _LIVING:
        return None
    if phase == "PENDING":  # the earlier call ended between creating and running it
        transport.post(f"{url}/phase", {"PHASE": "RUN"})
    log.debug(f"Picking up the job {url}, which is {phase}")
    return url


def _phase(transport, url: str) -> str:
    return transport.get_text(f"{url}/phase").strip().upper()


def _finish(transport, name: str, url: str) -> Answer:
    """Wait for a job, get its result or error, and delete it, for services queue jobs."""
    phase = _wait(transport, url)
    if phase == "COMPLETED":
        answer = transport.get(f"{url}/results/result")
    else:
        body = transport.get_bytes(f"{url}/error")
        if body.lstrip()[:1] == b"<":
            answer = read_answer([body])
        else:
            answer = Answer(message=body.decode("utf-8", "replace").strip())
        answer.status, answer.message = "ERROR", answer.message or f"the job is {phase}"
    transport.jobs.drop(name)
    try:
        transport.delete(url)
    except (requests.RequestException, ServiceError) as error:  # the service destroys it in time
        log.debug(f"{url} could not be deleted: {error}")
    return answer


def _wait(transport, url: str) -> str:
    """Wait until a job has ended, and return its phase; polls that fail are repeated."""
    start, failures = time.monotonic(), 0
    while True:
        try:
            phase = _phase(transport, url)
            failures = 0
        except (requests.RequestException, ServiceUnavailableError):
            failures += 1
            if failures > transport.retries:
                raise
            phase = ""
        if phase in _ENDED:
            return phase
        elapsed = time.monotonic() - start
        if elapsed > transport.job_timeout:
            raise ServiceUnavailableError(
                f"The job {url} is not done after {transport.job_timeout:g} s.",
                kept="the job goes on.",
                remedy="ask the same again later, and the job is picked up; "
                "or raise conf.job_timeout.",
            )
        pause = min(max(_SHARE * elapsed, _FIRST_PAUSE), _LONGEST_PAUSE)
        transport.pause(pause * random.uniform(0.8, 1.2))
