# Licensed under a 3-clause BSD style license - see LICENSE
"""Verified pages to one table: order, masks, units, descriptions, UCDs."""

import hashlib
import warnings

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

__all__ = ["digest", "join_columns", "key_order", "make_table", "parse_unit", "take"]

_UNIT_FORMATS = ("vounit", "cds", "generic", "ogip", "fits")


def digest(columns):
    """SHA-256 of columns: of values, masks and types."""
    sha = hashlib.sha256()
    for data, mask in columns:
        sha.update(str((data.dtype.kind, data.shape)).encode())
        sha.update(np.ascontiguousarray(_plain(data)))
        sha.update(b"" if mask is None else np.packbits(mask).tobytes())
    return sha.hexdigest()


def join_columns(pages):
    """
    Join the same column of several pages.

    Parameters
    ----------
    pages : list of list of (data, mask)
        Become views of what is joined, so that no more than one column is held twice.

    Returns
    -------
    list of (data, mask)
    """
    joined = []
    for i in range(len(pages[0]) if pages else 0):
        parts = [page[i] for page in pages]
        joined.append(parts[0] if len(parts) == 1 else _join(parts))
        del parts
        start = 0
        for page in pages:
            end = start + len(page[i][0])
            page[i] = tuple(None if array is None else array[start:end] for array in joined[-1])
            start = end
    return joined


def _join(parts):
    data, masks = [part for part, _ in parts], [mask for _, mask in parts]
    if any(part.dtype == object for part in data):
        data = [part.astype(object) for part in data]
    mask = None
    if any(m is not None for m in masks):
        mask = np.concatenate(
            [np.zeros(d.shape, bool) if m is None else m for d, m in zip(data, masks, strict=True)]
        )
    return np.concatenate(data), mask


def key_order(columns, key):
    """
    The order of rows by a key, ties by the other columns, so that it is the same each time.

    Parameters
    ----------
    columns : list of (data, mask)
    key : int or None
        Which column comes first.

    Returns
    -------
    `~numpy.ndarray` of int
    """
    first = [] if key is None else [key]
    order = None
    for i in first + [i for i in range(len(columns)) if i not in first]:
        data, mask = columns[i]
        if data.ndim != 1:
            continue
        if order is None:
            order = _argsort(data, mask)
            ties = _tied(data, mask, order)
        elif ties.any():
            order, ties = _break_ties(order, ties, data, mask)
    return np.arange(len(columns[0][0])) if order is None else order


def _argsort(data, mask):
    values = _plain(data)
    if mask is None:
        return np.argsort(values, kind="stable")
    return np.lexsort((np.where(mask, values[:1], values), mask))


def _tied(data, mask, order):
    """Whether each row of the order has the same key as the row before."""
    values = _plain(data[order])
    same = values[1:] == values[:-1]
    if mask is not None:
        hidden = mask[order]
        same = np.where(hidden[1:] | hidden[:-1], hidden[1:] & hidden[:-1], same)
    return np.concatenate([[False], same.astype(bool)]) if len(values) else np.zeros(0, bool)


def _break_ties(order, ties, data, mask):
    group = np.cumsum(~ties)
    touched = np.flatnonzero(ties | np.append(ties[1:], False))
    rows = order[touched]
    values = _plain(data[rows])
    keys = [group[touched]]
    if mask is not None:
        hidden = mask[rows]
        values = np.where(hidden, values[:1], values)
        keys.insert(0, hidden)
    resorted = np.lexsort((values, *keys))
    order = order.copy()
    order[touched] = rows[resorted]
    still = _tied(data, mask, order) & ties
    return order, still


def _plain(data):
    """Objects, which are texts or arrays, as texts: these can be compared and put in order."""
    if data.dtype != object:
        return data
    return np.array(
        [str(cell.tolist() if hasattr(cell, "tolist") else cell) for cell in data], dtype=str
    )


def take(columns, rows):
    """Rows of columns; masks that hide nothing are dropped."""
    taken = [(data[rows], None if mask is None else mask[rows]) for data, mask in columns]
    return [(data, mask if mask is not None and mask.any() else None) for data, mask in taken]


def parse_unit(text):
    """
    A unit of a VOTable, in whichever of astropy's formats it is written.

    Parameters
    ----------
    text : str or None

    Returns
    -------
    `~astropy.units.UnitBase` or None
        An unrecognized unit keeps its text.
    """
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


def make_table(fields, columns):
    """
    Make the table.

    Parameters
    ----------
    fields : list of Field
    columns : list of (data, mask)

    Returns
    -------
    `~astropy.table.Table`
        Columns with unit, description, and ``meta`` with ucd, utype and xtype where they are given.
    """
    table, names = Table(), []
    for field, (data, mask) in zip(fields, columns, strict=True):
        name = _unused(field.name, names)
        names.append(name)
        meta = {
            word: getattr(field, word) for word in ("ucd", "utype", "xtype") if getattr(field, word)
        }
        settings = {
            "name": name,
            "unit": parse_unit(field.unit),
            "description": field.description or None,
            "meta": meta,
        }
        column = (
            Column(data, copy=False, **settings)
            if mask is None
            else MaskedColumn(data, mask=mask, copy=False, **settings)
        )
        table.add_column(column, copy=False)
    return table


def _unused(name, names):
    """As pyvo and astropy do it: a second 'ra' is called 'ra2'."""
    new, number = name, 2
    while new in names:
        new = f"{name}{number}"
        number += 1
    return new
