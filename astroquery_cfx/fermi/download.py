# Licensed under a 3-clause BSD style license - see LICENSE
"""Download a release into the cache: once, resumed where it broke off, and checked."""

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import requests
from astropy import log

from ..config import conf
from ..errors import InvalidFileError, ServiceError, ServiceUnavailableError
from ..progress import progress_bar
from .catalog import CatalogFile, open_catalog
from .releases import Release

_CHUNK = 1 << 16  # bytes written at a time: what a broken transfer loses at most
# HTTP answers that may be different the next time: timeouts, too many requests, overload.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _BrokenError(Exception):
    """The transfer failed for a passing reason; what was received is kept."""


class _RefusedError(Exception):
    """The server does not have the file; the next mirror may have it."""


def fetch_release(
    session: requests.Session, release: Release, folder: Path, *, cache: bool = True
) -> CatalogFile:
    """Return the checked file of a release from the cache folder, or else from the first mirror.

    Raises `InvalidFileError` if every mirror gives a damaged or another file, and otherwise
    `ServiceError` or `ServiceUnavailableError`. Without ``cache`` it is downloaded again.
    """
    target = Path(folder) / release.file
    if cache and target.exists():
        try:
            return _open_published(target, release)
        except InvalidFileError as error:
            log.warning(f"{error.failed} It is downloaded again.")
    failures = {}
    for mirror in conf.fermi_urls:
        url = f"{mirror.rstrip('/')}/{release.folder}/{release.file}"
        try:
            with _part_file(target) as part:
                catalog = _download(session, url, part, release)
                os.replace(part, target)
            log.debug(f"{release.file} was downloaded from {url} to {target}.")
            return catalog
        except (_RefusedError, _BrokenError, InvalidFileError) as error:
            failures[url] = error
    reasons = "; ".join(
        f"{url}: {getattr(error, 'failed', str(error)).rstrip('.')}"
        for url, error in failures.items()
    )
    parts = sorted(target.parent.glob(f"{target.name}.part*"))
    kept = f"{parts[0].stat().st_size:,} bytes, which the next call resumes." if parts else ""
    remedy = (
        "call again later, name a mirror in conf.fermi_urls, or give a file: "
        f"get_catalog(path='{release.file}')."
    )
    kinds = {type(error) for error in failures.values()}
    failed = f"{release.file} could not be downloaded ({reasons or 'conf.fermi_urls is empty'})."
    if kinds == {InvalidFileError}:
        raise InvalidFileError(failed, kept=kept, remedy=remedy)
    kind = ServiceUnavailableError if _BrokenError in kinds else ServiceError
    raise kind(failed, kept=kept, remedy=remedy)


def _open_published(path, release, label=None) -> CatalogFile:
    """Open a file that must be the release as published."""
    catalog = replace(open_catalog(path, label), name=release.file)
    label, rows = label or path, catalog.sources.header["NAXIS2"]
    if release.sha256 and catalog.sha256 != release.sha256:
        raise InvalidFileError(
            f"{label} is not {release.file} as published: its SHA-256 is {catalog.sha256}.",
            remedy="download it again, or read it with path= if you trust it.",
        )
    if catalog.version != release.version or rows != (release.rows or rows):
        raise InvalidFileError(
            f"{label} is not {release.file}: it is version {catalog.version or '(none)'} "
            f"with {rows} rows.",
            remedy="download it again.",
        )
    return catalog


@contextmanager
def _part_file(target):
    """Give a file for a download to this process alone, with what an earlier download left in it.

    What is in it at the end is left for the next download. Files are taken by renaming them, so two
    processes never write to the same one.
    """
    mine = target.with_name(f"{target.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    for left in target.parent.glob(f"{target.name}.part*"):
        try:
            # A process that still downloads has written within the stall timeout.
            age = time.time() - left.stat().st_mtime
            if left.suffix == ".part" or age > 2 * conf.stall_timeout:
                os.replace(left, mine)
                break
        except OSError:  # another process took it
            continue
    try:
        yield mine
    finally:
        if mine.exists():
            os.replace(mine, target.with_name(f"{target.name}.part"))


def _download(session, url, part, release) -> CatalogFile:
    """Download a file until it is right; a damaged one is downloaded from the start, once."""
    attempt, last, was_damaged = 0, conf.retries, False
    while True:
        try:
            _request(session, url, part, release)
            return _open_published(part, release, "the download")
        except _BrokenError as error:
            if attempt >= last:
                raise
            reason = str(error)
        except InvalidFileError as error:
            part.unlink(missing_ok=True)
            if attempt >= last or was_damaged:
                raise
            reason = error.failed
            last, was_damaged = last + 1, True  # conf.retries are for broken transfers
        log.debug(f"{url}: {reason} It is requested again.")
        time.sleep(min(0.2 * 2**attempt, 10.0))
        attempt += 1


def _request(session, url, part, release) -> None:
    """Send one request for what the part file lacks, and append the answer."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    deadline = time.monotonic() + conf.timeout
    try:
        with session.get(url, headers=headers, stream=True, timeout=conf.stall_timeout) as response:
            code = response.status_code
            if code == 416:  # no bytes are left: whether they are right is checked afterwards
                return
            if code not in (200, 206):
                kind = _BrokenError if code in _PASSING else _RefusedError
                raise kind(f"the server answered {code} {response.reason}.")
            span = response.headers.get("Content-Range", "")
            if code != 206 or not span.startswith(f"bytes {start}-"):
                start = 0  # the answer is the file from its beginning
            _receive(response, part, start, release, deadline)
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:
            cause = inner
        raise _BrokenError(
            "the server does not answer, or the connection broke "
            f"({type(cause).__name__}: {cause})."
        ) from error
    except requests.RequestException as error:
        raise _RefusedError(f"the request failed ({error}).") from error


def _receive(response, part, start, release, deadline) -> None:
    """Write the body of an answer to the part file, from byte ``start``."""
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
