# Licensed under a 3-clause BSD style license - see LICENSE
"""group_matches: one row a key, with the lists of its matches."""

import numpy as np
from astropy.table import Column, Table
from astropy.units import Quantity

from ..errors import InvalidInputError

__all__ = ["group_matches"]


def group_matches(pairs, by="fermi_name"):
    """
    One row for each value of a key, with the lists of its matches.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        Pairs, as `crossmatch_tables` makes them.
    by : str, optional
        The column whose values are the keys. Rows without a value are left out.

    Returns
    -------
    `~astropy.table.Table`
        In the order in which the keys first appear. The columns of the side that holds ``by`` stay as
        they are (those of the key's first row); the other side's columns and ``separation`` and
        ``position_angle`` become list columns: each entry is a one-dimensional array, in the order of
        ``pairs``. ``num_matches`` counts them; it is 0, and the lists are empty, for a key that a right,
        left or outer join kept without a partner.

    Raises
    ------
    InvalidInputError
        If there is no such column.

    Notes
    -----
    Which columns belong to which side stands in ``pairs.meta['crossmatch']``. Columns that are not named
    there become lists.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from astroquery_cfx import crossmatch_tables, group_matches
    >>> left = QTable({"name": ["a", "b"], "ra": [10.0, 10.02] * u.deg, "dec": [0.0, 0.0] * u.deg})
    >>> right = QTable({"source": ["c"], "lon": [10.0] * u.deg, "lat": [0.01] * u.deg})
    >>> pairs = crossmatch_tables(left, right, 0.1 * u.deg, right_coordinates=("lon", "lat"))
    >>> groups = group_matches(pairs, by="source")
    >>> print(groups["source", "num_matches", "name"])
    source num_matches    name
    ------ ----------- ---------
         c           2 ['a' 'b']
    """
    if by not in pairs.colnames:
        raise InvalidInputError(
            f"The pairs have no column {by!r}.",
            remedy=f"group by one of {', '.join(pairs.colnames)}.",
        )
    key = _masked_array(pairs[by])
    rows = np.flatnonzero(~np.ma.getmaskarray(key))
    groups = _groups(np.asarray(key.data)[rows], rows)
    partners = [group[_has_partner(pairs)[group]] for group in groups]
    first = np.array([group[0] for group in groups], dtype=np.intp)
    result = Table(meta=dict(pairs.meta))
    for name in pairs.colnames:
        column = pairs[name]
        result[name] = (
            column[first] if name in _scalars(pairs, by) else _list_column(column, partners)
        )
    result["num_matches"] = Column(
        np.array([len(group) for group in partners], dtype=np.int64),
        description="Number of matches",
    )
    return result


def _scalars(pairs, by):
    """The columns of the side that holds the key."""
    record = pairs.meta.get("crossmatch", {})
    for side in (record.get("left_columns", []), record.get("right_columns", [])):
        if by in side:
            return {by, *side}
    return {by}


def _groups(key, rows):
    """The rows of each value of the key, in the order of first appearance."""
    if not len(key):
        return []
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    place = rank[inverse]
    order = np.argsort(place, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(place))[:-1])


def _has_partner(pairs):
    if "separation" not in pairs.colnames:
        return np.ones(len(pairs), dtype=bool)
    return ~np.ma.getmaskarray(_masked_array(pairs["separation"]))


def _masked_array(column):
    values = getattr(column, "value", column)
    if hasattr(values, "unmasked"):
        return np.ma.MaskedArray(np.asarray(values.unmasked), mask=np.asarray(values.mask))
    return np.ma.asarray(values)


def _list_column(column, groups):
    lists = np.empty(len(groups), dtype=object)
    values = _values(column)
    for place, group in enumerate(groups):
        lists[place] = values[group]
    return Column(
        lists,
        dtype=object,
        unit=getattr(column, "unit", None),
        description=column.info.description,
        meta=getattr(column.info, "meta", None),
    )


def _values(column):
    """A plain array; masked numbers become NaN, and an array stays masked only where that cannot be."""
    if not isinstance(column, Column | Quantity):
        return column  # a SkyCoord or Time column: each list is one
    values = _masked_array(column)
    if not np.ma.getmaskarray(values).any():
        return np.asarray(values.data)
    return values.filled(np.nan) if values.dtype.kind == "f" else values
