# Licensed under a 3-clause BSD style license - see LICENSE
"""What users give to the associations -> plain arrays in degrees, checked before any work."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from ..crossmatch.ellipse import ErrorEllipse, axis_scale
from ..crossmatch.positions import find_positions
from ..errors import InvalidInputError
from .candidates import LeftSources, Regions

__all__ = ["field_centers", "known_counterparts", "left_sources", "regions"]

_ELLIPSE = ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng")
_TEMPLATE = ("Region_SemiMajor", "Region_SemiMinor", "Region_PosAng")
_MODEL = ("Model_SemiMajor", "Model_SemiMinor", "Model_PosAng")
_COUNTERPART = ("RA_Counterpart", "DEC_Counterpart")
_LEFT_ERROR = "error_ellipse_r0"


def column_values(table, name, side, unit=None):
    """Values of a column of numbers as floats in a unit, NaN where masked."""
    if name not in table.colnames:
        raise InvalidInputError(
            f"The {side} table has no column {name!r}.",
            remedy=f"its columns are {', '.join(table.colnames)}.",
        )
    column = table[name]
    if getattr(column, "dtype", np.dtype("O")).kind not in "fiu" or column.ndim != 1:
        raise InvalidInputError(
            f"The column {name!r} of the {side} table does not hold one number a row.",
            remedy="name a column of numbers.",
        )
    values = np.ma.filled(np.ma.asarray(_bare(column)).astype(float), np.nan)
    return values if unit is None else values * _factor(column.unit, unit, name, side)


def _bare(column):
    """The numbers of a column, as a masked array where some are missing."""
    value = getattr(column, "value", column)
    if hasattr(value, "unmasked"):
        return np.ma.MaskedArray(np.asarray(value.unmasked), mask=np.asarray(value.mask))
    return value


def _factor(given, unit, name, side):
    if given is None:
        raise InvalidInputError(
            f"The column {name!r} of the {side} table has no unit.",
            remedy=f"give it one: table[{name!r}].unit = {str(unit)!r}.",
        )
    try:
        return u.Unit(given).to(unit)
    except u.UnitConversionError as error:
        raise InvalidInputError(
            f"The column {name!r} of the {side} table is in {given}, not in {unit}.",
            remedy=f"name a column in {unit}.",
        ) from error


def left_sources(table, *, coordinates, error, flux):
    """
    The left rows that have a position.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The left table.
    coordinates, error, flux
        As for `associate_tables`.

    Returns
    -------
    `LeftSources`, str or None
        The sources, and the column of the position errors.
    """
    positions = find_positions(table, coordinates, side="left")
    if error is None and _LEFT_ERROR in table.colnames:
        error = _LEFT_ERROR
    sigma = np.zeros(len(table))
    if error is not None:
        sigma = column_values(table, error, "left", u.deg) / axis_scale(0.95)
        if np.any(sigma < 0):
            raise InvalidInputError(
                f"{np.sum(sigma < 0)} values of {error!r} of the left table are negative.",
                remedy="give radii of zero or more.",
            )
        missing = ~np.isfinite(sigma)
        if missing.any():
            sigma = np.where(missing, 0.0 if missing.all() else np.median(sigma[~missing]), sigma)
    rows = np.flatnonzero(np.isfinite(positions.ra) & np.isfinite(positions.dec))
    values = None if flux is None else column_values(table, flux, "left")[rows]
    return LeftSources(
        rows, positions.ra[rows] % 360, positions.dec[rows], sigma[rows], values
    ), error


def regions(table, *, coordinates, ellipse, extended, containment):
    """
    The regions of the right rows: error ellipses, and extents of extended sources.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The right table.
    coordinates, ellipse, extended, containment
        As for `associate_tables`.

    Returns
    -------
    `Regions`
        Of the rows that have a position and a region.
    """
    axis_scale(containment)  # refuses what is no share
    positions = find_positions(table, coordinates, side="right")
    major, minor, angle, held = _ellipse(table, ellipse)
    scale = axis_scale(held)
    shape = [major / scale, minor / scale, angle]
    extents = _extents(table, extended)
    is_extended = ~np.isfinite(shape[0]) & (extents[0] > 0)
    shape = [
        np.where(is_extended, extent, axis) for axis, extent in zip(shape, extents, strict=True)
    ]
    usable = (
        np.isfinite(positions.ra) & np.isfinite(positions.dec) & (shape[0] > 0) & (shape[1] > 0)
    )
    rows = np.flatnonzero(usable & np.isfinite(shape[2]))
    return Regions(
        rows,
        positions.ra[rows] % 360,
        positions.dec[rows],
        *(axis[rows] for axis in shape),
        is_extended[rows],
        float(containment),
    )


def _ellipse(table, ellipse):
    """Semi-axes and angle in degrees, and what they hold."""
    if ellipse is None:
        if any(name not in table.colnames for name in _ELLIPSE):
            raise InvalidInputError(
                "The right table has no columns that are known to be error ellipses.",
                remedy="name them: ellipse=ErrorEllipse('major', 'minor', 'angle').",
            )
        ellipse = ErrorEllipse(*_ELLIPSE, containment=0.95)
    if not isinstance(ellipse, ErrorEllipse):
        raise InvalidInputError(
            f"ellipse is a {type(ellipse).__name__}, no ErrorEllipse.",
            remedy="give ErrorEllipse('major', 'minor', 'angle', containment=0.95).",
        )
    return *(axis.astype(float) for axis in ellipse.of(table).degrees()), ellipse.containment


def _extents(table, extended):
    """Semi-axes and angle of the templates of extended sources, NaN where there is none."""
    nothing = [np.full(len(table), np.nan)] * 3
    if extended is not None:
        return _joined_extents(table, extended)
    if "Region_Kind" not in table.colnames or any(name not in table.colnames for name in _TEMPLATE):
        return nothing
    is_template = np.ma.filled(np.ma.asarray(table["Region_Kind"]).astype(str), "") == "template"
    axes = [column_values(table, name, "right", u.deg) for name in _TEMPLATE]
    return _whole_axes([np.where(is_template, axis, np.nan) for axis in axes])


def _joined_extents(table, extended):
    if "Extended_Source_Name" not in table.colnames:
        raise InvalidInputError(
            "The right table has no column 'Extended_Source_Name'.",
            remedy="leave extended out, or add the column.",
        )
    axes = [np.append(column_values(extended, name, "extended", u.deg), np.nan) for name in _MODEL]
    names = np.char.strip(np.asarray(extended["Source_Name"]).astype(str)).tolist()
    place = {name: row for row, name in enumerate(names)}
    wanted = np.ma.filled(np.ma.asarray(table["Extended_Source_Name"]).astype(str), "").tolist()
    rows = np.array([place.get(name.strip(), -1) for name in wanted], dtype=int)
    return _whole_axes([axis[rows] for axis in axes])


def _whole_axes(axes):
    """A template that gives one axis only is a disc."""
    major, minor, angle = axes
    minor = np.where(minor > 0, minor, major)
    return [major, minor, np.where(np.isfinite(angle), angle, np.where(major > 0, 0.0, np.nan))]


def field_centers(fields, radius):
    """
    Centres of the observed fields, or None, and their radius, in degrees.

    Parameters
    ----------
    fields : `~astropy.coordinates.SkyCoord`, `~astropy.table.Table` or None
        The centres.
    radius : `~astropy.units.Quantity`
        The radius.

    Returns
    -------
    tuple of two `~numpy.ndarray` or None, float
    """
    if not isinstance(radius, u.Quantity) or not radius.unit.is_equivalent(u.deg) or not radius > 0:
        raise InvalidInputError(
            f"field_radius={radius!r} is no angle above zero.",
            remedy="give it a unit, e.g. 8*u.arcmin.",
        )
    radius = float(radius.to_value(u.deg))
    if fields is None:
        return None, radius
    if isinstance(fields, SkyCoord):
        ra, dec = np.atleast_1d(fields.icrs.ra.deg), np.atleast_1d(fields.icrs.dec.deg)
    elif isinstance(fields, Table):
        positions = find_positions(fields, side="fields")
        ra, dec = positions.ra, positions.dec
    else:
        raise InvalidInputError(
            f"fields is a {type(fields).__name__}, neither positions nor a table.",
            remedy="give a SkyCoord or a table with the centres.",
        )
    keep = np.isfinite(ra) & np.isfinite(dec)
    return (np.asarray(ra[keep], dtype=float), np.asarray(dec[keep], dtype=float)), radius


def known_counterparts(table, training, rows):
    """
    What is known of true counterparts: their positions, or their fluxes.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The right table.
    training
        As for `associate_tables`.
    rows : `~numpy.ndarray` of int
        The right rows that have a region.

    Returns
    -------
    dict
        Arguments of `~astroquery_cfx.association.candidates.learn`: ``true`` or ``true_flux`` or nothing.
    """
    if training is None:
        training = _COUNTERPART if set(_COUNTERPART) <= set(table.colnames) else "learn"
    if isinstance(training, str) and training == "learn":
        return {}
    if isinstance(training, SkyCoord) or (isinstance(training, tuple) and len(training) == 2):
        positions = find_positions(table, training, side="right")
        return {"true": (positions.ra[rows], positions.dec[rows])}
    try:
        flux = np.asarray(getattr(training, "value", training), dtype=float)
    except (TypeError, ValueError):
        flux = np.empty((0, 0))
    if flux.ndim != 1 or not np.sum(flux > 0) > 1:
        raise InvalidInputError(
            f"training={training!r} is neither positions nor fluxes of counterparts.",
            remedy="give a SkyCoord, two names of columns, fluxes of at least two "
            "counterparts, or 'learn'.",
        )
    return {"true_flux": flux}
