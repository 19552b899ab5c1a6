# Licensed under a 3-clause BSD style license - see LICENSE
"""crossmatch_tables: validate, find the pairs, join the rows."""

from .coordinates import as_table, find_positions
from .error_ellipse import ErrorEllipse
from .joins import OWN_COLUMNS, check_choice, join_rows, merged_meta, output_names
from .regions import read_region

__all__ = ["crossmatch_tables"]

_JOINS = ("inner", "left", "right", "outer")
_KEEPS = ("all", "nearest_left", "nearest_right", "mutual")


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
    check_choice("join", join, _JOINS)
    check_choice("keep", keep, _KEEPS)
    left, right = as_table(left, "left"), as_table(right, "right")
    own = OWN_COLUMNS + ("ellipse_offset",) * isinstance(radius, ErrorEllipse)
    names = output_names(left, right, prefixes, prefix_all, own)
    region = read_region(radius, left_ellipse, left, right)
    sides = (find_positions(left, left_coordinates, side="left"),
             find_positions(right, right_coordinates, side="right"))
    pairs = region.pairs(*sides).kept(keep).joined(join, len(left), len(right))
    table = join_rows(left, right, pairs, names, sides)
    table.meta = merged_meta(left.meta, right.meta, prefixes)
    table.meta["crossmatch"] = {
        "radius": region.text, "left_rows": len(left), "right_rows": len(right),
        "left_without_position": sides[0].num_missing, "right_without_position": sides[1].num_missing,
        **region.num_missing(),
        "left_columns": list(names[0].values()), "right_columns": list(names[1].values()),
        "left_coordinates": list(sides[0].columns), "right_coordinates": list(sides[1].columns),
        "join": join, "keep": keep}
    return table
