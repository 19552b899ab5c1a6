# Licensed under a 3-clause BSD style license - see LICENSE
"""Pairs to one row per source, with its matches as lists."""

import numpy as np
from astropy.table import Column, Table
from astropy.units import Quantity

from ..arrays import get_column


def group_matches(pairs: Table, by: str = "fermi_name") -> Table:
    """
    Return one row per value of a key, with its matches as lists.

    Parameters
    ----------
    pairs : `~astropy.table.Table`
        Pairs, as `crossmatch_tables` returns them.
    by : str, optional
        The column whose values are the keys. Rows without a value are left out.

    Returns
    -------
    `~astropy.table.Table`
        In the order in which the keys first appear. The columns of the side that holds ``by``
        (``pairs.meta['crossmatch']`` lists them) keep the values of the key's first row. All others
        become list columns: each entry is a one-dimensional array, in the order of ``pairs``.
        ``num_matches`` counts them; it is 0, and the lists are empty, for a key that a right, left
        or outer join kept without a partner.

    Raises
    ------
    InvalidInputError
        If there is no such column.

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
    key = _masked_array(get_column(pairs, by, label="table of pairs"))
    rows = np.flatnonzero(~np.ma.getmaskarray(key))
    _, first, inverse = np.unique(key.data[rows], return_index=True, return_inverse=True)
    # Number the keys by first appearance, then collect the rows of each number.
    number = np.argsort(np.argsort(first))[inverse]
    order = np.argsort(number, kind="stable")
    groups = np.split(rows[order], np.cumsum(np.bincount(number))[:-1]) if len(rows) else []
    matches = groups
    if "separation" in pairs.colnames:  # masked where a join kept a row without a partner
        has_partner = ~np.ma.getmaskarray(_masked_array(pairs["separation"]))
        matches = [group[has_partner[group]] for group in groups]
    record = pairs.meta.get("crossmatch", {})
    sides = (record.get("left_columns", []), record.get("right_columns", []))
    own = {by, *next((side for side in sides if by in side), [])}
    result = Table(meta=dict(pairs.meta))
    for name in pairs.colnames:
        column = pairs[name]
        if name in own:
            result[name] = column[rows[np.sort(first)]]
            continue
        values = column  # of a SkyCoord or Time column, each list is one, too
        if isinstance(column, Column | Quantity):
            values = _masked_array(column)
            if not np.ma.getmaskarray(values).any():
                values = values.data
            elif values.dtype.kind == "f":
                values = values.filled(np.nan)
        lists = np.empty(len(matches), dtype=object)
        for place, group in enumerate(matches):
            lists[place] = values[group]
        info = {part: getattr(column.info, part, None) for part in ("unit", "description", "meta")}
        result[name] = Column(lists, dtype=object, **info)
    count = np.array([len(group) for group in matches], dtype=np.int64)
    result["num_matches"] = Column(count, description="Number of matches")
    return result


def _masked_array(column: Column | Quantity) -> np.ma.MaskedArray:
    """Return a column as numpy's masked array, whichever kind of mask it has."""
    values = getattr(column, "value", column)
    return np.ma.MaskedArray(
        getattr(values, "unmasked", values), mask=getattr(values, "mask", np.ma.nomask)
    )
