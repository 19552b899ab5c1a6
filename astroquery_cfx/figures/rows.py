# Licensed under a 3-clause BSD style license - see LICENSE
"""Read the columns that a figure needs, and choose the rows that it can draw."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from ..arrays import column_floats, get_column, to_texts
from ..errors import InvalidInputError

ENERGY_FLUX = u.erg / u.s / u.cm**2


def choose_rows(noun: str, *conditions: tuple[np.ndarray, str]) -> tuple[np.ndarray, str]:
    """
    Return a mask of the rows that meet all conditions, and a note on how many do.

    Each condition comes with the reason to leave a row out, ``(flux > 0, "without a flux")``. The
    note counts a row under its first reason: "485 sources; left out: 15 without a flux".
    """
    drawn = np.ones(len(conditions[0][0]), dtype=bool)
    reasons = []
    for condition, reason in conditions:
        lost = drawn & ~condition
        if lost.any():
            reasons.append(f"{np.count_nonzero(lost):,} {reason}")
            drawn &= condition
    left_out = ", ".join(reasons)
    if not len(drawn):
        raise InvalidInputError(
            f"There is nothing to draw: the table has no {noun}.",
            remedy="give a table with at least one row.",
        )
    if not drawn.any():
        raise InvalidInputError(
            f"There is nothing to draw: no row can be shown ({left_out}).",
            remedy="give a table with at least one row that has all these values.",
        )
    note = f"{np.count_nonzero(drawn):,} {noun}"
    return drawn, f"{note}; left out: {left_out}" if left_out else note


def floats(table: Table, name: str, unit: u.UnitBase = u.one) -> np.ndarray:
    """Return a column in a unit, which is assumed if it has none; NaN where masked."""
    return column_floats(_checked(table), name, unit, needs_unit=False)


def texts(table: Table, name: str) -> np.ndarray:
    """Return a column as str without surrounding blanks, empty where masked."""
    return to_texts(get_column(_checked(table), name))


def _checked(table):
    if not isinstance(table, Table):
        raise InvalidInputError(
            f"A figure is drawn from an astropy Table, not from {type(table).__name__}.",
            remedy="give a Table or QTable.",
        )
    return table


def position(table: Table, longitude: str, latitude: str) -> tuple[np.ndarray, np.ndarray]:
    """
    Return two columns in degrees, the longitude in [0, 360).

    Both are NaN where either is missing or the latitude is beyond a pole.
    """
    lon, lat = floats(table, longitude, u.deg), floats(table, latitude, u.deg)
    known = np.isfinite(lon) & (np.abs(lat) <= 90)
    return np.where(known, lon % 360, np.nan), np.where(known, lat, np.nan)


def galactic_position(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return Galactic coordinates in degrees from ``ra`` and ``dec`` (ICRS), NaN where missing."""
    ra, dec = position(table, "ra", "dec")
    longitude, latitude = np.full((2, len(ra)), np.nan)
    known = np.isfinite(ra)
    galactic = SkyCoord(ra[known], dec[known], unit="deg", frame="icrs").galactic
    longitude[known], latitude[known] = galactic.l.deg, galactic.b.deg
    return longitude, latitude


def wrap_longitude(longitude: np.ndarray, center: float | np.ndarray = 0.0) -> np.ndarray:
    """Return longitude minus center, in [-180, 180) degrees."""
    return (np.asarray(longitude) - center + 180.0) % 360.0 - 180.0
