# Licensed under a 3-clause BSD style license - see LICENSE
"""One query as an asynchronous job (UWS 1.1): started, watched, fetched, picked up again."""

import hashlib
import random
import time

import requests
from astropy import log

from ..errors import ServiceError, ServiceUnavailableError
from .votable import read_answer

__all__ = ["JobBook", "run_job"]

_LIVING = {"PENDING", "QUEUED", "EXECUTING", "COMPLETED", "SUSPENDED", "HELD", "UNKNOWN"}
# Polls are a tenth of the time that a job has taken apart, so that none is noticed much too late.
_SHARE, _FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.2, 10.0


class JobBook:
    """
    URLs of jobs that were started and not fetched yet.

    Parameters
    ----------
    keep, find, drop : callable, optional
        What writes the URL of a query's job down, finds it and forgets it; in memory by default.
    """

    def __init__(self, keep=None, find=None, drop=None):
        own = {}
        self.keep = keep or own.__setitem__
        self.find = find or own.get
        self.drop = drop or (lambda name: own.pop(name, None))


def run_job(transport, adql, maxrec=None, uploads=None):
    """
    Run a query as a job.

    Parameters
    ----------
    transport : Transport
    adql : str
    maxrec : int, optional
    uploads : dict of bytes, optional

    Returns
    -------
    Answer

    Raises
    ------
    ServiceUnavailableError
        If it is not done in time; the job goes on, and the same query picks it up again.
    """
    sent = [hashlib.sha256(content).hexdigest() for _, content in sorted((uploads or {}).items())]
    name = hashlib.sha256(repr((transport.url, adql, maxrec, sent)).encode()).hexdigest()[:24]
    if url := _known_job(transport, name):
        try:
            return _finish(transport, name, url)
        except ServiceError as error:
            if isinstance(error, ServiceUnavailableError):
                raise
            log.debug(f"{url} cannot be picked up: {error}")
            transport.jobs.drop(name)
    url = _start(transport, adql, maxrec, uploads)
    transport.jobs.keep(name, url)
    transport.post(f"{url}/phase", {"PHASE": "RUN"})
    return _finish(transport, name, url)


def _finish(transport, name, url):
    """Wait for a job, get what it gave, and delete it: services that queue jobs then start the next."""
    phase = _wait(transport, url)
    if phase == "COMPLETED":
        answer = transport.get(f"{url}/results/result")
    else:
        answer = _error_of(transport, url, phase)
    transport.jobs.drop(name)
    _delete(transport, url)
    return answer


def _known_job(transport, name):
    """The job of an earlier call, if it is still alive."""
    url = transport.jobs.find(name)
    if not url:
        return None
    try:
        phase = transport.get_text(f"{url}/phase").strip().upper()
    except (ServiceError, requests.RequestException):
        return None
    if phase not in _LIVING:
        return None
    if phase == "PENDING":
        transport.post(f"{url}/phase", {"PHASE": "RUN"})
    log.debug(f"Picking up the job {url}, which is {phase}")
    return url


def _start(transport, adql, maxrec, uploads):
    """Create the job, to be run by a POST of its own: some servers ignore PHASE=RUN in this one."""
    url = transport.post_query("async", adql, maxrec, uploads)
    log.debug(f"Job {url} runs {adql}")
    return url


def _wait(transport, url):
    """Watch a job until it ends; polls that fail are tried again."""
    start, failures = time.monotonic(), 0
    while True:
        try:
            phase = transport.get_text(f"{url}/phase").strip().upper()
            failures = 0
        except (requests.RequestException, ServiceUnavailableError):
            failures += 1
            if failures > transport.retries:
                raise
            phase = ""
        if phase in ("COMPLETED", "ERROR", "ABORTED", "ARCHIVED"):
            return phase
        elapsed = time.monotonic() - start
        if elapsed > transport.job_timeout:
            raise ServiceUnavailableError(
                f"The job {url} is not done after {transport.job_timeout:g} s.",
                kept="the job goes on.",
                remedy="ask the same again later, and the job is picked up; or raise conf.job_timeout.",
            )
        pause = min(max(_SHARE * elapsed, _FIRST_PAUSE), _LONGEST_PAUSE)
        transport.pause(pause * random.uniform(0.8, 1.2))


def _error_of(transport, url, phase):
    """The service's words for a job that failed, as an `Answer` with the status ERROR."""
    body = transport.get_bytes(f"{url}/error")
    if body.lstrip()[:1] == b"<":
        answer = read_answer([body])
    else:
        answer = read_answer([b"<VOTABLE/>"])
        answer.message = body.decode("utf-8", "replace").strip()
    answer.status, answer.message = "ERROR", answer.message or f"the job is {phase}"
    return answer


def _delete(transport, url):
    """Tidy up at the service; if that fails, the job goes when its time comes."""
    try:
        transport.delete(url)
    except (requests.RequestException, ServiceError) as error:
        log.debug(f"{url} could not be deleted: {error}")
