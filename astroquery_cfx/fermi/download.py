# Licensed under a 3-clause BSD style license - see LICENSE
"""A release of the catalogue from the web into the cache: once, resumed where it broke off, checked."""

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import requests
from astropy import log

from ..errors import CFXError, InvalidFileError, ServiceError, ServiceUnavailableError
from ..progress import progress_bar
from .catalog import open_catalog

__all__ = ["fetch_release"]

_CHUNK = 1 << 16
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _BrokenError(Exception):
    """The transfer broke off for a passing reason; what came is kept."""


class _RefusedError(Exception):
    """The server has no such file, or gives something else: the next mirror may have it."""


def fetch_release(session, release, folder, *, cache=True):
    """
    Get the checked file of a release, from the cache or from the web.

    Parameters
    ----------
    session : `~requests.Session`
        To ask with.
    release : `~astroquery_cfx.fermi.releases.Release`
        Which one.
    folder : `~pathlib.Path`
        The cache.
    cache : bool, optional
        False downloads again what is there.

    Returns
    -------
    `~astroquery_cfx.fermi.catalog.CatalogFile`

    Raises
    ------
    ServiceUnavailableError
        If no server gives the file.
    InvalidFileError
        If what every server gives is damaged or something else.
    """
    target = Path(folder) / release.file
    if cache and target.exists():
        try:
            return _checked(target, release)
        except InvalidFileError as error:
            log.warning(f"{error.failed} It is fetched again.")
    return _download(session, release, target)


def _checked(path, release, what=None):
    """Open a file that must be the release as published."""
    catalog = replace(open_catalog(path, what), name=release.file)
    what = what or path
    rows = catalog.sources.header["NAXIS2"]
    if release.sha256 and catalog.sha256 != release.sha256:
        raise InvalidFileError(
            f"{what} is not {release.file} as published: its SHA-256 is {catalog.sha256}.",
            remedy="download it again, or read it with path= if you trust it.",
        )
    if catalog.version != release.version or (release.rows and rows != release.rows):
        raise InvalidFileError(
            f"{what} is not {release.file}: it is version {catalog.version or '(none)'} "
            f"with {rows} rows.",
            remedy="download it again.",
        )
    return catalog


def _download(session, release, target):
    """Try each mirror; keep the file only when it is right."""
    from ..config import conf

    failures = []
    for base in conf.fermi_urls:
        url = f"{base.rstrip('/')}/{release.path}"
        try:
            with _part_file(target) as part:
                catalog = _fetch(session, url, part, target, release)
            log.debug(f"{release.file} was downloaded from {url} to {target}.")
            return catalog
        except (_RefusedError, _BrokenError, InvalidFileError) as error:
            failures.append((url, error))
    raise _failure(release, failures, target)


def _failure(release, failures, target):
    """The error to end in when no mirror served."""
    told = "; ".join(
        f"{url}: {getattr(error, 'failed', str(error)).rstrip('.')}" for url, error in failures
    )
    part = next(iter(sorted(target.parent.glob(f"{target.name}.part*"))), None)
    kept = f"{part.stat().st_size:,} bytes, for the next call to go on from." if part else ""
    remedy = (
        f"call again later, name a mirror in conf.fermi_urls, or give a file: "
        f"get_catalog(path='{release.file}')."
    )
    kinds = {type(error) for _, error in failures}
    if kinds == {InvalidFileError}:
        return InvalidFileError(
            f"{release.file} came damaged or is something else ({told}).", kept=kept, remedy=remedy
        )
    kind = ServiceError if _BrokenError not in kinds else ServiceUnavailableError
    return kind(
        f"{release.file} could not be downloaded ({told or 'conf.fermi_urls is empty'}).",
        kept=kept,
        remedy=remedy,
    )


@contextmanager
def _part_file(target):
    """
    A file to write a download to, for this process alone.

    It takes up what an earlier, broken download left, and leaves what came for
    the next one. Taking is a rename: two processes never write to one file.
    """
    from ..config import conf

    mine = target.with_name(f"{target.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    for left in target.parent.glob(f"{target.name}.part*"):
        try:
            abandoned = (
                left.suffix == ".part"
                or time.time() - left.stat().st_mtime > 2 * conf.stall_timeout
            )
            if abandoned:
                os.replace(left, mine)
                break
        except OSError:  # another process took it
            continue
    try:
        yield mine
    finally:
        if mine.exists():
            os.replace(mine, target.with_name(f"{target.name}.part"))


def _fetch(session, url, part, target, release):
    """Download, going on where it broke off, and once more from the start if it came wrong."""
    from ..config import conf

    came_wrong = False
    for attempt in range(conf.retries + 2):
        try:
            _request(session, url, part, release)
            return _accept(part, target, release)
        except (_BrokenError, InvalidFileError) as error:
            is_wrong = isinstance(error, InvalidFileError)
            if attempt >= conf.retries + came_wrong or (is_wrong and came_wrong):
                raise
            came_wrong |= is_wrong
            log.debug(f"{url}: {error} It is asked for again.")
            time.sleep(min(0.2 * 2**attempt, 10.0))
    raise AssertionError("the loop ends in an answer or an error")


def _request(session, url, part, release):
    """One HTTP exchange."""
    from ..config import conf

    start = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    deadline = time.monotonic() + conf.timeout
    try:
        with session.get(url, headers=headers, stream=True, timeout=conf.stall_timeout) as response:
            if response.status_code == 416:  # all is there, or too much: the check tells
                return
            _require_success(response)
            if not _goes_on(response, start):
                start = 0
            _receive(response, part, start, release, deadline)
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:
        reason = _reason(error)
        raise _BrokenError(
            f"the server does not answer, or the connection broke ({reason})."
        ) from error
    except requests.RequestException as error:
        raise _RefusedError(f"the request failed ({error}).") from error


def _require_success(response):
    if response.status_code in _PASSING:
        raise _BrokenError(f"the server answered {response.status_code} {response.reason}.")
    if response.status_code not in (200, 206):
        raise _RefusedError(f"the server answered {response.status_code} {response.reason}.")


def _goes_on(response, start):
    """Whether the answer begins where the part file ends."""
    given = response.headers.get("Content-Range", "")
    return response.status_code == 206 and given.startswith(f"bytes {start}-")


def _receive(response, part, start, release, deadline):
    """Write the body; one that is shorter than announced is a broken transfer."""
    length = response.headers.get("Content-Length")
    end = start + int(length) if length else release.size
    size = start
    with (
        open(part, "r+b" if start else "wb") as stream,
        progress_bar(end, description=release.file, unit="B") as bar,
    ):
        stream.seek(start)
        bar.update(start)
        for chunk in response.iter_content(_CHUNK):
            stream.write(chunk)
            size += len(chunk)
            bar.update(len(chunk))
            if time.monotonic() > deadline:
                raise _BrokenError("the transfer took longer than conf.timeout.")
    if length and size < end:
        raise _BrokenError(f"the transfer ended after {size:,} of {end:,} bytes.")


def _reason(error):
    """The innermost cause, in a few words."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {error}"


def _accept(part, target, release):
    """Keep a download that is right; throw away one that is not."""
    try:
        catalog = _checked(part, release, "what came")
    except CFXError:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, target)
    return catalog
