# Licensed under a 3-clause BSD style license - see LICENSE
"""The steps that choose rows. Each takes a table, gives a table, and can be used alone."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from ..errors import InvalidInputError
from ..fermi.classes import class_code

__all__ = [
    "FLUX",
    "angle",
    "flux_statistics",
    "galactic_coordinates",
    "numbers",
    "select_classes",
    "select_observed",
    "select_plane",
    "select_positive",
]

FLUX = u.erg / u.s / u.cm**2


def numbers(column):
    """Return plain doubles with NaN where a cell is masked."""
    return np.ma.filled(np.ma.asarray(getattr(column, "value", column)).astype(float), np.nan)


def galactic_coordinates(table, *, longitude="ra", latitude="dec"):
    """
    Galactic positions of a table of ICRS positions, in double precision.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table, with positions in degrees.
    longitude, latitude : str, optional
        Names of the columns of right ascension and declination.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        One Galactic position a row; NaN where a row has none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import galactic_coordinates
    >>> center = galactic_coordinates(Table({"ra": [266.405], "dec": [-28.936]}))
    >>> print(f"{abs(center.b[0].deg):.3f}")
    0.000
    """
    return SkyCoord(numbers(table[longitude]), numbers(table[latitude]), unit="deg").galactic


def select_observed(observations):
    """
    Observations that have a position.

    Parameters
    ----------
    observations : `~astropy.table.Table`
        Has ra and dec.

    Returns
    -------
    `~astropy.table.Table`
        Those rows that have both.

    Examples
    --------
    >>> from astropy.table import MaskedColumn, Table
    >>> from astroquery_cfx.reproduce import select_observed
    >>> observations = Table({"obsid": [1, 29852], "ra": MaskedColumn([10.0, 0.0], mask=[False, True]),
    ...                       "dec": MaskedColumn([5.0, 0.0], mask=[False, True])})
    >>> len(select_observed(observations))
    1
    """
    return observations[
        np.isfinite(numbers(observations["ra"])) & np.isfinite(numbers(observations["dec"]))
    ]


def select_positive(sources):
    """
    Sources with a flux: b_flux_ap > 0.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Has b_flux_ap. Sources seen by HRC only have none; many have exactly zero.

    Returns
    -------
    `~astropy.table.Table`
        Those rows.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_positive
    >>> len(select_positive(Table({"b_flux_ap": [1e-14, 0.0, float("nan")]})))
    1
    """
    with np.errstate(invalid="ignore"):
        return sources[numbers(sources["b_flux_ap"]) > 0]


def select_plane(sources, b_max=10 * u.deg):
    """
    Sources near the Galactic plane, cut exactly from ra and dec.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Has ra and dec.
    b_max : `~astropy.units.Quantity`, optional
        The largest absolute Galactic latitude, the limit included.

    Returns
    -------
    `~astropy.table.Table`
        Those rows, in their order.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_plane
    >>> len(select_plane(Table({"ra": [266.4, 192.9], "dec": [-28.9, 27.1]}), 10 * u.deg))
    1
    """
    with np.errstate(invalid="ignore"):
        return sources[
            np.abs(galactic_coordinates(sources).b.deg) <= angle(b_max, "b_max", limit=90 * u.deg)
        ]


def angle(value, name, *, limit):
    """Return an angle in degrees that is not negative and at most `limit`, or say what is wrong with it."""
    if (
        not isinstance(value, u.Quantity)
        or not value.unit.is_equivalent(u.deg)
        or value.shape != ()
    ):
        raise InvalidInputError(
            f"{name}={value!r} is not an angle with a unit.",
            remedy="give it a unit, e.g. 0.1*u.deg.",
        )
    degrees = value.to_value(u.deg)
    if not 0 <= degrees <= limit.to_value(u.deg):
        raise InvalidInputError(
            f"{name}={value} is not between 0 and {limit}.", remedy="give it such a value."
        )
    return float(degrees)


def flux_statistics(sources):
    """
    Count, least, largest and mean flux.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        Has b_flux_ap, in erg/s/cm2 where it has no unit.

    Returns
    -------
    dict
        count, min, max, mean and unit; the numbers are None where there is no source.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import flux_statistics
    >>> flux_statistics(Table({"b_flux_ap": [1e-14, 3e-14]}))["mean"]
    2e-14
    """
    flux = numbers(sources["b_flux_ap"])
    unit = str(sources["b_flux_ap"].unit or FLUX)
    if not len(flux):
        return {"count": 0, "min": None, "max": None, "mean": None, "unit": unit}
    return {
        "count": len(flux),
        "min": float(flux.min()),
        "max": float(flux.max()),
        "mean": float(flux.mean()),
        "unit": unit,
    }


def select_classes(table, *classes, column="fermi_class"):
    """
    Rows of some Fermi classes, identified and associated.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Any table with a column of class codes.
    *classes : str
        Codes, in any case: ``'psr'`` also finds ``'PSR'``.
    column : str, optional
        The column of the codes.

    Returns
    -------
    `~astropy.table.Table`
        Those rows, in their order.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.reproduce import select_classes
    >>> print(select_classes(Table({"fermi_class": ["PSR", "bll", "msp"]}), "psr", "msp"))
    fermi_class
    -----------
            PSR
            msp
    """
    wanted = {code.strip().lower() for code in classes}
    return table[
        np.array([class_code(value).lower() in wanted for value in table[column]], dtype=bool)
    ]
