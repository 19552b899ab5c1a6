# Licensed under a 3-clause BSD style license - see LICENSE
"""Queries to a TAP service over HTTP: time-outs, retries, back-off, redirects, uploads.

A failure either lasts (a wrong query, a wrong URL) and is raised at once, or it can pass (a busy
server, a lost connection) and the query is sent again. TAP has no codes for the two: the words of
the service decide.
"""

import email.utils
import io
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pyvo
import requests
import urllib3
from astropy import log
from astropy.table import Table

from ..config import conf
from ..errors import (
    InvalidFileError,
    InvalidInputError,
    OutputError,
    ServiceError,
    ServiceUnavailableError,
)
from ..version import version
from .uws import JobBook, run_job
from .votable import Answer, AnswerReader, hard_limit

Uploads = Mapping[str, bytes] | None  # VOTables by name

# HTTP status codes that say "not now": RFC 9110, RFC 6585 (429), RFC 8470 (425)
_PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_TIMEOUT = r"time.?out|timed out|time limit|took too long"
_TIMEOUT_WORDS = re.compile(_TIMEOUT, re.IGNORECASE)
_PASSING_WORDS = re.compile(
    _TIMEOUT + r"|too many (requests|connections|queries|jobs)|overload|"
    r"temporar|lock|try (again|later)|unavailable|connection (reset|refused|closed|lost)|"
    r"out of memory|(too|server is) busy|shutting down|starting up",
    re.IGNORECASE,
)
_LASTING_WORDS = re.compile(
    r"column|syntax|pars(e|ing)|no such|not exist|unknown|ambiguous|undefined|undeclared|denied|"
    r"permission|not (found|allowed|supported|known)|invalid|expected|reserved|mismatch|"
    r"aggregate|group by|by zero",
    re.IGNORECASE,
)
# An error with none of these words is tried again this often: parallel queries trip some servers.
_DOUBTS = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 120.0  # seconds between tries; the pause doubles each time
_CONNECT_TIMEOUT = 30.0
_MOST_REDIRECTS = 6
_PIECE = 65_536
_SHORT_DOCUMENT = 5_000_000  # bytes of capabilities, phases and messages; real ones have kilobytes


