# Licensed under a 3-clause BSD style license - see LICENSE
"""What users give: angles, fluxes, positions, names of columns. Checked, and written in ADQL."""

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.coordinates.name_resolve import NameResolveError
from astroquery.utils import parse_coordinates

from ..errors import InvalidInputError
from ..tap.adql import condition, conditions, identifier, literal, parse_select

__all__ = [
    "angle",
    "columns_text",
    "filter_conditions",
    "flux_condition",
    "position",
    "region_condition",
]


def angle(value, name, *, largest=180.0):
    """
    An angle in degrees.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
    name : str
        What the angle is, for messages.
    largest : float
        In degrees.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If it is a bare number, no angle, negative, not finite or too large.
    """
    if not isinstance(value, u.Quantity | str):
        raise InvalidInputError(
            f"The {name} {value!r} has no unit.", remedy="give it a unit, e.g. 0.1*u.deg"
        )
    try:
        degrees = Angle(value).to_value(u.deg)
    except (u.UnitsError, ValueError, TypeError) as error:
        raise InvalidInputError(
            f"The {name} {value!r} is no angle.", remedy="give it a unit of angle, e.g. 0.1*u.deg"
        ) from error
    if np.ndim(degrees) != 0:
        raise InvalidInputError(f"The {name} holds {np.size(degrees)} values.", remedy="give one.")
    if not 0 <= degrees <= largest:
        raise InvalidInputError(
            f"The {name} {value} does not lie between 0 and {largest} deg.",
            remedy=f"give a {name} in that range, e.g. 0.1*u.deg",
        )
    return float(degrees)


def position(coordinates):
    """
    One position as (ra, dec) in degrees, ICRS.

    Parameters
    ----------
    coordinates : `~astropy.coordinates.SkyCoord` or str

    Returns
    -------
    tuple of float

    Raises
    ------
    InvalidInputError
        If it cannot be parsed, is not one position, or is not finite.
    """
    if not isinstance(coordinates, str) and not hasattr(coordinates, "transform_to"):
        raise InvalidInputError(
            f"{coordinates!r} is no position.",
            remedy="give a SkyCoord, or a text such as '10h21m30s -12d30m' or '3C 273'.",
        )
    try:
        place = parse_coordinates(coordinates)
        place = SkyCoord(place).icrs
    except (ValueError, TypeError, u.UnitsError, NameResolveError) as error:
        raise InvalidInputError(
            f"{coordinates!r} is no position: {error}",
            remedy="give a SkyCoord, or a text such as '10h21m30s -12d30m'.",
        ) from error
    if not place.isscalar:
        raise InvalidInputError(
            f"{place.size} positions were given.",
            remedy="give one; for many, use crossmatch_tables on the whole table.",
        )
    ra, dec = (np.ma.filled(np.ma.asarray(part.deg), np.nan) for part in (place.ra, place.dec))
    if not (np.isfinite(ra) and np.isfinite(dec)):
        raise InvalidInputError(
            "The position is not a number (NaN), or is masked.", remedy="give a finite position."
        )
    return float(ra), float(dec)


def region_condition(spatial, coordinates, radius, width, polygon):
    """
    The condition of a region of the sky, as `astroquery.heasarc` writes it.

    Parameters
    ----------
    spatial : {'cone', 'box', 'polygon', 'all-sky'}
    coordinates : `~astropy.coordinates.SkyCoord` or str or None
    radius, width : `~astropy.units.Quantity` or str or None
    polygon : list or None

    Returns
    -------
    str
    """
    kind = spatial.lower() if isinstance(spatial, str) else spatial
    if kind == "all-sky":
        return ""
    if kind == "polygon":
        corners = ",".join(literal(number) for corner in _corners(polygon) for number in corner)
        return f"CONTAINS(POINT('ICRS',ra,dec),POLYGON('ICRS',{corners}))=1"
    if kind not in ("cone", "box"):
        raise InvalidInputError(
            f"{spatial!r} is no kind of region.",
            remedy="use one of 'cone', 'box', 'polygon' or 'all-sky'.",
        )
    if coordinates is None:
        raise InvalidInputError(f"A {kind} needs coordinates.", remedy="give a SkyCoord.")
    ra, dec = position(coordinates)
    center = f"{literal(ra)},{literal(dec)}"
    if kind == "cone":
        return f"CONTAINS(POINT('ICRS',ra,dec),CIRCLE('ICRS',{center},{literal(angle(radius, 'radius'))}))=1"
    if width is None:
        raise InvalidInputError("A box needs a width.", remedy="give one, e.g. width=1*u.deg")
    side = literal(angle(width, "width", largest=360.0))
    return f"CONTAINS(POINT('ICRS',ra,dec),BOX('ICRS',{center},{side},{side}))=1"


def _corners(polygon):
    """Corners as (ra, dec) in degrees; bare pairs of numbers are degrees, as in astroquery."""
    if polygon is None or isinstance(polygon, str) or len(polygon) < 3:
        raise InvalidInputError(
            "A polygon needs three corners or more.",
            remedy="give a list of SkyCoord, or of (ra, dec) in degrees.",
        )
    corners = []
    for corner in polygon:
        if isinstance(corner, tuple | list) and len(corner) == 2:
            try:
                corner = (
                    SkyCoord(*corner)
                    if isinstance(corner[0], u.Quantity | str)
                    else SkyCoord(*corner, unit="deg")
                )
            except (ValueError, TypeError, u.UnitsError) as error:
                raise InvalidInputError(f"{corner!r} is no corner of a polygon: {error}") from error
        corners.append(position(corner))
    return corners


def columns_text(columns, default):
    """
    The select list.

    Parameters
    ----------
    columns : str, list of str or None
        A list of names; or a text: names separated by commas, or ``*``.
    default : list of str
        What None stands for; empty for all columns.

    Returns
    -------
    str
    """
    if columns is None:
        columns = default or "*"
    if isinstance(columns, str):
        if not columns.strip():
            raise InvalidInputError(
                "No columns were named.", remedy="give a list of names, or '*' for all."
            )
        items = parse_select(f"SELECT {columns} FROM t").items
        return ", ".join(
            identifier(item.text) if item.column == item.text else item.text for item in items
        )
    names = list(columns)
    if not names:
        raise InvalidInputError(
            "The list of columns is empty.", remedy="give at least one name, or '*' for all."
        )
    return ", ".join(name if name == "*" else identifier(name) for name in names)


def filter_conditions(filters):
    """
    Conditions of ``column_filters``; every filter is there, or an error is raised.

    Parameters
    ----------
    filters : dict or None
        Column to value; see `astroquery_cfx.tap.adql.condition`.

    Returns
    -------
    list of str
    """
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


def flux_condition(column, flux):
    """
    The condition of a least energy flux.

    Parameters
    ----------
    column : str
    flux : `~astropy.units.Quantity` or None
        In units of energy by area and time.

    Returns
    -------
    str
    """
    if flux is None:
        return ""
    if not isinstance(flux, u.Quantity):
        raise InvalidInputError(
            f"min_flux {flux!r} has no unit.", remedy="give it one, e.g. 1e-14*u.erg/u.s/u.cm**2"
        )
    try:
        value = flux.to_value(u.erg / u.s / u.cm**2)
    except u.UnitsError as error:
        raise InvalidInputError(
            f"min_flux {flux} is no energy flux.",
            remedy="give it in erg/s/cm2, e.g. 1e-14*u.erg/u.s/u.cm**2",
        ) from error
    if np.ndim(value) != 0 or not np.isfinite(value):
        raise InvalidInputError(f"min_flux {flux} is not one finite value.")
    return condition(column, (">=", float(value)))
