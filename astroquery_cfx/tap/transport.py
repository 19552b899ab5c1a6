# Licensed under a 3-clause BSD style license - see LICENSE
"""One query to a TAP service over HTTP: time-outs, retries, back-off; each kind of failure has a name."""

import email.utils
import random
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests
from astropy import log

from ..config import conf
from ..errors import InvalidFileError, ServiceError, ServiceUnavailableError
from .uws import JobBook, run_job
from .votable import AnswerReader, hard_limit

__all__ = ["Transport", "make_transport"]

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING_WORDS = re.compile(
    r"time.?out|timed out|time limit|took too long|too many (requests|connections|queries|jobs)|overload|"
    r"temporar|lock|try (again|later)|unavailable|connection (reset|refused|closed|lost)|out of memory|"
    r"(too|server is) busy|shutting down|starting up",
    re.IGNORECASE,
)
_LASTING_WORDS = re.compile(
    r"column|syntax|pars(e|ing)|no such|not exist|unknown|ambiguous|undefined|undeclared|denied|"
    r"permission|not (found|allowed|supported|known)|invalid|expected|reserved|mismatch|"
    r"aggregate|group by|by zero",
    re.IGNORECASE,
)
_TIMEOUT_WORDS = re.compile(r"time.?out|timed out|time limit|took too long", re.IGNORECASE)
# Errors that do not say what they are, are tried again so often: some servers stumble over parallel queries.
_DOUBTS = 2
_LONGEST_PAUSE = 120.0
_PIECE = 65_536


