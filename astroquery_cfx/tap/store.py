# Licensed under a 3-clause BSD style license - see LICENSE
"""Verified pages and finished results on disk: whole or absent, checksummed, safe for two processes."""

import errno
import hashlib
import json
import os
import shutil
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from astropy import log
from astropy.config import paths
from astroquery.exceptions import InputWarning

from ..config import conf
from ..errors import CFXError, InvalidInputError, OutputError
from ..files import parquet, write_aside
from .pagefile import pack_page, unpack_page
from .schema import Key
from .uws import JobBook

__all__ = ["PageStore", "cache_folder", "clear_cache", "open_store"]

_FORMAT = 1
_DAY = 86_400.0
# Pages of an interrupted run are joined with fresh ones: they must not be old.
_PAGE_DAYS = 1.0
# A kept result is read again and again: what makes its file smaller makes reading slower.
_SETTINGS = {"compression": "none", "use_dictionary": False, "write_statistics": False}


def cache_folder():
    """
    Where verified pages and results are kept.

    Returns
    -------
    `~pathlib.Path`
        A folder of its own in ``conf.cache_folder``, or in astropy's cache: clearing the cache
        must never reach what else a user keeps there.
    """
    parent = (
        Path(conf.cache_folder).expanduser() if conf.cache_folder else Path(paths.get_cache_dir())
    )
    return parent / "astroquery_cfx" / "tap"


def clear_cache(url=None):
    """
    Remove what is kept on disk.

    Parameters
    ----------
    url : str, optional
        Of one service only.

    Raises
    ------
    OutputError
        If it cannot be removed.

    Examples
    --------
    >>> from astroquery_cfx.tap import clear_cache
    >>> clear_cache("http://127.0.0.1:8080/tap")
    """
    folder = cache_folder() / _name(url.rstrip("?&/")) if url else cache_folder()
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"The cache {folder} could not be removed: {error.strerror}.",
            remedy="remove it by hand.",
        ) from error


def open_store(url, adql, uploads=None, maxrec=None):
    """
    The store of one query.

    Parameters
    ----------
    url, adql : str
    uploads : dict of bytes, optional
    maxrec : int, optional

    Returns
    -------
    PageStore or None
        None, with a warning, where the cache folder cannot be written.
    """
    sent = sorted(
        (name, hashlib.sha256(content).hexdigest()) for name, content in (uploads or {}).items()
    )
    try:
        service = cache_folder() / _name(url.rstrip("?&/"))
        folder = service / _name(json.dumps([_FORMAT, adql, sent, maxrec]))
        folder.mkdir(parents=True, exist_ok=True)
        with write_aside(folder / "used") as aside:
            aside.write_text(adql, encoding="utf-8")
    except (OSError, RuntimeError, CFXError) as error:
        if isinstance(error, OutputError) and not _is_forbidden(error):
            raise
        warnings.warn(
            f"Nothing is kept on disk: the cache folder cannot be written ({error}). "
            "Set conf.cache_folder to one that can, or use cache=False.",
            InputWarning,
            stacklevel=4,
        )
        return None
    return PageStore(folder, service)


def _is_forbidden(error):
    cause = error.__cause__
    forbidden = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
    return isinstance(cause, OSError) and cause.errno in forbidden


