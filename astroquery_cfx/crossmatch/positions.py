# Licensed under a 3-clause BSD style license - see LICENSE
"""Where a table keeps its positions: by SkyCoord column, by UCD, by usual names, or as told."""

import warnings
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery.exceptions import InputWarning

from ..arrays import column_floats, to_floats
from ..errors import InvalidInputError, MissingDependencyError

__all__ = ["Positions", "as_table", "find_positions"]

# Longitude and latitude, in small letters.
_USUAL_NAMES = {
    "icrs": [
        ("ra", "dec"),
        ("raj2000", "dej2000"),
        ("raj2000", "decj2000"),
        ("ra_icrs", "de_icrs"),
        ("_raj2000", "_dej2000"),
    ],
    "galactic": [("glon", "glat"), ("lii", "bii"), ("l", "b")],
}
# UCD1+, and UCD1 as older VOTables have it.
_UCDS = {
    "icrs": (("pos.eq.ra", "pos_eq_ra"), ("pos.eq.dec", "pos_eq_dec")),
    "galactic": (("pos.galactic.lon", "pos_gal_lon"), ("pos.galactic.lat", "pos_gal_lat")),
}


@dataclass(frozen=True)
class Positions:
    """ICRS positions of the rows of a table in degrees, NaN where there is none, and their columns."""

    ra: np.ndarray
    dec: np.ndarray
    columns: tuple

    @property
    def num_missing(self):
        """How many rows have no usable position."""
        limits = [
            limit for side in (self.ra, self.dec) if len(side) for limit in (side.min(), side.max())
        ]
        if np.isfinite(limits).all():  # the usual case, without an array of flags
            return 0
        return int(np.sum(~(np.isfinite(self.ra) & np.isfinite(self.dec))))


def find_positions(table, given=None, *, side="left"):
    """
    Positions of the rows of a table.

    They are looked for in this order: a SkyCoord column, columns with the UCDs of a position (those with
    ``meta.main`` first), columns with usual names (ra and dec, RAJ2000 and DEJ2000, GLON and GLAT, lii and
    bii, l and b; in any case). Two equatorial positions, or two Galactic ones, are not chosen from: that
    is an error. Of an equatorial and a Galactic one the equatorial is taken, and a warning says so.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    given : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        Positions of the rows; or the name of a SkyCoord column; or the names of longitude and
        latitude, which are Galactic where their UCDs or names say so, else ICRS.
    side : str, optional
        What messages call the table.

    Returns
    -------
    `Positions`
        ICRS positions in degrees.

    Raises
    ------
    InvalidInputError
        If there are no positions, more than one candidate, no unit, a wrong length, or latitudes
        beyond the poles.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.crossmatch.positions import find_positions
    >>> table = Table({"GLON": [0.0], "GLAT": [0.0]}, units={"GLON": "deg", "GLAT": "deg"})
    >>> positions = find_positions(table)
    >>> print(positions.columns, positions.ra.round(3), positions.dec.round(3))
    ('GLON', 'GLAT') [266.405] [-28.936]
    """
    if isinstance(given, SkyCoord):
        return _from_skycoord(table, given, (), side)
    names = _look_for(table, side) if given is None else _named(given, side)
    unknown = [name for name in names if name not in table.colnames]
    if unknown:
        raise InvalidInputError(
            f"The {side} table has no column {', '.join(map(repr, unknown))}.",
            remedy=f"its columns are {', '.join(table.colnames)}.",
        )
    if len(names) == 1:
        return _from_skycoord(table, table[names[0]], names, side)
    return _from_columns(table, names, side)


def _named(given, side):
    names = (given,) if isinstance(given, str) else given
    if (
        not isinstance(names, tuple | list)
        or len(names) not in (1, 2)
        or not all(isinstance(name, str) for name in names)
    ):
        raise InvalidInputError(
            f"{side}_coordinates={given!r} are no positions.",
            remedy="give a SkyCoord, the name of a SkyCoord column, or the names of two columns.",
        )
    return tuple(names)


def _look_for(table, side):
    skycoords = [(name,) for name in table.colnames if isinstance(table[name], SkyCoord)]
    for found in ({"icrs": skycoords}, _by_ucd(table), _by_name(table)):
        for several in found.values():
            if len(several) > 1:
                raise InvalidInputError(
                    f"The {side} table has more than one position: {_listed(several)}.",
                    remedy=f"say which: {side}_coordinates={several[0]!r}.",
                )
        candidates = [names for several in found.values() for names in several]
        if len(candidates) > 1:
            warnings.warn(
                f"The {side} table has the positions {_listed(candidates)}: "
                f"{_listed(candidates[:1])} are used. Say which with "
                f"{side}_coordinates={candidates[0]!r}.",
                InputWarning,
                stacklevel=4,
            )
        if candidates:
            return candidates[0]
    raise InvalidInputError(
        f"The {side} table has no columns that are known to be positions.",
        remedy=f"name them: {side}_coordinates=('ra', 'dec'); its columns are "
        f"{', '.join(table.colnames)}.",
    )