@dataclass
class Transport:
    """
    Ask one TAP service.

    Parameters
    ----------
    url : str
        The service's base URL; queries go to ``url + '/sync'``.
    session : `~requests.Session`
        What keeps the connections.
    timeout, stall_timeout : float
        Seconds that an exchange may take in all, and that the service may stay silent.
    retries : int
        How often to try again after a failure that can pass.
    max_bytes : int
        An answer longer than this is given up.
    jobs : JobBook
        Asynchronous jobs that were started.
    job_timeout : float
        Seconds that an asynchronous job may take.
    use_jobs : bool
        Ask by asynchronous jobs; else only what takes the service too long otherwise.
    pause : callable
        What waits between tries; `time.sleep`.

    Notes
    -----
    Any callable object with the method `ask` of this class can be given to `complete_query` instead.
    """

    url: str
    session: requests.Session
    timeout: float = 300.0
    stall_timeout: float = 60.0
    retries: int = 4
    max_bytes: int = 2**31
    jobs: JobBook = field(default_factory=JobBook, repr=False)
    job_timeout: float = 3600.0
    use_jobs: bool = False
    pause: object = field(default_factory=lambda: time.sleep, repr=False)

    def ask(self, adql, *, maxrec=None, uploads=None):
        """
        Ask one query, again while it fails for a reason that can pass.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int, optional
            Sent as MAXREC.
        uploads : dict, optional
            Name to VOTable bytes.

        Returns
        -------
        answer : Answer
            The columns, as they came.
        attempts : int
            How many exchanges it took.

        Raises
        ------
        ServiceError
            If the service refuses the query: its words and the ADQL are in the message.
        ServiceUnavailableError
            If no whole answer came, after all retries.
        """
        log.debug(f"TAP query: {adql}")
        use_job, jobs_work = self.use_jobs, True
        for attempt in range(1, self.retries + 2):
            try:
                answer = self._exchange(adql, maxrec, uploads, use_job=use_job)
                self._raise_error(answer, adql, attempt)
                return answer, attempt
            except _Passing as failure:
                jobs_work = jobs_work and not failure.of_job
                use_job = self.use_jobs or (
                    jobs_work and (use_job or (failure.timed_out and attempt > 1))
                )
                if attempt > self.retries:
                    raise ServiceUnavailableError(
                        f"{self.url} did not answer after {attempt} tries: {failure.reason} "
                        f"The query was: {adql}",
                        remedy="try again later; what was verified is not fetched again.",
                    ) from failure
                wait = self._wait_for(attempt, failure)
                log.debug(f"{self.url}: {failure.reason} Trying again in {wait:.1f} s.")
                self.pause(wait)
        raise AssertionError("unreachable")

    def declared_limit(self):
        """
        The number of rows that the service's capabilities say no answer passes.

        Returns
        -------
        int or None
            None where they say nothing, or cannot be had.
        """
        try:
            with self._send("GET", f"{self.url}/capabilities") as response:
                document = b"".join(
                    _bounded(_pieces(response), 5_000_000, time.monotonic() + self.timeout)
                )
                return hard_limit(document) if response.status_code == 200 else None
        except (requests.RequestException, OSError, ServiceError, InvalidFileError) as error:
            log.debug(f"{self.url}/capabilities cannot be had: {error}")
            return None

    def _wait_for(self, attempt, failure):
        if failure.retry_after is not None:
            return min(failure.retry_after, _LONGEST_PAUSE)
        return min(0.5 * 2 ** (attempt - 1) * random.uniform(0.5, 1.5), _LONGEST_PAUSE)

    def _raise_error(self, answer, adql, attempt):
        if answer.status != "ERROR":
            return
        # Without the query, which some services repeat: its words are not theirs.
        words = answer.message.partition("Query:")[0].replace(adql, "")
        passing = answer.late_error or (
            not _LASTING_WORDS.search(words)
            and (attempt <= _DOUBTS or _PASSING_WORDS.search(words))
        )
        if passing and attempt <= self.retries:
            failure = _Passing(f"the service said: {answer.message}")
            failure.timed_out = bool(_TIMEOUT_WORDS.search(words))
            raise failure
        kind = ServiceUnavailableError if passing else ServiceError
        query = (
            "" if adql in answer.message else f" The query was: {adql}"
        )  # some services repeat it
        raise kind(
            f"{self.url} refused the query: {answer.message}{query}",
            remedy="try again later." if passing else "mend the query.",
        )

    def _exchange(self, adql, maxrec, uploads, *, use_job=False):
        deadline = time.monotonic() + self.timeout
        try:
            if use_job:
                return self._exchange_by_job(adql, maxrec, uploads)
            with self._send_query("sync", adql, maxrec, uploads) as response:
                return self._read(response, deadline)
        except requests.Timeout as error:
            failure = _Passing("it stayed silent.")
            failure.timed_out = True
            raise failure from error
        except requests.RequestException as error:
            raise _Passing(f"the connection failed ({_root(error)}).") from error
        except OSError as error:
            raise _Passing(f"the connection failed ({_root(error)}).") from error

    def _exchange_by_job(self, adql, maxrec, uploads):
        try:
            return run_job(self, adql, maxrec, uploads)
        except ServiceError as error:
            if self.use_jobs or isinstance(error, ServiceUnavailableError):
                raise
            failure = _Passing(f"it was slow, and cannot be asked by a job: {error.failed}")
            failure.of_job = True
            raise failure from error

    def _send_query(self, endpoint, adql, maxrec, uploads):
        data, files = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql}, None
        if maxrec is not None:
            data["MAXREC"] = str(maxrec)
        if uploads:
            data["UPLOAD"] = ";".join(f"{name},param:{name}" for name in uploads)
            files = {
                name: (f"{name}.xml", content, "application/x-votable+xml")
                for name, content in uploads.items()
            }
        return self._send("POST", f"{self.url}/{endpoint}", data=data, files=files)

    # --- for jobs

    def post_query(self, endpoint, adql, maxrec, uploads):
        """Send a query, and give the URL that the service redirects to."""
        with self._send_query(endpoint, adql, maxrec, uploads) as response:
            self._check_status(response)
            return response.url.partition("?")[0].rstrip("/")

    def post(self, url, data):
        """Post a form; nothing is expected back."""
        with self._send("POST", url, data=data) as response:
            self._check_status(response)

    def get(self, url):
        """Get an `Answer`."""
        with self._send("GET", url) as response:
            return self._read(response, time.monotonic() + self.timeout)

    def get_bytes(self, url):
        """Get a short document."""
        with self._send("GET", url) as response:
            self._check_status(response)
            return b"".join(_bounded(_pieces(response), 5_000_000, time.monotonic() + self.timeout))

    def get_text(self, url):
        """Get a short text."""
        return self.get_bytes(url).decode("utf-8", "replace")

    def delete(self, url):
        """Delete what is at a URL."""
        with self._send("DELETE", url):
            return

    def _check_status(self, response):
        if response.status_code >= 400:
            raise self._failure(response, None)

    def _send(self, method, url, **content):
        """One request; redirects are followed by hand, so that nothing leaves the host unseen."""
        first = method
        for _ in range(6):
            response = self.session.request(
                method,
                url,
                stream=True,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity"},
                timeout=(min(30.0, self.timeout), self.stall_timeout),
                **content,
            )
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return response
            target = urljoin(url, response.headers["Location"])
            response.close()
            if not _same_host(url, target):
                if method == "GET" and first == "GET":
                    return self._get_elsewhere(target)
                raise ServiceError(
                    f"{url} redirects to another host, {target}: not followed.",
                    remedy="give that URL as the service, if you trust it.",
                )
            url = target
            if response.status_code in (301, 302, 303):
                method, content = "GET", {}
        raise ServiceError(f"{url} redirects without end.")

    def _get_elsewhere(self, url):
        """What the service keeps at another host: without credentials, cookies or more redirects."""
        session = requests.Session()
        session.headers["User-Agent"] = self.session.headers.get("User-Agent", "")
        session.trust_env = False
        return session.get(
            url,
            stream=True,
            allow_redirects=False,
            headers={"Accept-Encoding": "identity", "Connection": "close"},
            timeout=(min(30.0, self.timeout), self.stall_timeout),
        )

    def _read(self, response, deadline):
        reader = AnswerReader()
        try:
            for piece in _bounded(_pieces(response), self.max_bytes, deadline):
                reader.feed(piece)
            answer = reader.close()
        except InvalidFileError as error:
            raise self._failure(response, error) from error
        if response.status_code >= 400 and answer.status != "ERROR":
            raise self._failure(response, None)
        return answer

    def _failure(self, response, error):
        """What an answer that is no whole VOTable means."""
        status = response.status_code
        if status >= 400 and status not in _PASSING:
            return ServiceError(
                f"{self.url} answered HTTP {status} {response.reason}.",
                remedy="check the URL of the service and your rights to it.",
            )
        failure = _Passing(
            f"it answered HTTP {status} {response.reason}." if status >= 400 else error.failed
        )
        failure.retry_after = _retry_after(response.headers.get("Retry-After"))
        return failure