@dataclass
class Transport:
    """
    Queries to one TAP service, sent again while they fail for a reason that can pass.

    Any object with the method `ask` of this class can be given to
    `~astroquery_cfx.tap.complete_query` instead.

    Parameters
    ----------
    url : str
        The service's base URL; queries go to ``url + '/sync'``.
    session : `~requests.Session`
        The session that sends the requests, with its credentials and headers.
    timeout : float
        Seconds that one exchange may take in all.
    stall_timeout : float
        Seconds that the service may stay silent within one.
    retries : int
        How often a query is sent again after a failure that can pass.
    max_bytes : int
        The largest answer accepted, in bytes.
    jobs : JobBook
        The book of asynchronous jobs that were started and not fetched yet.
    job_timeout : float
        Seconds that an asynchronous job may take.
    use_jobs : bool
        Whether all queries are asked by asynchronous jobs, or only those that take the service too
        long otherwise.
    pause : callable
        What waits between tries: a function of the seconds.

    Examples
    --------
    >>> import requests
    >>> from astropy.table import Table
    >>> from astroquery_cfx.archive import EmbeddedArchive
    >>> from astroquery_cfx.tap import Transport
    >>> with (EmbeddedArchive({"stars": Table({"ra": [10.0, 20.0]})}) as archive,
    ...       requests.Session() as session):
    ...     transport = Transport(archive.url + "/tap", session)
    ...     answer, attempts = transport.ask("SELECT ra FROM stars")
    >>> answer.num_rows, attempts
    (2, 1)
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
    pause: Callable[[float], Any] = field(default_factory=lambda: time.sleep, repr=False)

    def ask(
        self, adql: str, *, maxrec: int | None = None, uploads: Uploads = None
    ) -> tuple[Answer, int]:
        """
        Ask one query.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int, optional
            The row limit to ask for (MAXREC); by default the service's own.
        uploads : dict, optional
            Name to the bytes of a VOTable.

        Returns
        -------
        answer : Answer
            The columns, as the service sent them.
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
                if attempt > self.retries:
                    raise ServiceUnavailableError(
                        f"{self.url} did not answer after {attempt} tries: {failure.reason} "
                        f"The query was: {adql}",
                        remedy="try again later; what was verified is not fetched again.",
                    ) from failure
                # A query that timed out twice is asked by a job, if the service has jobs.
                jobs_work = jobs_work and not failure.of_job
                timed_out = use_job or (failure.timed_out and attempt > 1)
                use_job = self.use_jobs or (jobs_work and timed_out)
                wait = failure.retry_after
                if wait is None:  # at random, so that parallel queries do not come back together
                    wait = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
                wait = min(wait, _LONGEST_PAUSE)
                log.debug(f"{self.url}: {failure.reason} Trying again in {wait:.1f} s.")
                self.pause(wait)
        raise AssertionError("unreachable")

    def declared_limit(self) -> int | None:
        """
        Return the row limit that the service's capabilities declare.

        Returns
        -------
        int or None
            The most rows of any answer; None if they declare no limit, or cannot be read.
        """
        try:
            return hard_limit(self.get_bytes(f"{self.url}/capabilities"))
        except (_Passing, OSError, ServiceError, InvalidFileError) as error:
            log.debug(f"{self.url}/capabilities cannot be read: {error}")
            return None

    def _exchange(
        self, adql: str, maxrec: int | None, uploads: Uploads, *, use_job: bool
    ) -> Answer:
        """Send a query once; failures that can pass are raised as `_Passing`."""
        deadline = time.monotonic() + self.timeout
        try:
            if use_job:
                return run_job(self, adql, maxrec, uploads)
            with self._send_query("sync", adql, maxrec, uploads) as response:
                return self._read(response, deadline)
        except ServiceError as error:
            if not use_job or self.use_jobs or isinstance(error, ServiceUnavailableError):
                raise
            reason = f"it was slow, and cannot be asked by a job: {error.failed}"
            raise _Passing(reason, of_job=True) from error
        except OutputError:  # an OSError, too: the job could not be written down
            raise
        except requests.Timeout as error:
            raise _Passing("it stayed silent.", timed_out=True) from error
        except OSError as error:  # requests' own exceptions among them
            cause: BaseException = error
            while inner := cause.__cause__ or cause.__context__:
                cause = inner
            words = f"{type(cause).__name__}: {str(cause)[:200]}"
            raise _Passing(f"the connection failed ({words}).") from error

    def _raise_error(self, answer: Answer, adql: str, attempt: int) -> None:
        """Raise the error that an answer reports, or `_Passing` if it may be gone next time."""
        if answer.status != "ERROR":
            return
        # Without the query, which some services repeat: its words are not theirs.
        words = answer.message.partition("Query:")[0].replace(adql, "")
        passing = answer.late_error or (
            not _LASTING_WORDS.search(words)
            and (attempt <= _DOUBTS or _PASSING_WORDS.search(words))
        )
        if passing and attempt <= self.retries:
            timed_out = bool(_TIMEOUT_WORDS.search(words))
            raise _Passing(f"the service said: {answer.message}", timed_out=timed_out)
        kind = ServiceUnavailableError if passing else ServiceError
        query = "" if adql in answer.message else f" The query was: {adql}"
        raise kind(
            f"{self.url} refused the query: {answer.message}{query}",
            remedy="try again later." if passing else "correct the query.",
        )

    # What jobs are made of. Failures that can pass leave these methods, too, and `ask` tries again.

    def post_query(self, endpoint: str, adql: str, maxrec: int | None, uploads: Uploads) -> str:
        """Send a query to an endpoint, and return the URL that the service redirects to."""
        with self._send_query(endpoint, adql, maxrec, uploads) as response:
            self._check_status(response)
            return response.url.partition("?")[0].rstrip("/")

    def post(self, url: str, data: Mapping[str, str]) -> None:
        """Post a form, and ignore what is returned."""
        with self._send("POST", url, data=data) as response:
            self._check_status(response)

    def get(self, url: str) -> Answer:
        """Get a VOTable."""
        with self._send("GET", url) as response:
            return self._read(response, time.monotonic() + self.timeout)

    def get_bytes(self, url: str) -> bytes:
        """Get a short document."""
        with self._send("GET", url) as response:
            self._check_status(response)
            deadline = time.monotonic() + self.timeout
            return b"".join(_bounded(_pieces(response), _SHORT_DOCUMENT, deadline))

    def get_text(self, url: str) -> str:
        """Get a short text."""
        return self.get_bytes(url).decode("utf-8", "replace")

    def delete(self, url: str) -> None:
        """Delete a resource of the service."""
        with self._send("DELETE", url):
            return

    # One request

    def _send_query(
        self, endpoint: str, adql: str, maxrec: int | None, uploads: Uploads
    ) -> requests.Response:
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

    def _send(self, method: str, url: str, **content: Any) -> requests.Response:
        """Send one request; redirects are followed here, so that no query leaves the host."""
        first = method
        options: dict[str, Any] = {
            "stream": True,
            "allow_redirects": False,
            "headers": {"Accept-Encoding": "identity"},  # an answer that inflates is hard to bound
            "timeout": (min(_CONNECT_TIMEOUT, self.timeout), self.stall_timeout),
        }
        for _ in range(_MOST_REDIRECTS):
            response = self.session.request(method, url, **options, **content)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return response
            target = urljoin(url, response.headers["Location"])
            response.close()
            if not _same_host(url, target):
                if first != "GET":
                    raise ServiceError(
                        f"{url} redirects to another host, {target}: not followed.",
                        remedy="give that URL as the service, if you trust it.",
                    )
                # Many services keep the results of jobs at another host. It gets no credentials,
                # no cookies, and must not redirect again.
                options["headers"] |= {"Connection": "close"}
                session = requests.Session()
                session.headers["User-Agent"] = self.session.headers.get("User-Agent", "")
                session.trust_env = False  # it would send the passwords of ~/.netrc
                return session.get(target, **options)
            url = target
            if response.status_code in (301, 302, 303):  # 307 and 308 repeat the request as it was
                method, content = "GET", {}
        raise ServiceError(f"{url} redirects without end.")

    def _read(self, response: requests.Response, deadline: float) -> Answer:
        reader = AnswerReader()
        try:
            for piece in _bounded(_pieces(response), self.max_bytes, deadline):
                reader.feed(piece)
            answer = reader.close()
        except InvalidFileError as error:
            raise self._failure(response, error.failed) from error
        if answer.status != "ERROR":  # the words of the service say more than the status code
            self._check_status(response)
        return answer

    def _check_status(self, response: requests.Response) -> None:
        if response.status_code >= 400:
            raise self._failure(response, "")

    def _failure(self, response: requests.Response, fault: str) -> Exception:
        """Return what to raise for a status code of an error, or else for a fault of the answer."""
        status = response.status_code
        answered = f"answered HTTP {status} {response.reason}."
        if status >= 400 and status not in _PASSING_STATUS:
            return ServiceError(
                f"{self.url} {answered}",
                remedy="check the URL of the service and your rights to it.",
            )
        retry_after = _retry_after(response.headers.get("Retry-After"))
        return _Passing(f"it {answered}" if status >= 400 else fault, retry_after)


