# Licensed under a 3-clause BSD style license - see LICENSE
"""What a figure takes from a table: numbers in one unit, texts, positions, and which rows can be drawn."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from ..errors import InvalidInputError

__all__ = ["Rows", "galactic_position", "numbers", "position", "texts", "wrap_longitude"]

ENERGY_FLUX = u.erg / u.s / u.cm**2


class Rows:
    """
    Which rows of a table are drawn, and for which reasons the others are not.

    Parameters
    ----------
    number : int
        Number of rows.
    noun : str
        What a row is, in the plural: 'sources'.

    Examples
    --------
    >>> from astroquery_cfx.figures.rows import Rows
    >>> rows = Rows(3, "sources")
    >>> rows.need([True, True, False], "without position")
    >>> rows.note()
    '2 sources; left out: 1 without position'
    """

    def __init__(self, number, noun):
        self.noun = noun
        self.drawn = np.ones(number, dtype=bool)
        self.left_out = []

    def need(self, condition, reason):
        """Draw only rows where ``condition`` holds; count those that this takes away under ``reason``."""
        lost = self.drawn & ~np.asarray(condition, dtype=bool)
        if lost.any():
            self.left_out.append((int(lost.sum()), reason))
            self.drawn &= ~lost

    def check(self):
        """Raise `InvalidInputError` where no row can be drawn."""
        if self.drawn.any():
            return
        if not self.left_out:
            raise InvalidInputError(
                f"There is nothing to draw: the table has no {self.noun}.",
                remedy="give a table with at least one row.",
            )
        reasons = ", ".join(f"{number:,} {reason}" for number, reason in self.left_out)
        raise InvalidInputError(
            f"There is nothing to draw: no row can be shown ({reasons}).",
            remedy="give a table with at least one row that has all these values.",
        )

    def note(self):
        """How many rows are drawn and how many are left out, and why: one line."""
        note = f"{np.count_nonzero(self.drawn):,} {self.noun}"
        if self.left_out:
            note += "; left out: " + ", ".join(
                f"{number:,} {reason}" for number, reason in self.left_out
            )
        return note


def _column(table, name):
    if not hasattr(table, "colnames"):
        raise InvalidInputError(
            f"A figure is drawn from an astropy Table, not from {type(table).__name__}.",
            remedy="give a Table or QTable.",
        )
    if name not in table.colnames:
        raise InvalidInputError(
            f"The table has no column {name!r}, which this figure needs.",
            remedy=f"rename one of its columns: {', '.join(table.colnames) or 'none'}.",
        )
    return table[name]


def numbers(table, name, unit):
    """
    The values of a column in ``unit``, as float64, NaN where masked.

    A column without a unit is taken to be in ``unit`` already.

    Raises
    ------
    InvalidInputError
        If there is no such column, it holds no numbers, or its unit is of another kind.
    """
    column = _column(table, name)
    plain = np.ma.getdata(getattr(column, "unmasked", column))
    if plain.ndim != 1 or plain.dtype.kind not in "iufb":
        raise InvalidInputError(f"The column {name!r} does not hold one number a row.")
    values = np.array(plain, dtype=float)
    if getattr(column, "unit", None) is not None:
        try:
            values *= column.unit.to(unit)
        except u.UnitsError as error:
            wanted = unit.to_string() or "a number without unit"
            raise InvalidInputError(
                f"The column {name!r} is in {column.unit}, not in {wanted} or the like.",
                remedy="give it the right unit.",
            ) from error
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = np.nan
    return values


def texts(table, name):
    """The values of a column as str, stripped of blanks, '' where masked."""
    column = _column(table, name)
    plain = np.ma.getdata(column)
    if plain.dtype.kind == "S":
        plain = np.char.decode(plain, "utf-8")
    values = np.char.strip(np.array(plain, dtype=str))
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = ""
    return values


def position(table, longitude, latitude):
    """
    Two columns as degrees, both NaN where there is no place on the sky.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    longitude, latitude : str
        Names of the columns, in degrees where they have no unit.

    Returns
    -------
    longitude, latitude : `~numpy.ndarray`
        Degrees, longitude in [0, 360).
    """
    lon, lat = numbers(table, longitude, u.deg), numbers(table, latitude, u.deg)
    with np.errstate(invalid="ignore"):
        missing = ~(np.isfinite(lon) & (np.abs(lat) <= 90))
    lon, lat = lon % 360, lat.copy()
    lon[missing] = lat[missing] = np.nan
    return lon, lat


def galactic_position(table):
    """Galactic longitude and latitude [deg] from the columns ``ra`` and ``dec`` (ICRS), NaN where missing."""
    ra, dec = position(table, "ra", "dec")
    lon, lat = np.full(len(ra), np.nan), np.full(len(ra), np.nan)
    there = np.isfinite(ra)
    galactic = SkyCoord(ra[there], dec[there], unit="deg", frame="icrs").galactic
    lon[there], lat[there] = galactic.l.deg, galactic.b.deg
    return lon, lat


def wrap_longitude(longitude, center=0.0):
    """Longitude [deg] minus ``center``, in [-180, 180)."""
    return (np.asarray(longitude) - center + 180.0) % 360.0 - 180.0