def make_transport(service):
    """
    The transport to a service, with the time-outs of ``conf``.

    Parameters
    ----------
    service : `~pyvo.dal.TAPService`
        Its URL and session are used.

    Returns
    -------
    Transport
    """
    return Transport(
        service.baseurl.rstrip("?&/"),
        service._session,
        timeout=conf.timeout,
        stall_timeout=conf.stall_timeout,
        retries=conf.retries,
        job_timeout=conf.job_timeout,
        use_jobs=conf.use_jobs,
    )


class _Passing(Exception):  # noqa: N818 - never leaves this module
    """A failure that may pass."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason
        self.retry_after = None
        self.timed_out = False
        self.of_job = False


def _pieces(response):
    """The body as it comes in. Read1 gives what is there, so that a trickle cannot outlast the deadline."""
    raw = response.raw
    if not hasattr(raw, "read1"):  # urllib3 1
        yield from response.iter_content(4096)
        return
    import urllib3

    try:
        while piece := raw.read1(_PIECE, decode_content=True):
            yield piece
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _bounded(pieces, max_bytes, deadline):
    """Pieces, as long as they are not too many and do not take too long."""
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise ServiceError(
                f"The answer is longer than {max_bytes} bytes.",
                remedy="ask for fewer columns, or for smaller pages (conf.page_rows).",
            )
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer took too long")
        yield piece


def _same_host(url, target):
    here, there = urlsplit(url), urlsplit(target)
    if here.hostname != there.hostname:
        return False
    return (here.scheme, here.port) == (there.scheme, there.port) or (
        here.scheme == "http"
        and there.scheme == "https"
        and here.port is None
        and there.port is None
    )


def _retry_after(value):
    """Seconds to wait, of a Retry-After header: a number, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _root(error):
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {str(error)[:200]}"
