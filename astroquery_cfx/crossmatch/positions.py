# Licensed under a 3-clause BSD style license - see LICENSE
"""Where a table has its positions: found by SkyCoord column, UCD or usual name, or as told."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery.exceptions import InputWarning

from ..arrays import column_floats, get_column, to_floats
from ..errors import InvalidInputError, MissingDependencyError

# Names of longitude and latitude, in lower case, as in the tables of CDS, HEASARC and the LAT team.
_USUAL_NAMES = {
    "icrs": [
        "ra dec",
        "raj2000 dej2000",
        "raj2000 decj2000",
        "ra_icrs de_icrs",
        "_raj2000 _dej2000",
    ],
    "galactic": ["glon glat", "lii bii", "l b"],
}
# UCD1+ (IVOA Recommendation "The UCD1+ controlled vocabulary"), and UCD1 as in older VOTables.
_UCDS = {
    "icrs": (("pos.eq.ra", "pos_eq_ra"), ("pos.eq.dec", "pos_eq_dec")),
    "galactic": (("pos.galactic.lon", "pos_gal_lon"), ("pos.galactic.lat", "pos_gal_lat")),
}


@dataclass(frozen=True)
class Positions:
    """ICRS positions of the rows of a table in degrees, NaN where unknown, and their columns."""

    ra: np.ndarray
    dec: np.ndarray
    columns: tuple[str, ...]

    @property
    def num_missing(self) -> int:
        """Number of rows without a usable position."""
        return int(np.count_nonzero(~(np.isfinite(self.ra) & np.isfinite(self.dec))))


def find_positions(table: Table, given: Any = None, *, side: str = "left") -> Positions:
    """
    Return the positions of the rows of a table; ``side`` is what messages call it.

    ``given`` is a SkyCoord, the name of a SkyCoord column, or the names of longitude and latitude
    (ICRS, unless UCD or names say Galactic). By default they are looked for.
    """
    if isinstance(given, SkyCoord):
        return _from_skycoord(table, given, (), side)
    names = _find_columns(table, side) if given is None else given
    names = (names,) if isinstance(names, str) else names
    is_known = isinstance(names, tuple | list) and all(isinstance(name, str) for name in names)
    if not is_known or len(names) not in (1, 2):
        raise InvalidInputError(
            f"{side}_coordinates={given!r} are not positions.",
            remedy="give a SkyCoord, the name of its column, or the names of two columns.",
        )
    names = tuple(names)
    if len(names) == 1:
        return _from_skycoord(table, get_column(table, *names, label=f"{side} table"), names, side)
    lon, lat = (column_floats(table, name, u.deg, label=f"{side} table") for name in names)
    wrong = np.flatnonzero((lat < -90) | (lat > 90))
    if len(wrong):
        raise InvalidInputError(
            f"{len(wrong)} rows of the {side} table have a latitude {names[1]!r} beyond the poles, "
            f"the first is row {wrong[0]} with {lat[wrong[0]]} deg.",
            remedy="latitudes run from -90 to 90 deg.",
        )
    ucd = _ucd(table, names[0])
    has_usual_name = " ".join(names).lower() in _USUAL_NAMES["galactic"]
    if ucd.startswith(_UCDS["galactic"][0]) if ucd else has_usual_name:
        galactic = SkyCoord(lon, lat, unit="deg", frame="galactic")
        return _from_skycoord(table, galactic, names, side)
    return Positions(lon, lat, names)


def _from_skycoord(table: Table, positions: Any, names: tuple[str, ...], side: str) -> Positions:
    if not isinstance(positions, SkyCoord):
        raise InvalidInputError(
            f"The column {names[0]!r} of the {side} table is not a SkyCoord column.",
            remedy=f"name longitude and latitude: {side}_coordinates=('ra', 'dec').",
        )
    if positions.shape != (len(table),):
        raise InvalidInputError(
            f"There are positions of shape {positions.shape} for {len(table)} {side} rows.",
            remedy="give one position for each row.",
        )
    icrs = positions.icrs
    return Positions(to_floats(icrs.ra.deg), to_floats(icrs.dec.deg), names)


def _find_columns(table: Table, side: str) -> tuple[str, ...]:
    """
    Return the column or columns of the positions: a SkyCoord, else by UCD, else by usual names.

    Two equatorial positions, or two Galactic ones, are ambiguous: an error. Equatorial positions go
    before Galactic ones, with a warning.
    """
    skycoords = [(name,) for name in table.colnames if isinstance(table[name], SkyCoord)]
    by_ucd: dict[str, list] = {}
    by_main_ucd: dict[str, list] = {}
    by_name: dict[str, list] = {}
    for frame in ("icrs", "galactic"):
        sides = []
        for ucds in _UCDS[frame]:
            names = [name for name in table.colnames if _ucd(table, name).startswith(ucds)]
            sides.append([name for name in names if "main" in _ucd(table, name)] or names)
        by_ucd[frame] = _pair_off(*sides)
        by_main_ucd[frame] = [
            pair for pair in by_ucd[frame] if all("main" in _ucd(table, name) for name in pair)
        ]
        by_name[frame] = []
        for usual in _USUAL_NAMES[frame]:
            wanted = usual.split()
            sides = [[name for name in table.colnames if name.lower() == one] for one in wanted]
            by_name[frame] += _pair_off(*sides)
    by_ucd = by_main_ucd if any(by_main_ucd.values()) else by_ucd
    for found in ({"icrs": skycoords}, by_ucd, by_name):
        for several in found.values():
            if len(several) > 1:
                raise InvalidInputError(
                    f"The {side} table has more than one position: {_listed(several)}.",
                    remedy=f"say which: {side}_coordinates={several[0]!r}.",
                )
        candidates = [names for several in found.values() for names in several]
        if len(candidates) > 1:
            used = _listed(candidates[:1])
            warnings.warn(
                f"The {side} table has the positions {_listed(candidates)}: {used} are used. Say "
                f"which with {side}_coordinates={candidates[0]!r}.",
                InputWarning,
                stacklevel=4,  # the caller of crossmatch_tables
            )
        if candidates:
            return candidates[0]
    columns = ", ".join(table.colnames)
    raise InvalidInputError(
        f"The {side} table has no columns that are known to be positions.",
        remedy=f"name them: {side}_coordinates=('ra', 'dec'); its columns are {columns}.",
    )


def _pair_off(longitudes: list[str], latitudes: list[str]) -> list[tuple[str, str]]:
    """Pair the first longitude with the first latitude, ...; each with each if numbers differ."""
    if len(longitudes) == len(latitudes):
        return list(zip(longitudes, latitudes, strict=True))
    return [(longitude, latitude) for longitude in longitudes for latitude in latitudes]


def _listed(candidates: list) -> str:
    return " and ".join(", ".join(names) for names in candidates)


def _ucd(table: Table, name: str) -> str:
    meta = getattr(table[name].info, "meta", None) or {}
    return str(meta.get("ucd") or "").lower()


def as_table(table: Any, side: str) -> Table:
    """Return a table as astropy's, also from pandas, Arrow or polars. Messages name its side."""
    if isinstance(table, Table):
        return table
    library = type(table).__module__.partition(".")[0]
    if library not in ("pandas", "pyarrow", "polars"):
        raise InvalidInputError(
            f"The {side} side is a {type(table).__name__}, not a table.",
            remedy="give an astropy Table or QTable, or a pandas or Arrow table.",
        )
    try:
        return Table.from_pandas(table if library == "pandas" else table.to_pandas())
    except ImportError as error:
        raise MissingDependencyError(
            f"Tables of {library} are converted by way of pandas, which is not installed.",
            remedy="pip install pandas.",
        ) from error