def make_transport(
    service: pyvo.dal.TAPService, session: requests.Session | None = None
) -> Transport:
    """
    Make the transport to a service, with the time-outs of ``conf``.

    pyvo keeps the session of a service to itself: one that bears credentials has to be given here,
    too. By default it is a new one.
    """
    return Transport(
        service.baseurl.rstrip("?&/"),
        session or make_session(),
        timeout=conf.timeout,
        stall_timeout=conf.stall_timeout,
        retries=conf.retries,
        job_timeout=conf.job_timeout,
        use_jobs=conf.use_jobs,
    )


def make_session() -> requests.Session:
    """Make a session whose User-Agent names this package and what it stands on."""
    session = requests.Session()
    session.headers["User-Agent"] = (
        f"astroquery_cfx/{version} pyVO/{pyvo.__version__} {requests.utils.default_user_agent()}"
    )
    return session


def check_uploads(
    uploads: Mapping[str, Table | str | Path | bytes] | None,
) -> dict[str, bytes] | None:
    """Return tables to upload (a Table, path or bytes by name) as VOTables; None where none are."""
    checked = {}
    for name, content in (uploads or {}).items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise InvalidInputError(
                f"{name!r} cannot be the name of an upload.",
                remedy="use letters, digits and underscores.",
            )
        if isinstance(content, Table):
            if len(content) == 0:  # services fail on these in ways of their own
                raise InvalidInputError(
                    f"The upload {name} is an empty table.", remedy="give at least one row."
                )
            out = io.BytesIO()
            content.write(out, format="votable")
            content = out.getvalue()
        elif isinstance(content, str | Path):
            content = Path(content).read_bytes()
        elif not isinstance(content, bytes):
            raise InvalidInputError(
                f"The upload {name} is a {type(content).__name__}.",
                remedy="give a Table, the path of a VOTable, or its bytes.",
            )
        checked[name] = content
    return checked or None


@dataclass(eq=False)
class _Passing(Exception):  # noqa: N818 - caught by `Transport.ask`, and never seen by users
    """A failure that can pass."""

    reason: str
    retry_after: float | None = None  # seconds to wait, where the service says so
    timed_out: bool = False
    of_job: bool = False  # the service has no jobs, or none that can be reached


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes in."""
    raw = response.raw
    if not hasattr(raw, "read1"):  # urllib3 before 2.1
        yield from response.iter_content(4096)
        return
    try:
        # read1 returns what is there; read would wait for a full piece, past the deadline.
        while piece := raw.read1(_PIECE, decode_content=True):
            yield piece
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _bounded(pieces: Iterable[bytes], max_bytes: int, deadline: float) -> Iterator[bytes]:
    """Yield pieces until they are too many bytes, or take too long: then raise."""
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


def _same_host(url: str, target: str) -> bool:
    """Tell whether a redirect stays with scheme, host and port, or only turns to https."""
    here, there = urlsplit(url), urlsplit(target)
    if here.hostname != there.hostname:
        return False
    to_https = (here.scheme, there.scheme) == ("http", "https") and not (here.port or there.port)
    return to_https or (here.scheme, here.port) == (there.scheme, there.port)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds to wait that a Retry-After header asks for, by a number or by a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
