# Licensed under a 3-clause BSD style license - see LICENSE
"""Verified pages and finished results on disk: whole or absent, checksummed, for many processes.

One folder per service holds one folder per query::

    <service>/limit.json           the row limit that was found
    <service>/<query>/used         the ADQL, for people who look
    <service>/<query>/*.page       verified pages of a call that has not finished
    <service>/<query>/*.parquet    the finished result, named after its SHA-256
    <service>/<query>/result.json  which file that is, and what was counted
    <service>/<query>/*.job        URLs of jobs that run at the service
"""

import errno
import hashlib
import json
import math
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from astropy import log
from astropy.config import paths
from astropy.table import Table
from astroquery.exceptions import InputWarning

from ..config import conf
from ..errors import CFXError, InvalidInputError, OutputError
from ..files import parquet, write_aside
from .binary import ColumnData, Field
from .schema import Key
from .uws import JobBook

_FORMAT = 1  # of the folder; the pages have one of their own
_PAGE_MAGIC = b"astroquery_cfx page 1 "
_DAY = 86_400.0
# Pages of an interrupted call are joined with fresh ones: they must not be old.
_PAGE_DAYS = 1.0
# Another process may be writing or reading files that are younger: seconds.
_HALF_WRITTEN_AGE, _OLD_RESULT_AGE = 3600.0, 60.0
# A result is read again and again: what makes its file smaller makes reading slower.
_PARQUET = {"compression": "none", "use_dictionary": False, "write_statistics": False}
_MAKE_ROOM = "make room there, set conf.cache_folder to another folder, or use cache=False."
# What a folder that is not ours to write in fails with; a full disk, for one, is another matter.
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def cache_folder() -> Path:
    """
    Return where pages and results are kept.

    It is a folder of our own in ``conf.cache_folder`` or astropy's cache, so that clearing it never
    reaches what else a user keeps there.
    """
    parent = Path(conf.cache_folder or paths.get_cache_dir()).expanduser()
    return parent / "astroquery_cfx" / "tap"


def clear_cache(url: str | None = None) -> None:
    """
    Remove the verified pages and results that are kept on disk.

    Parameters
    ----------
    url : str, optional
        Base URL of a TAP service, to remove only what came from there.

    Raises
    ------
    OutputError
        If it cannot be removed.

    Examples
    --------
    >>> from astroquery_cfx.tap import clear_cache
    >>> clear_cache("http://127.0.0.1:8080/tap")
    """
    folder = _service_folder(url) if url else cache_folder()
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"The cache {folder} could not be removed: {error.strerror}.",
            remedy="remove it by hand.",
        ) from error


def open_store(
    url: str, adql: str, uploads: Mapping[str, bytes] | None = None, maxrec: int | None = None
) -> "PageStore | None":
    """Return the store of one query; None, with a warning, where the cache cannot be written."""
    sent = sorted((name, _sha256(content)) for name, content in (uploads or {}).items())
    try:
        service = _service_folder(url)
        folder = service / _name(json.dumps([_FORMAT, adql, sent, maxrec]))
        folder.mkdir(parents=True, exist_ok=True)
        with write_aside(folder / "used") as aside:
            aside.write_text(adql, encoding="utf-8")
    except (OSError, RuntimeError, CFXError) as error:
        cause = error.__cause__
        forbidden = isinstance(cause, OSError) and cause.errno in _FORBIDDEN
        if isinstance(error, OutputError) and not forbidden:
            raise
        warnings.warn(
            f"Nothing is kept on disk: the cache folder cannot be written ({error}). "
            "Set conf.cache_folder to one that can, or use cache=False.",
            InputWarning,
            stacklevel=4,
        )
        return None
    return PageStore(folder, service)


