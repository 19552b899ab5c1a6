# Licensed under a 3-clause BSD style license - see LICENSE
"""Cross-match two tables: check what was given, find the pairs, join the rows."""

from collections.abc import Collection
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from ..errors import InvalidInputError
from .ellipse import ErrorEllipse
from .pairs import Pairs, read_region
from .positions import Positions, as_table, find_positions
from .sphere import position_angle

OWN_COLUMNS = ("separation", "position_angle")


def crossmatch_tables(
    left: Table,
    right: Table,
    radius: u.Quantity | str | ErrorEllipse,
    *,
    join: str = "inner",
    keep: str = "all",
    left_coordinates: SkyCoord | str | tuple[str, str] | None = None,
    right_coordinates: SkyCoord | str | tuple[str, str] | None = None,
    left_ellipse: ErrorEllipse | None = None,
    prefixes: tuple[str, str] = ("left_", "right_"),
    prefix_all: bool = False,
) -> Table:
    """
    Find the pairs of rows of two tables that lie within a radius, or an error ellipse, on the sky.

    Parameters
    ----------
    left, right : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The two sides.
    radius : `~astropy.units.Quantity`, str or `ErrorEllipse`
        The largest separation: one for all, or one for each row of ``right``, as an array or as the
        name of one of its columns; or the error ellipses of ``right``.
    join : {'inner', 'left', 'right', 'outer'}, optional
        Which rows without a partner are kept, with the columns of the other side masked.
    keep : {'all', 'nearest_left', 'nearest_right', 'mutual'}, optional
        Which pairs are kept: all; for each right row the one with the nearest left row; for each
        left row the one with the nearest right row; or those that are both. Of equal separations,
        the first row.
    left_coordinates, right_coordinates : `~astropy.coordinates.SkyCoord`, str or tuple, optional
        The positions of a side, or the name of its SkyCoord column, or the names of its longitude
        and latitude (Galactic if their UCDs or names say so, else ICRS). By default a SkyCoord
        column is looked for, then UCDs of a position (``meta.main`` first), then usual names (ra
        and dec, RAJ2000 and DEJ2000, GLON and GLAT, lii and bii, l and b). Two positions of one
        frame are an error; equatorial positions go before Galactic ones, with a warning.
    left_ellipse : `ErrorEllipse`, optional
        The error ellipses of ``left``, if ``radius`` is one: a pair then lies in the ellipse of
        both errors together (the sum of their covariances), of the containment of the right one.
    prefixes : tuple of two str, optional
        What goes before the names of columns and of meta that both sides have.
    prefix_all : bool, optional
        Put the prefixes before all names of columns.

    Returns
    -------
    `~astropy.table.Table`
        The columns of both sides, ``separation`` (deg) and ``position_angle`` (deg, of the left row
        as seen from the right row, east of north), and with ellipses ``ellipse_offset`` (in units
        of the ellipse as given, not of the region). Rows are ordered by right row, separation and
        left row; left rows without a partner come last. ``meta['crossmatch']`` has the radius, the
        number of rows of each side, how many of them have no usable position, radius or ellipse
        (they are in no pair), and which columns came from which side.

    Raises
    ------
    InvalidInputError
        If positions, radius or ellipses are missing, ambiguous, out of range or without unit, or
        if names collide. All of this is checked before any pair is looked for.

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
    check_choice("join", join, ("inner", "left", "right", "outer"))
    check_choice("keep", keep, ("all", "nearest_left", "nearest_right", "mutual"))
    left, right = as_table(left, "left"), as_table(right, "right")
    own = OWN_COLUMNS + ("ellipse_offset",) * isinstance(radius, ErrorEllipse)
    names = output_names(left, right, prefixes, prefix_all, own)
    region = read_region(radius, left_ellipse, left, right)
    sides = (
        find_positions(left, left_coordinates, side="left"),
        find_positions(right, right_coordinates, side="right"),
    )
    pairs = region.find_pairs(*sides).select(keep).add_unmatched(join, len(left), len(right))
    table = join_rows(left, right, pairs, names, sides)
    table.meta = merged_meta(left.meta, right.meta, prefixes)
    table.meta["crossmatch"] = {
        "radius": region.text,
        "left_rows": len(left),
        "right_rows": len(right),
        "left_without_position": sides[0].num_missing,
        "right_without_position": sides[1].num_missing,
        **region.count_missing(),
        "left_columns": list(names[0].values()),
        "right_columns": list(names[1].values()),
        "left_coordinates": list(sides[0].columns),
        "right_coordinates": list(sides[1].columns),
        "join": join,
        "keep": keep,
    }
    return table


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise an error that lists the choices if the value of an argument is not one of them."""
    if value not in choices:
        raise InvalidInputError(
            f"{name}={value!r} is unknown.", remedy=f"choose from {', '.join(choices)}."
        )


