# Licensed under a 3-clause BSD style license - see LICENSE
"""crossmatch_tables: validate, find the pairs, join the rows."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from ..errors import InvalidInputError
from .ellipse import ErrorEllipse
from .pairs import read_region
from .positions import as_table, find_positions
from .sphere import position_angle

_JOINS = ("inner", "left", "right", "outer")
_KEEPS = ("all", "nearest_left", "nearest_right", "mutual")


def crossmatch_tables(
    left,
    right,
    radius,
    *,
    join="inner",
    keep="all",
    left_coordinates=None,
    right_coordinates=None,
    left_ellipse=None,
    prefixes=("left_", "right_"),
    prefix_all=False,
):
    """
    Pairs of rows of two tables that lie within a radius, or in the error ellipse, on the sky.

    Parameters
    ----------
    left, right : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The two sides.
    radius : `~astropy.units.Quantity`, str or `ErrorEllipse`
        The largest separation: one for all, or one for each row of ``right``, as an array or as the
        name of one of its columns; or the error ellipses of ``right``.
    join : {'inner', 'left', 'right', 'outer'}, optional
        Which rows without a partner are kept, the columns of the other side masked.
    keep : {'all', 'nearest_left', 'nearest_right', 'mutual'}, optional
        Which pairs are kept: all; for each right row that with the nearest left row; for each left row
        that with the nearest right row; those that are both. Of equal separations, the first row.
    left_coordinates, right_coordinates : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        The positions of a side, or the name of its SkyCoord column, or of its longitude and latitude
        (Galactic where their UCDs or names say so, else ICRS). By default they are looked for, as
        ``astroquery_cfx.crossmatch.positions.find_positions`` tells.
    left_ellipse : `ErrorEllipse`, optional
        The error ellipses of ``left``, where ``radius`` is one: a pair then lies in the ellipse of both
        errors together (their covariances added), scaled to hold what that of ``right`` is to hold.
    prefixes : tuple of two str, optional
        What goes before the names of columns and of meta that both sides have.
    prefix_all : bool, optional
        Put the prefixes before all names of columns.

    Returns
    -------
    `~astropy.table.Table`
        The columns of both sides, ``separation`` (deg) and ``position_angle`` (deg, of the left row as
        seen from the right row, east of north), and with ellipses ``ellipse_offset`` (in units of the
        ellipse as given, not of the region); ordered by right row, separation and left row; left
        rows without a partner come last. ``meta['crossmatch']`` tells the radius, the rows of each side
        and how many of them had no usable position, radius or ellipse (they are in no pair), and which
        columns came from which side.

    Raises
    ------
    InvalidInputError
        If positions are missing, ambiguous, out of range or without unit, if the radius has no
        unit or is negative, if an ellipse is none, or if names collide. Nothing has been computed then.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from astroquery_cfx import crossmatch_tables
    >>> left = QTable({"name": ["a", "b"], "ra": [10.0, 40.0] * u.deg, "dec": [0.0, 0.0] * u.deg})
    >>> right = QTable({"name": ["c"], "ra": [10.0] * u.deg, "dec": [0.05] * u.deg})
    >>> pairs = crossmatch_tables(left, right, 0.1 * u.deg)
    >>> print(pairs["left_name", "right_name", "separation"])
    left_name right_name separation
                            deg
    --------- ---------- ----------
            a          c       0.05
    """
    check_choice("join", join, _JOINS)
    check_choice("keep", keep, _KEEPS)
    left, right = as_table(left, "left"), as_table(right, "right")
    own = OWN_COLUMNS + ("ellipse_offset",) * isinstance(radius, ErrorEllipse)
    names = output_names(left, right, prefixes, prefix_all, own)
    region = read_region(radius, left_ellipse, left, right)
    sides = (
        find_positions(left, left_coordinates, side="left"),
        find_positions(right, right_coordinates, side="right"),
    )
    pairs = region.pairs(*sides).kept(keep).joined(join, len(left), len(right))
    table = join_rows(left, right, pairs, names, sides)
    table.meta = merged_meta(left.meta, right.meta, prefixes)
    table.meta["crossmatch"] = {
        "radius": region.text,
        "left_rows": len(left),
        "right_rows": len(right),
        "left_without_position": sides[0].num_missing,
        "right_without_position": sides[1].num_missing,
        **region.num_missing(),
        "left_columns": list(names[0].values()),
        "right_columns": list(names[1].values()),
        "left_coordinates": list(sides[0].columns),
        "right_coordinates": list(sides[1].columns),
        "join": join,
        "keep": keep,
    }
    return table


OWN_COLUMNS = ("separation", "position_angle")


def check_choice(name, value, choices):
    """Say what there is to choose from where the value is none of it."""
    if value not in choices:
        raise InvalidInputError(
            f"{name}={value!r} is unknown.", remedy=f"choose from {', '.join(choices)}."
        )


def output_names(left, right, prefixes, prefix_all, own=OWN_COLUMNS):
    """Name in the table -> name in the result, for each side."""
    if len(prefixes) != 2 or prefixes[0] == prefixes[1]:
        raise InvalidInputError(
            f"The prefixes {prefixes!r} do not tell the sides apart.",
            remedy="give two different ones: prefixes=('csc_', 'fermi_').",
        )
    taken = (set(left.colnames) & set(right.colnames)) | set(own)
    names = [
        {name: prefix + name if prefix_all or name in taken else name for name in table.colnames}
        for table, prefix in zip((left, right), prefixes, strict=True)
    ]
    result = [*names[0].values(), *names[1].values(), *own]
    twice = sorted({name for name in result if result.count(name) > 1})
    if twice:
        raise InvalidInputError(
            f"The result would have two columns named {', '.join(twice)}.",
            remedy="choose other prefixes, or prefix_all=True.",
        )
    return names


def join_rows(left, right, pairs, names, sides):
    """The table of the pairs: the columns of both tables, under their names, and the offsets."""
    kind = QTable if isinstance(left, QTable) or isinstance(right, QTable) else Table
    columns = {}
    for table, rows, renamed in ((left, pairs.left, names[0]), (right, pairs.right, names[1])):
        for name, new_name in renamed.items():
            columns[new_name] = _rows_of(table[name], rows)
    table = kind(columns, copy=False)
    return _add_offsets(table, pairs, sides)


def _rows_of(column, rows):
    """The rows of a column, masked where the row is -1; an empty column gives masked values of its kind."""
    missing = rows < 0
    if not missing.any():
        return column[rows]
    if not len(column):
        return MaskedColumn(
            np.zeros(len(rows), dtype=column.dtype),
            mask=True,
            unit=column.unit,
            description=column.info.description,
        )
    taken = column[np.where(missing, 0, rows)]
    if isinstance(taken, Column) and not isinstance(taken, MaskedColumn):
        taken = MaskedColumn(taken, copy=False)
    elif isinstance(taken, u.Quantity) and not isinstance(taken, Masked):
        info, taken = taken.info, Masked(taken, copy=False)
        taken.info = info
    taken[missing] = np.ma.masked if not isinstance(taken, SkyCoord) else taken.info.mask_val
    return taken


def _add_offsets(table, pairs, sides):
    alone = (pairs.left < 0) | (pairs.right < 0)
    angle = np.full(len(alone), np.nan)
    left, right = pairs.left[~alone], pairs.right[~alone]
    angle[~alone] = position_angle(
        sides[1].ra[right], sides[1].dec[right], sides[0].ra[left], sides[0].dec[left]
    )
    columns = [
        ("separation", pairs.separation, u.deg, "pos.angDistance", "Separation of the two rows"),
        (
            "position_angle",
            angle,
            u.deg,
            "pos.posAng",
            "Position angle of the left row as seen from the right row, east of north",
        ),
    ]
    if pairs.offset is not None:
        columns.append(
            (
                "ellipse_offset",
                pairs.offset,
                None,
                "pos.angDistance;arith.ratio",
                f"Offset in units of the error ellipse of {pairs.containment:.4g} containment",
            )
        )
    for name, values, unit, ucd, description in columns:
        column = Column(values, unit=unit, description=description)
        if alone.any():
            column = MaskedColumn(column, mask=alone, copy=False)
        column.meta["ucd"] = ucd
        table[name] = column
    return table


def merged_meta(left, right, prefixes):
    """Meta of both sides; keys with two values get the prefixes, as columns do."""
    merged = {}
    for own, other, prefix in ((left, right, prefixes[0]), (right, left, prefixes[1])):
        for key, value in own.items():
            shared = key != "crossmatch" and (key not in other or _same(value, other[key]))
            merged[key if shared else prefix + key] = value
    simulated = [meta["simulated"] for meta in (left, right) if meta.get("simulated")]
    for prefix in prefixes:
        merged.pop(prefix + "simulated", None)
    if simulated:
        merged["simulated"] = " ".join(dict.fromkeys(simulated))
    return merged


def _same(value, other):
    try:
        return value is other or bool(np.all(value == other))
    except ValueError:  # arrays within dictionaries, or of different shapes
        return False
