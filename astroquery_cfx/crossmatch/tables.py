# Licensed under a 3-clause BSD style license - see LICENSE
"""crossmatch_tables: validate, find the pairs, join the rows."""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from ..errors import InvalidInputError
from .coordinates import angle_values, as_table, find_positions, plain_floats
from .ellipse import axis_scale, find_pairs_in_ellipses
from .error_ellipse import ErrorEllipse
from .sphere import find_pairs, position_angle

__all__ = ["crossmatch_tables"]

_JOINS = ("inner", "left", "right", "outer")
_KEEPS = ("all", "nearest_left", "nearest_right", "mutual")
_OWN_COLUMNS = ("separation", "position_angle")


def crossmatch_tables(left, right, radius, *, join="inner", keep="all", left_coordinates=None,
                      right_coordinates=None, left_ellipse=None, prefixes=("left_", "right_"),
                      prefix_all=False):
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
        ``astroquery_cfx.crossmatch.coordinates.find_positions`` tells.
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
    _check_choice("join", join, _JOINS)
    _check_choice("keep", keep, _KEEPS)
    left, right = as_table(left, "left"), as_table(right, "right")
    own = _OWN_COLUMNS + ("ellipse_offset",) * isinstance(radius, ErrorEllipse)
    names = _output_names(left, right, prefixes, prefix_all, own)
    region = _region(radius, left_ellipse, left, right)
    sides = (find_positions(left, left_coordinates, side="left"),
             find_positions(right, right_coordinates, side="right"))
    pairs = region.pairs(*sides).kept(keep).joined(join, len(left), len(right))
    table = _join(left, right, pairs, names, sides)
    table.meta = _merged_meta(left.meta, right.meta, prefixes)
    table.meta["crossmatch"] = {
        "radius": region.text, "left_rows": len(left), "right_rows": len(right),
        "left_without_position": sides[0].num_missing, "right_without_position": sides[1].num_missing,
        **region.num_missing(),
        "left_columns": list(names[0].values()), "right_columns": list(names[1].values()),
        "left_coordinates": list(sides[0].columns), "right_coordinates": list(sides[1].columns),
        "join": join, "keep": keep}
    return table


def _region(radius, left_ellipse, left, right):
    """What was given as radius, checked against the tables."""
    if isinstance(radius, ErrorEllipse):
        of_left = None if left_ellipse is None else left_ellipse.of(left, side="left")
        return _Ellipses(radius.of(right), of_left, str(radius))
    if left_ellipse is not None:
        raise InvalidInputError("left_ellipse is given, but the radius is no ErrorEllipse.",
                                remedy="give the error ellipses of the right table as radius.")
    return _Radius(_radius(radius, right), _radius_text(radius))


@dataclass(frozen=True)
class _Radius:
    """A radius in degrees, for all or for each right row."""

    degrees: np.ndarray
    text: str

    def pairs(self, left, right):
        return _Pairs(*find_pairs(left.ra, left.dec, right.ra, right.dec, self.degrees))

    def num_missing(self):
        return {"right_without_radius": int(np.sum(np.isnan(self.degrees)))}


@dataclass(frozen=True)
class _Ellipses:
    """Error ellipses of the right rows, and of the left."""

    right: ErrorEllipse
    left: ErrorEllipse | None
    text: str

    def pairs(self, left, right):
        region = self.right.region
        of_left = self.left and self.left.scaled(region.containment).degrees()
        *pairs, _, offset = find_pairs_in_ellipses(left.ra, left.dec, right.ra, right.dec, region.degrees(),
                                                   left_ellipses=of_left)
        given = self.right.containment
        return _Pairs(*pairs, offset * axis_scale(region.containment) / axis_scale(given), given)

    def num_missing(self):
        missing = {"right_without_radius": int(np.sum(~np.isfinite(self.right.degrees()[0])))}
        if self.left:
            missing["left_without_radius"] = int(np.sum(~np.isfinite(self.left.degrees()[0])))
        return missing