def output_names(left, right, prefixes, prefix_all, own=OWN_COLUMNS):
    """Return the names of the columns of each side in the result, to which ``own`` are added."""
    if len(prefixes) != 2 or prefixes[0] == prefixes[1]:
        raise InvalidInputError(
            f"The prefixes {prefixes!r} do not tell the sides apart.",
            remedy="give two different ones: prefixes=('csc_', 'fermi_').",
        )
    taken = (set(left.colnames) & set(right.colnames)) | set(own)
    names = [
        {name: prefix * (prefix_all or name in taken) + name for name in table.colnames}
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


def join_rows(left, right, pairs: Pairs, names, sides: tuple[Positions, Positions]) -> Table:
    """Return the columns of both tables under their new names, separation and position angle."""
    kind = QTable if isinstance(left, QTable) or isinstance(right, QTable) else Table
    columns = {new: _take_rows(left[name], pairs.left) for name, new in names[0].items()}
    columns |= {new: _take_rows(right[name], pairs.right) for name, new in names[1].items()}
    table = kind(columns, copy=False)
    alone = (pairs.left < 0) | (pairs.right < 0)
    i, j = pairs.left[~alone], pairs.right[~alone]
    angle = np.full(len(alone), np.nan)
    angle[~alone] = position_angle(sides[1].ra[j], sides[1].dec[j], sides[0].ra[i], sides[0].dec[i])
    text = "Position angle of the left row as seen from the right row, east of north"
    added = {
        "separation": (pairs.separation, u.deg, "pos.angDistance", "Separation of the two rows"),
        "position_angle": (angle, u.deg, "pos.posAng", text),
    }
    if pairs.offset is not None:
        text = f"Offset in units of the error ellipse of {pairs.containment:.4g} containment"
        added["ellipse_offset"] = (pairs.offset, None, "pos.angDistance;arith.ratio", text)
    for name, (values, unit, ucd, description) in added.items():
        column = Column(values, unit=unit, description=description, meta={"ucd": ucd})
        table[name] = MaskedColumn(column, mask=alone, copy=False) if alone.any() else column
    return table


def _take_rows(column: Any, rows: np.ndarray) -> Any:
    """Return rows of a column of any kind, masked where the row is -1."""
    missing = rows < 0
    if not missing.any():
        return column[rows]
    if not len(column):
        nothing = np.zeros(len(rows), dtype=column.dtype)
        info = {"unit": column.unit, "description": column.info.description}
        return MaskedColumn(nothing, mask=True, **info)
    taken = column[np.where(missing, 0, rows)]
    if isinstance(taken, Column) and not isinstance(taken, MaskedColumn):
        taken = MaskedColumn(taken, copy=False)
    elif isinstance(taken, u.Quantity) and not isinstance(taken, Masked):
        info, taken = taken.info, Masked(taken, copy=False)
        taken.info = info
    taken[missing] = np.ma.masked if not isinstance(taken, SkyCoord) else taken.info.mask_val
    return taken


def merged_meta(left: dict, right: dict, prefixes: tuple[str, str]) -> dict:
    """Return the meta of both sides; keys with two values get the prefixes, as columns do."""
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


def _same(value: Any, other: Any) -> bool:
    try:
        return value is other or bool(np.all(value == other))
    except ValueError:  # arrays within dictionaries, or of different shapes
        return False