def _name(text):
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass
class PageStore:
    """
    What is kept of one query.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Of the query.
    service : `~pathlib.Path`
        Of the service; its row limit is kept here.
    """

    folder: Path
    service: Path

    # --- pages

    def _page_path(self, page):
        return self.folder / f"{_name(json.dumps([page.condition, page.rows]))}.page"

    def save_page(self, fetched, fields, infos):
        """Keep a verified page."""
        packed = pack_page(fetched, fields, infos)
        if packed is not None:
            self._write(self._page_path(fetched.page), packed)

    def load_page(self, page):
        """
        A page that was kept.

        Returns
        -------
        (Fetched, list of Field, list) or None
            None where there is none, or it is old, damaged or of another format; what is damaged is removed.
        """
        path = self._page_path(page)
        try:
            if time.time() - path.stat().st_mtime > min(conf.cache_days, _PAGE_DAYS) * _DAY:
                return None
            found = unpack_page(path.read_bytes(), page)
        except OSError:
            return None
        if found is None:
            _remove(path)
        return found

    def drop_pages(self):
        """Remove all pages, and what killed processes left half written."""
        for path in self.folder.glob("*.page"):
            _remove(path)
        for path in self.folder.glob(".aside-*"):
            if _age(path) > 3600:
                _remove(path)

    # --- the result

    def save_result(self, table, counted, lead=None):
        """
        Keep the finished result as one Parquet file; its pages are not needed any more.

        Parameters
        ----------
        table : `~astropy.table.Table`
        counted : tuple
            What was counted; the result serves again while it is the same.
        lead : Key, optional
            The key that was counted along.
        """
        if any(_hides_elements(column) for column in table.itercols()):
            log.debug(
                "The result is not kept: a Parquet file would lose what is masked within its arrays."
            )
            return
        new = self.folder / f"new-{os.getpid()}-{time.time_ns()}.parquet"
        try:
            parquet.write(table, new, **_SETTINGS)
            content = hashlib.sha256(new.read_bytes()).hexdigest()
            final = self.folder / f"{content[:24]}.parquet"
            new.replace(final)
        except InvalidInputError as error:  # a column of a type that files do not hold
            _remove(new)
            log.debug(f"The result is not kept: {error}")
            return
        except OSError as error:
            _remove(new)
            raise OutputError(
                f"The result could not be kept in {self.folder}: {error}.",
                kept="the verified pages, in the cache.",
                remedy="make room there, set conf.cache_folder to another folder, "
                "or use cache=False.",
            ) from error
        record = {
            "format": _FORMAT,
            "file": final.name,
            "sha256": content,
            "counted": repr(tuple(counted)),
            "saved": time.time(),
            "lead": None if lead is None else asdict(lead),
        }
        self._write(self.folder / "result.json", json.dumps(record).encode())
        for path in self.folder.glob("*.parquet"):
            if path.name != final.name and _age(path) > 60:
                _remove(path)
        self.drop_pages()

    def lead(self):
        """The `Key` that the kept result was counted along; None where nothing is kept."""
        try:
            return Key(**json.loads((self.folder / "result.json").read_bytes())["lead"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def load_result(self):
        """
        The finished result, where it is kept, not too old, and undamaged.

        Returns
        -------
        (`~astropy.table.Table` or None, str)
            With what was counted, as `repr` writes it: it serves where that is the same still.
        """
        try:
            record = json.loads((self.folder / "result.json").read_bytes())
            fresh = 0 <= time.time() - record["saved"] <= conf.cache_days * _DAY
            if record["format"] != _FORMAT or not fresh:
                return None, ""
            path = self.folder / Path(record["file"]).name
            content = path.read_bytes()
            with ThreadPoolExecutor(1) as pool:
                digest = pool.submit(lambda: hashlib.sha256(content).hexdigest())
                table = _read_parquet(content)
            if digest.result() != record["sha256"]:
                _remove(path)
                return None, ""
            return table, record["counted"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""

    # --- jobs that run at the service

    def job_book(self):
        """Jobs of this query, written down so that another process can pick them up."""
        return JobBook(
            self._keep_job, self._find_job, lambda name: _remove(self.folder / f"{name}.job")
        )

    def _keep_job(self, name, url):
        self._write(self.folder / f"{name}.job", url.encode())

    def _find_job(self, name):
        try:
            return (self.folder / f"{name}.job").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    # --- the service's limit

    def limit(self):
        """The row limit that was found before, or None."""
        path = self.service / "limit.json"
        try:
            if _age(path) > conf.cache_days * _DAY:
                return None
            limit = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return limit if isinstance(limit, int) and limit > 0 else None

    def keep_limit(self, limit):
        """Keep the row limit that was found."""
        self._write(self.service / "limit.json", json.dumps(int(limit)).encode())

    def _write(self, path, content):
        try:
            with write_aside(path) as aside:
                aside.write_bytes(content)
        except OutputError as error:
            raise OutputError(
                error.failed,
                kept="what was kept in the cache before.",
                remedy="make room there, set conf.cache_folder to another folder, "
                "or use cache=False.",
            ) from error


def _hides_elements(column):
    cells = column if column.dtype == object else ()
    return any(np.ma.is_masked(cell) for cell in cells if cell is not np.ma.masked)


def _read_parquet(content):
    """The table of a file's bytes; None where they are damaged, which is found out by their SHA-256, too."""
    try:
        return parquet.read(content)
    except Exception as error:  # noqa: BLE001 - parsers fail on damaged bytes in every way there is
        log.debug(f"A kept result cannot be read: {error}")
        return None


def _age(path):
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path):
    """Remove a file, if nobody else has."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