def _listed(candidates):
    return " and ".join(", ".join(names) for names in candidates)


def _by_ucd(table):
    """Columns with the UCDs of a position; only the main ones where some are marked so."""
    found = {
        frame: _pairs(*(_with_ucd(table, ucds) for ucds in pair)) for frame, pair in _UCDS.items()
    }
    main = {
        frame: [names for names in several if all("main" in _ucd(table, name) for name in names)]
        for frame, several in found.items()
    }
    return main if any(main.values()) else found


def _with_ucd(table, ucds):
    names = [name for name in table.colnames if _ucd(table, name).startswith(ucds)]
    return [name for name in names if "main" in _ucd(table, name)] or names


def _pairs(longitudes, latitudes):
    """The first longitude with the first latitude, and so on; each with each where they do not pair off."""
    if len(longitudes) == len(latitudes):
        return list(zip(longitudes, latitudes, strict=True))
    return [(longitude, latitude) for longitude in longitudes for latitude in latitudes]


def _ucd(table, name):
    meta = getattr(table[name].info, "meta", None) or {}
    return str(meta.get("ucd") or "").lower()


def _by_name(table):
    lower = {}
    for name in table.colnames:
        lower.setdefault(name.lower(), []).append(name)
    return {
        frame: [
            pair for names in pairs for pair in _pairs(*(lower.get(name, []) for name in names))
        ]
        for frame, pairs in _USUAL_NAMES.items()
    }


def _is_galactic(table, names):
    if _ucd(table, names[0]):
        return _ucd(table, names[0]).startswith(_UCDS["galactic"][0])
    return tuple(name.lower() for name in names) in _USUAL_NAMES["galactic"]


def _from_columns(table, names, side):
    lon, lat = (column_floats(table, name, u.deg, label=f"{side} table") for name in names)
    bad = []
    if len(lat) and not (lat.min() >= -90 and lat.max() <= 90):  # out of range, or NaN
        bad = np.flatnonzero(np.abs(lat) > 90)
    if len(bad):
        raise InvalidInputError(
            f"{len(bad)} rows of the {side} table have a latitude {names[1]!r} beyond "
            f"the poles, the first is row {bad[0]} with {lat[bad[0]]} deg.",
            remedy="latitudes run from -90 to 90 deg.",
        )
    if not _is_galactic(table, names):
        return Positions(lon, lat, names)
    icrs = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
    return Positions(icrs.ra.deg, icrs.dec.deg, names)


def _from_skycoord(table, positions, names, side):
    if not isinstance(positions, SkyCoord):
        raise InvalidInputError(
            f"The column {names[0]!r} of the {side} table is no SkyCoord column.",
            remedy=f"name longitude and latitude: {side}_coordinates=('ra', 'dec').",
        )
    if positions.shape != (len(table),):
        raise InvalidInputError(
            f"There are positions of shape {positions.shape} for the {len(table)} rows "
            f"of the {side} table.",
            remedy="give one position for each row.",
        )
    icrs = positions.icrs
    return Positions(to_floats(icrs.ra.deg), to_floats(icrs.dec.deg), names)


def as_table(table, side):
    """
    A table as astropy's: pandas, and what else astropy converts (Arrow, polars).

    Parameters
    ----------
    table : `~astropy.table.Table`, or a table of another library
        The table.
    side : str
        What messages call it.

    Returns
    -------
    `~astropy.table.Table`
        The same object where it is one already.

    Raises
    ------
    InvalidInputError
        If it is no table.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.crossmatch.positions import as_table
    >>> table = Table({"ra": [1.0]})
    >>> as_table(table, "left") is table
    True
    """
    if isinstance(table, Table):
        return table
    library = type(table).__module__.partition(".")[0]
    if library == "pandas":
        return Table.from_pandas(table)
    if library not in ("pyarrow", "polars"):
        raise InvalidInputError(
            f"The {side} side is a {type(table).__name__}, no table.",
            remedy="give an astropy Table or QTable, or a pandas or Arrow table.",
        )
    try:
        return Table.from_pandas(table.to_pandas())
    except ImportError as error:
        raise MissingDependencyError(
            f"The {side} side is a table of {library}: it is converted by way of "
            "pandas, which is not installed.",
            remedy="pip install pandas.",
        ) from error