@dataclass(frozen=True)
class _Pairs:
    """Rows of each side (-1: none) and separations."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray | None = None       # in units of the error ellipse
    containment: float | None = None       # of that ellipse

    def _take(self, rows):
        return replace(self, left=self.left[rows], right=self.right[rows], separation=self.separation[rows],
                       offset=None if self.offset is None else self.offset[rows])

    def kept(self, keep):
        chosen = np.ones(len(self.left), dtype=bool)
        if keep in ("nearest_left", "mutual"):
            chosen &= _first_of_each(self.right, np.lexsort((self.left, self.separation, self.right)))
        if keep in ("nearest_right", "mutual"):
            chosen &= _first_of_each(self.left, np.lexsort((self.right, self.separation, self.left)))
        return self if keep == "all" else self._take(chosen)

    def joined(self, join, left_rows, right_rows):
        pairs = self
        if join in ("right", "outer"):
            alone = np.setdiff1d(np.arange(right_rows), self.right)
            pairs = pairs._with(np.full(len(alone), -1), alone)
            pairs = pairs._take(np.argsort(pairs.right, kind="stable"))
        if join in ("left", "outer"):
            alone = np.setdiff1d(np.arange(left_rows), self.left)
            pairs = pairs._with(alone, np.full(len(alone), -1))
        return pairs

    def _with(self, left, right):
        nothing = np.full(len(left), np.nan)
        return replace(
            self, left=np.concatenate((self.left, left)), right=np.concatenate((self.right, right)),
            separation=np.concatenate((self.separation, nothing)),
            offset=None if self.offset is None else np.concatenate((self.offset, nothing)))


def _first_of_each(key, order):
    first = np.zeros(len(key), dtype=bool)
    ordered = key[order]
    first[order] = np.concatenate(([True], ordered[1:] != ordered[:-1]))[:len(key)]
    return first


def _check_choice(name, value, choices):
    if value not in choices:
        raise InvalidInputError(f"{name}={value!r} is unknown.", remedy=f"choose from {', '.join(choices)}.")


def _radius(radius, right):
    """The radius in degrees: a number, or one for each row of `right`, NaN where there is none."""
    given = radius
    if isinstance(radius, str) and radius not in right.colnames:
        radius = _parsed(radius)
    if isinstance(radius, str):
        values = angle_values(right, radius, "right")
    elif isinstance(radius, u.Quantity) and radius.unit.is_equivalent(u.deg):
        values = plain_floats(radius.to(u.deg))
    elif isinstance(radius, u.Quantity):
        raise InvalidInputError(f"The radius has the unit {str(radius.unit)!r}, which is no angle.",
                                remedy="give it an angle's unit, e.g. 0.1*u.deg.")
    else:
        raise InvalidInputError(f"The radius {given!r} is no angle with a unit and no column of the right "
                                "table.", remedy="give it a unit, e.g. 0.1*u.deg.")
    if values.shape not in ((), (len(right),)):
        raise InvalidInputError(f"There are radii of shape {values.shape} for {len(right)} rows of the "
                                "right table.", remedy="give one radius for all, or one for each row.")
    if values.shape == () and not (values >= 0 and np.isfinite(values)):
        raise InvalidInputError(f"The radius {radius} is negative or not a number.",
                                remedy="give an angle of zero or more.")
    negative = np.flatnonzero(values < 0)
    if len(negative):
        raise InvalidInputError(f"{len(negative)} radii are negative, the first are of rows "
                                f"{', '.join(map(str, negative[:5]))} of the right table.",
                                remedy="give angles of zero or more.")
    return np.where(np.isfinite(values), values, np.nan)


def _parsed(text):
    try:
        return u.Quantity(text)
    except TypeError:
        return None


def _radius_text(radius):
    if isinstance(radius, str) or radius.shape == ():
        return str(radius)
    return "one for each row of the right table"


def _output_names(left, right, prefixes, prefix_all, own=_OWN_COLUMNS):
    """Name in the table -> name in the result, for each side."""
    if len(prefixes) != 2 or prefixes[0] == prefixes[1]:
        raise InvalidInputError(f"The prefixes {prefixes!r} do not tell the sides apart.",
                                remedy="give two different ones: prefixes=('csc_', 'fermi_').")
    taken = (set(left.colnames) & set(right.colnames)) | set(own)
    names = [{name: prefix + name if prefix_all or name in taken else name for name in table.colnames}
             for table, prefix in zip((left, right), prefixes, strict=True)]
    result = [*names[0].values(), *names[1].values(), *own]
    twice = sorted({name for name in result if result.count(name) > 1})
    if twice:
        raise InvalidInputError(f"The result would have two columns named {', '.join(twice)}.",
                                remedy="choose other prefixes, or prefix_all=True.")
    return names


def _join(left, right, pairs, names, sides):
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
        return MaskedColumn(np.zeros(len(rows), dtype=column.dtype), mask=True, unit=column.unit,
                            description=column.info.description)
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
    angle[~alone] = position_angle(sides[1].ra[right], sides[1].dec[right],
                                   sides[0].ra[left], sides[0].dec[left])
    columns = [("separation", pairs.separation, u.deg, "pos.angDistance", "Separation of the two rows"),
               ("position_angle", angle, u.deg, "pos.posAng",
                "Position angle of the left row as seen from the right row, east of north")]
    if pairs.offset is not None:
        columns.append(("ellipse_offset", pairs.offset, None, "pos.angDistance;arith.ratio",
                        f"Offset in units of the error ellipse of {pairs.containment:.4g} containment"))
    for name, values, unit, ucd, description in columns:
        column = Column(values, unit=unit, description=description)
        if alone.any():
            column = MaskedColumn(column, mask=alone, copy=False)
        column.meta["ucd"] = ucd
        table[name] = column
    return table


def _same(value, other):
    try:
        return value is other or bool(np.all(value == other))
    except ValueError:  # arrays within dictionaries, or of different shapes
        return False


def _merged_meta(left, right, prefixes):
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
