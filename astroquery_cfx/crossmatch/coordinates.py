# Licensed under a 3-clause BSD style license - see LICENSE
"""Where a table keeps its positions: by SkyCoord column, by UCD, by usual names, or as told."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from ..errors import InvalidInputError

__all__ = ["Positions", "find_positions"]

# Longitude and latitude; the first pairs are equatorial (ICRS), the others Galactic.
_USUAL_NAMES = {
    "icrs": [("ra", "dec"), ("raj2000", "dej2000"), ("raj2000", "decj2000"), ("ra_icrs", "de_icrs"),
             ("_raj2000", "_dej2000")],
    "galactic": [("glon", "glat"), ("lii", "bii"), ("l", "b")],
}
_UCDS = {"icrs": ("pos.eq.ra", "pos.eq.dec"), "galactic": ("pos.galactic.lon", "pos.galactic.lat")}


@dataclass(frozen=True)
class Positions:
    """ICRS positions of the rows of a table in degrees, NaN where there is none, and their columns."""

    ra: np.ndarray
    dec: np.ndarray
    columns: tuple

    @property
    def num_missing(self):
        """How many rows have no usable position."""
        return int(np.sum(~(np.isfinite(self.ra) & np.isfinite(self.dec))))


def find_positions(table, given=None, *, side="left"):
    """
    Positions of the rows of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    given : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        Positions of the rows; or the name of a SkyCoord column; or the names of longitude and
        latitude. By default they are looked for: a SkyCoord column, then UCDs, then usual names.
    side : str, optional
        What messages call the table.

    Returns
    -------
    `Positions`
        ICRS positions in degrees.

    Raises
    ------
    InvalidInputError
        If there are no positions, more than one candidate, no unit, or a wrong length.
    """
    if isinstance(given, SkyCoord):
        return _from_skycoord(table, given, (), side)
    if given is None:
        given = _look_for(table, side)
    names = (given,) if isinstance(given, str) else tuple(given)
    unknown = [name for name in names if name not in table.colnames]
    if unknown or len(names) > 2:
        raise InvalidInputError(f"The {side} table has no column {', '.join(map(repr, unknown or names))}.",
                                remedy=f"its columns are {', '.join(table.colnames)}.")
    if len(names) == 1:
        return _from_skycoord(table, table[names[0]], names, side)
    return _from_columns(table, names, side)


def _look_for(table, side):
    skycoords = [name for name in table.colnames if isinstance(table[name], SkyCoord)]
    candidates = [(name,) for name in skycoords] or _by_ucd(table) or _by_name(table)
    if not candidates:
        raise InvalidInputError(f"The {side} table has no columns that are known to be positions.",
                                remedy=f"name them: {side}_coordinates=('ra', 'dec').")
    return candidates[0]


def _by_ucd(table):
    found = []
    for ucds in _UCDS.values():
        names = [next((name for name in table.colnames if _ucd(table, name).startswith(ucd)), None)
                 for ucd in ucds]
        if None not in names:
            found.append(tuple(names))
    return found


def _ucd(table, name):
    meta = getattr(table[name].info, "meta", None) or {}
    return str(meta.get("ucd") or "").lower()


def _by_name(table):
    lower = {name.lower(): name for name in reversed(table.colnames)}
    return [(lower[lon], lower[lat]) for pairs in _USUAL_NAMES.values() for lon, lat in pairs
            if lon in lower and lat in lower]


def _frame(table, names):
    """The frame that the names or the UCDs of the two columns say; ICRS where they say nothing."""
    if _ucd(table, names[0]).startswith("pos.galactic"):
        return "galactic"
    return "galactic" if tuple(name.lower() for name in names) in _USUAL_NAMES["galactic"] else "icrs"


def _degrees(table, name, side):
    column = table[name]
    if column.dtype.kind not in "fiu":
        raise InvalidInputError(f"The column {name!r} of the {side} table holds no numbers.",
                                remedy="give positions in degrees.")
    if column.unit is None:
        raise InvalidInputError(f"The column {name!r} of the {side} table has no unit.",
                                remedy=f"give it one: table[{name!r}].unit = 'deg'.")
    try:
        factor = u.Unit(column.unit).to(u.deg)
    except u.UnitConversionError as error:
        raise InvalidInputError(f"The column {name!r} of the {side} table is in {column.unit}, no angle.",
                                remedy="give positions in degrees.") from error
    values = np.ma.filled(np.ma.asarray(getattr(column, "value", column)).astype(float), np.nan)
    return values if factor == 1 else values * factor


def _from_columns(table, names, side):
    lon, lat = (_degrees(table, name, side) for name in names)
    bad = np.flatnonzero(np.abs(lat) > 90)
    if len(bad):
        raise InvalidInputError(f"{len(bad)} rows of the {side} table have a latitude {names[1]!r} beyond "
                                f"the poles, the first is row {bad[0]} with {lat[bad[0]]} deg.",
                                remedy="latitudes run from -90 to 90 deg.")
    if _frame(table, names) == "icrs":
        return Positions(lon, lat, names)
    icrs = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
    return Positions(icrs.ra.deg, icrs.dec.deg, names)


def _from_skycoord(table, positions, names, side):
    if not isinstance(positions, SkyCoord):
        raise InvalidInputError(f"The column {names[0]!r} of the {side} table is no SkyCoord column.",
                                remedy=f"name longitude and latitude: {side}_coordinates=('ra', 'dec').")
    if positions.shape != (len(table),):
        raise InvalidInputError(f"There are positions of shape {positions.shape} for the {len(table)} rows "
                                f"of the {side} table.", remedy="give one position for each row.")
    icrs = positions.icrs
    return Positions(_unmasked(icrs.ra.deg), _unmasked(icrs.dec.deg), names)


def _unmasked(values):
    return values.filled(np.nan) if hasattr(values, "filled") else np.asarray(values)


def as_table(table, side):
    """A table as astropy's; pandas and Arrow are converted."""
    if isinstance(table, Table):
        return table
    kind = type(table).__module__.partition(".")[0]
    if kind == "pandas":
        return Table.from_pandas(table)
    if kind == "pyarrow":
        return Table.from_pandas(table.to_pandas())
    raise InvalidInputError(f"The {side} side is a {type(table).__name__}, no table.",
                            remedy="give an astropy Table or QTable, or a pandas or Arrow table.")
