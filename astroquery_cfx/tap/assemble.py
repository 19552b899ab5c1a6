# Licensed under a 3-clause BSD style license - see LICENSE
"""Make one table of verified pages, with its certificate.

A column is a pair (data, mask); the mask is None where nothing is masked.
"""

from __future__ import annotations

import hashlib
import platform
import warnings
from datetime import UTC, datetime

import astropy
import numpy as np
import pyvo
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from ..version import version
from .binary import Field

# VOTable asks for VOUnit, but services send what their tables came with: CDS, OGIP (X-rays), FITS.
_UNIT_FORMATS = ("vounit", "cds", "generic", "ogip", "fits")


def digest(columns: list) -> str:
    """Return the SHA-256 of columns: of their values, masks and types."""
    sha = hashlib.sha256()
    for data, mask in columns:
        sha.update(str((data.dtype.kind, data.shape)).encode())
        sha.update(np.ascontiguousarray(_comparable(data)).data)
        sha.update(b"" if mask is None else np.packbits(mask).tobytes())
    return sha.hexdigest()


def join_columns(pages: list[list]) -> list:
    """Join the columns of several pages.

    The pages become views of what is joined, so that no more than one column is held twice.
    """
    if len(pages) == 1:
        return pages[0]
    joined = []
    for i in range(len(pages[0])):
        data, masks = map(list, zip(*(page[i] for page in pages), strict=True))
        if any(part.dtype == object for part in data):
            data = [part.astype(object) for part in data]
        mask = None
        if any(part is not None for part in masks):
            both = zip(data, masks, strict=True)
            mask = np.concatenate([np.zeros(d.shape, bool) if m is None else m for d, m in both])
        joined.append((np.concatenate(data), mask))
        del data, masks
        start = 0
        for page in pages:
            end = start + len(page[i][0])
            page[i] = tuple(None if array is None else array[start:end] for array in joined[-1])
            start = end
    return joined


def key_order(columns: list, key: int | None) -> np.ndarray:
    """Return the order of rows by column `key`, ties by the others: the same in every call."""
    order = np.arange(len(columns[0][0]))
    ties = None  # which rows have the same values as the row before, in the columns so far
    first = [] if key is None else [key]
    for i in first + [i for i in range(len(columns)) if i not in first]:
        data, mask = columns[i]
        if data.ndim != 1:
            continue
        if ties is None:
            values = _comparable(data)
            if mask is None:
                order = np.argsort(values, kind="stable")
            else:  # masked last; what is under the mask does not count
                order = np.lexsort((np.where(mask, values[:1], values), mask))
            ties = _ties(data, mask, order)
        elif ties.any():
            # Sort again within the groups of equal rows only.
            touched = np.flatnonzero(ties | np.append(ties[1:], False))
            rows = order[touched]
            values, keys = _comparable(data[rows]), [np.cumsum(~ties)[touched]]
            if mask is not None:
                values = np.where(mask[rows], values[:1], values)
                keys.insert(0, mask[rows])
            order[touched] = rows[np.lexsort((values, *keys))]
            ties &= _ties(data, mask, order)
    return order


def _ties(data: np.ndarray, mask: np.ndarray | None, order: np.ndarray) -> np.ndarray:
    """Return for each row of the order whether it has the same value as the row before."""
    values = _comparable(data[order])
    same = values[1:] == values[:-1]
    if mask is not None:
        hidden = mask[order]
        same = np.where(hidden[1:] | hidden[:-1], hidden[1:] & hidden[:-1], same)
    return np.concatenate([[False], same])[: len(order)]


def _comparable(data: np.ndarray) -> np.ndarray:
    """Return texts instead of objects (which are texts or arrays): these have an order."""
    if data.dtype != object:
        return data
    return np.array(
        [str(cell.tolist() if hasattr(cell, "tolist") else cell) for cell in data], dtype=str
    )


def take(columns: list, rows: np.ndarray | slice) -> list:
    """Return some rows of columns; masks that hide nothing are dropped."""
    taken = [(data[rows], None if mask is None else mask[rows]) for data, mask in columns]
    return [(data, mask if mask is not None and mask.any() else None) for data, mask in taken]


def parse_unit(text: str | None) -> u.UnitBase | None:
    """Return a unit in whichever of astropy's formats it is; an unknown one keeps its text."""
    if not text:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _UNIT_FORMATS:
            try:
                return u.Unit(text, format=name)
            except (ValueError, TypeError):
                continue
        return u.Unit(text, parse_strict="silent")


def make_table(fields: list[Field], columns: list) -> Table:
    """Make a table; its columns have unit, description, and ucd, utype and xtype in their meta."""
    table = Table()
    for field, (data, mask) in zip(fields, columns, strict=True):
        name, number = field.name, 2
        while name in table.colnames:  # as in pyvo and astropy, a second 'ra' is called 'ra2'
            name, number = f"{field.name}{number}", number + 1
        words = {word: getattr(field, word) for word in ("ucd", "utype", "xtype")}
        settings = {
            "name": name,
            "unit": parse_unit(field.unit),
            "description": field.description or None,
            "meta": {word: value for word, value in words.items() if value},
            "copy": False,
        }
        if mask is None:
            column = Column(data, **settings)
        else:
            column = MaskedColumn(data, mask=mask, **settings)
        table.add_column(column, copy=False)
    return table


def sign(table: Table, request, count: int, fetched: list, notes: list, infos: list) -> None:
    """Put the certificate, of plain values that JSON can hold, into the meta of a table.

    `count` is the number of rows before and after; `notes` say what was proved beyond it, or could
    not be; `infos` are the INFO elements of an answer, by which an archive calls its sky simulated.
    """
    asked = {"maxrec": request.maxrec, "top": request.select.top}
    pages = []
    for item in fetched:
        ranges = item.page.ranges
        low, high = (ranges[0].low, ranges[0].high) if ranges else (None, None)
        pages.append(
            {
                "low": low,
                "high": high,
                "where": item.page.condition,
                "rows": item.page.rows,
                "sha256": item.sha256,
                "attempts": item.attempts,
            }
        )
    table.meta["completeness"] = {
        "service": request.url,
        "adql": request.select.text,
        "rows": len(table),
        "rows_before": count,
        "rows_after": count,
        "complete": len(table) == count,
        **{name: value for name, value in asked.items() if value is not None},
        "pages": pages,
        "notes": notes,
        "retrieved": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "astroquery_cfx": version,
            "astropy": astropy.__version__,
            "numpy": np.__version__,
            "pyvo": pyvo.__version__,
            "python": platform.python_version(),
        },
    }
    if simulated := [value for name, value in infos if name == "simulated"]:
        table.meta["simulated"] = simulated[0]