def _service_folder(url: str) -> Path:
    return cache_folder() / _name(url.rstrip("?&/"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _name(text: str) -> str:
    """Return a file name that stands for a text."""
    return _sha256(text.encode())[:24]


@dataclass(frozen=True)
class KeptPage:
    """A verified page, as it is kept on disk."""

    condition: str  # in ADQL: the rows of the query that are on the page
    rows: int
    columns: list[ColumnData]
    sha256: str  # of the columns
    fields: list[Field]
    infos: list[tuple[str, str]]  # name and value of each INFO of the service's answer

    def to_bytes(self) -> bytes:
        """Write a line with the format and a SHA-256, a JSON header, and the raw columns."""
        layouts, parts = [], []
        for data, mask in self.columns:
            layout = {"dtype": data.dtype.str, "shape": data.shape, "masked": mask is not None}
            layouts.append(layout)
            parts.append(data.tobytes())
            if mask is not None:
                parts.append(np.packbits(mask).tobytes())
        fields = [asdict(item) for item in self.fields]
        header = json.dumps({**vars(self), "columns": layouts, "fields": fields}).encode()
        body = len(header).to_bytes(8, "big") + header + b"".join(parts)
        return _PAGE_MAGIC + _sha256(body).encode() + b"\n" + body

    @classmethod
    def from_bytes(cls, content: bytes) -> "KeptPage | None":
        """Read a page; None where the bytes are damaged, or of another format."""
        line, _, body = content.partition(b"\n")
        if line != _PAGE_MAGIC + _sha256(body).encode():
            return None
        position = 8 + int.from_bytes(body[:8], "big")
        header = json.loads(body[8:position])
        columns: list[ColumnData] = []
        for layout in header["columns"]:
            dtype, shape, count = layout["dtype"], layout["shape"], math.prod(layout["shape"])
            data = np.frombuffer(body, dtype, count, position).reshape(shape).copy()
            position += data.nbytes
            mask = None
            if layout["masked"]:
                packed = np.frombuffer(body, "u1", (count + 7) // 8, position)
                position += packed.nbytes
                mask = np.unpackbits(packed, count=count).astype(bool).reshape(shape)
            columns.append((data, mask))
        fields = [Field(**item) for item in header["fields"]]
        infos = [(name, value) for name, value in header["infos"]]
        return cls(header["condition"], header["rows"], columns, header["sha256"], fields, infos)


@dataclass
class PageStore:
    """What is kept of one query."""

    folder: Path  # of the query
    service: Path  # of the service

    def _page_path(self, condition: str, rows: int) -> Path:
        return self.folder / f"{_name(json.dumps([condition, rows]))}.page"

    def save_page(self, page: KeptPage) -> None:
        """Keep a verified page, unless a column holds Python objects."""
        if all(data.dtype.kind in "biufUSc" for data, _ in page.columns):
            self._write(self._page_path(page.condition, page.rows), page.to_bytes())

    def load_page(self, condition: str, rows: int) -> KeptPage | None:
        """Return the page with this condition and number of rows, if it is fresh and undamaged."""
        path = self._page_path(condition, rows)
        if _age(path) > min(conf.cache_days, _PAGE_DAYS) * _DAY:
            return None
        try:
            page = KeptPage.from_bytes(path.read_bytes())
        except OSError:
            return None
        if page is None or (page.condition, page.rows) != (condition, rows):
            _remove(path)
            return None
        return page

    def drop_pages(self) -> None:
        """Remove all pages, and what killed processes left half written."""
        for path in self.folder.glob("[!.]*.page"):  # others are being written by another process
            _remove(path)
        for path in self.folder.glob(".aside-*"):
            if _age(path) > _HALF_WRITTEN_AGE:
                _remove(path)

    def save_result(self, table: Table, counted: tuple, lead: Key | None = None) -> None:
        """
        Keep the finished result; its pages are not needed any more.

        It serves again while the service counts the same along the key `lead`.
        """
        cells = (cell for column in table.itercols() if column.dtype == object for cell in column)
        if any(np.ma.is_masked(cell) for cell in cells if cell is not np.ma.masked):
            log.debug("The result is not kept: Parquet would lose the masks within its arrays.")
            return
        new = self.folder / f"new-{os.getpid()}-{time.time_ns()}.parquet"
        try:
            parquet.write(table, new, **_PARQUET)
            sha256 = _sha256(new.read_bytes())
            final = self.folder / f"{sha256[:24]}.parquet"
            new.replace(final)
        except (InvalidInputError, NotImplementedError) as error:  # a type not for Parquet: complex
            _remove(new)
            log.debug(f"The result is not kept: {error}")
            return
        except OSError as error:
            _remove(new)
            raise OutputError(
                f"The result could not be kept in {self.folder}: {error}.",
                kept="the verified pages, in the cache.",
                remedy=_MAKE_ROOM,
            ) from error
        record = {
            "format": _FORMAT,
            "file": final.name,
            "sha256": sha256,
            "counted": repr(tuple(counted)),
            "saved": time.time(),
            "lead": None if lead is None else asdict(lead),
        }
        self._write(self.folder / "result.json", json.dumps(record).encode())
        for path in self.folder.glob("*.parquet"):
            if path.name != final.name and _age(path) > _OLD_RESULT_AGE:
                _remove(path)
        self.drop_pages()

    def lead(self) -> Key | None:
        """Return the key that the kept result was counted along, if there is one."""
        try:
            return Key(**json.loads((self.folder / "result.json").read_bytes())["lead"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def load_result(self) -> tuple[Table | None, str]:
        """
        Return the finished result and what was counted, as `repr` writes it.

        The result is None where none is kept, or it is too old or damaged.
        """
        try:
            record = json.loads((self.folder / "result.json").read_bytes())
            fresh = 0 <= time.time() - record["saved"] <= conf.cache_days * _DAY
            if record["format"] != _FORMAT or not fresh:
                return None, ""
            path = self.folder / Path(record["file"]).name
            content = path.read_bytes()
            with ThreadPoolExecutor(1) as pool:  # hashed while it is parsed, for speed
                digest = pool.submit(_sha256, content)
                try:
                    table = parquet.read(content)
                except Exception as error:  # noqa: BLE001 - damaged bytes fail in every way there is
                    log.debug(f"A kept result cannot be read: {error}")
                    table = None
            if digest.result() != record["sha256"]:
                _remove(path)
                return None, ""
            return table, record["counted"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""

    def job_book(self) -> JobBook:
        """Return a book of this query's jobs on disk, so that another process can pick them up."""

        def path(name: str) -> Path:
            return self.folder / f"{name}.job"

        def find(name: str) -> str | None:
            try:
                return path(name).read_text(encoding="utf-8")
            except (OSError, ValueError):
                return None

        return JobBook(
            keep=lambda name, url: self._write(path(name), url.encode()),
            find=find,
            drop=lambda name: _remove(path(name)),
        )

    def limit(self) -> int | None:
        """Return the service's row limit that an earlier call found."""
        path = self.service / "limit.json"
        if _age(path) > conf.cache_days * _DAY:
            return None
        try:
            limit = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return limit if isinstance(limit, int) and limit > 0 else None

    def keep_limit(self, limit: int) -> None:
        """Keep the service's row limit."""
        self._write(self.service / "limit.json", json.dumps(int(limit)).encode())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            with write_aside(path) as aside:
                aside.write_bytes(content)
        except OutputError as error:
            raise OutputError(
                error.failed, kept="what was kept in the cache before.", remedy=_MAKE_ROOM
            ) from error


def _age(path: Path) -> float:
    """Return the seconds since a file was written; 0 where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    """Remove a file, unless another process has, or may not let us."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
