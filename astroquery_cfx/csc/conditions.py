# Licensed under a 3-clause BSD style license - see LICENSE
"""What users ask for (columns, filters, fluxes, regions), checked and written as ADQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.coordinates.name_resolve import NameResolveError
from astroquery.utils import parse_coordinates

from ..arrays import angle_in_degrees, to_floats
from ..errors import InvalidInputError
from ..tap.adql import condition, conditions, identifier, literal, parse_select

_UNREADABLE = (ValueError, TypeError, u.UnitsError, NameResolveError)


def position(coordinates: SkyCoord | str) -> tuple[float, float]:
    """Return one finite position as ICRS right ascension and declination in degrees."""
    try:
        place = SkyCoord(parse_coordinates(coordinates)).icrs
    except _UNREADABLE as error:
        raise InvalidInputError(
            f"{coordinates!r} is not a position: {error}",
            remedy="give a SkyCoord, or a text such as '10h21m30s -12d30m' or '3C 273'.",
        ) from error
    if not place.isscalar:
        raise InvalidInputError(
            f"{place.size} positions were given.",
            remedy="give one; for many, use crossmatch_tables on the whole table.",
        )
    ra, dec = float(to_floats(place.ra.deg)), float(to_floats(place.dec.deg))
    if not (np.isfinite(ra) and np.isfinite(dec)):
        raise InvalidInputError(
            "The position is not a number (NaN), or is masked.", remedy="give a finite position."
        )
    return ra, dec


def region_condition(
    spatial: str,
    coordinates: SkyCoord | str | None,
    radius: u.Quantity | str | None,
    width: u.Quantity | str | None,
    polygon: Sequence | None,
) -> str:
    """
    Write the condition for a region of the sky, the way `astroquery.heasarc` writes it.

    It names the columns ra and dec, which every HEASARC table with positions has.
    """
    if spatial == "all-sky":
        return ""
    if spatial == "polygon":
        corners = ",".join(literal(number) for corner in _corners(polygon) for number in corner)
        return f"CONTAINS(POINT('ICRS',ra,dec),POLYGON('ICRS',{corners}))=1"
    if spatial not in ("cone", "box"):
        raise InvalidInputError(
            f"{spatial!r} is not a kind of region.",
            remedy="use one of 'cone', 'box', 'polygon' or 'all-sky'.",
        )
    if coordinates is None:
        raise InvalidInputError(f"A {spatial} needs coordinates.", remedy="give a SkyCoord.")
    center = ",".join(literal(number) for number in position(coordinates))
    if spatial == "cone":
        shape = f"CIRCLE('ICRS',{center},{literal(angle_in_degrees(radius, 'radius'))})"
    elif width is None:
        raise InvalidInputError("A box needs a width.", remedy="give one, e.g. width=1*u.deg.")
    else:
        side = literal(angle_in_degrees(width, "width", largest=360.0))
        shape = f"BOX('ICRS',{center},{side},{side})"
    return f"CONTAINS(POINT('ICRS',ra,dec),{shape})=1"


def _corners(polygon: Sequence | None) -> list[tuple[float, float]]:
    """Return the corners in degrees. Bare numbers are degrees, as in `astroquery.heasarc`."""
    if polygon is None or isinstance(polygon, str) or len(polygon) < 3:
        raise InvalidInputError(
            "A polygon needs three corners or more.",
            remedy="give a list of SkyCoord, or of (ra, dec) in degrees.",
        )
    corners = []
    for corner in polygon:
        if isinstance(corner, tuple | list) and len(corner) == 2:
            unit = {} if isinstance(corner[0], u.Quantity | str) else {"unit": "deg"}
            try:
                corner = SkyCoord(*corner, **unit)
            except _UNREADABLE as error:
                raise InvalidInputError(
                    f"{corner!r} is not a corner of a polygon: {error}",
                    remedy="give a SkyCoord, or (ra, dec) in degrees.",
                ) from error
        corners.append(position(corner))
    return corners


def columns_text(columns: str | Sequence[str] | None, default: Sequence[str] = ()) -> str:
    """Write a select list: of names, of a text such as ``name, ra`` or ``*``, or of the default."""
    if columns is None:
        columns = default or "*"
    if not (columns.strip() if isinstance(columns, str) else list(columns)):
        raise InvalidInputError(
            "No columns were named.", remedy="give at least one name, or '*' for all."
        )
    if not isinstance(columns, str):
        return ", ".join(name if name == "*" else identifier(name) for name in columns)
    # A text may hold expressions, such as AVG(ra) AS mean. Only plain names are quoted where ADQL
    # reserves them, like "time" in chanmaster.
    items = parse_select(f"SELECT {columns} FROM t").items
    return ", ".join(
        identifier(item.text) if item.column == item.text else item.text for item in items
    )


def filter_conditions(filters: Mapping | None) -> list[str]:
    """Write each filter of a dict as a condition; none is dropped without an error."""
    if filters is None:
        return []
    if not hasattr(filters, "items"):
        raise InvalidInputError(
            f"column_filters is a {type(filters).__name__}.",
            remedy="give a dict, e.g. {'exposure': ('>', 10000)}.",
        )
    for name, value in filters.items():
        parts = value if isinstance(value, tuple | list) else [value]
        if any(isinstance(part, u.Quantity) for part in parts):
            raise InvalidInputError(
                f"The filter of {name} has a unit.",
                remedy="give the number in the unit of the archive's column.",
            )
    return conditions({identifier(name): value for name, value in filters.items()})


def flux_condition(column: str, flux: u.Quantity | None) -> str:
    """Write the condition for a least energy flux; the archive's fluxes are in erg/s/cm2."""
    if flux is None:
        return ""
    try:
        value = flux.to_value(u.erg / u.s / u.cm**2)
    except (AttributeError, u.UnitsError) as error:
        raise InvalidInputError(
            f"min_flux {flux} is not an energy flux with a unit.",
            remedy="give it in erg/s/cm2, e.g. 1e-14*u.erg/u.s/u.cm**2.",
        ) from error
    if np.ndim(value) != 0 or not np.isfinite(value):
        raise InvalidInputError(f"min_flux {flux} is not one finite value.")
    return condition(column, (">=", float(value)))
