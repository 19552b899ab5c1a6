# Licensed under a 3-clause BSD style license - see LICENSE
"""Error ellipses: offsets in their units, and the containment (68%, 95%, 99%) that their axes stand for.

The one home of containment: a position error is a two-dimensional Gaussian, of which an ellipse of
``sqrt(-2 ln(1 - containment))`` standard deviations holds the share ``containment``.
Arrays in, arrays out; angles in degrees; position angles east of north.
"""

import numpy as np

from ..errors import InvalidInputError

__all__ = [
    "SIGMA_95",
    "axis_scale",
    "ellipse_offset",
    "offset_cdf",
    "offset_pdf",
]


def axis_scale(containment):
    """
    Semi-axis of the ellipse that holds a share of a 2-D Gaussian, in standard deviations.

    The radius of a two-dimensional Gaussian follows the Rayleigh law, whose distribution function is
    ``1 - exp(-r**2 / 2)``.

    Parameters
    ----------
    containment : float or array_like
        The share, between 0 and 1.

    Returns
    -------
    float or `~numpy.ndarray`
        ``sqrt(-2 ln(1 - containment))``: 1.5096 for 68%, 2.4477 for 95%, 3.0349 for 99%.

    Raises
    ------
    InvalidInputError
        If a containment is not between 0 and 1.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import axis_scale
    >>> round(float(axis_scale(0.95)), 4)
    2.4477
    """
    share = np.asarray(containment, dtype=float)
    if not np.all((share > 0) & (share < 1)):
        raise InvalidInputError(f"A containment of {containment} is not a share between 0 and 1.",
                                remedy="give 0.95 for 95%.")
    return np.sqrt(-2 * np.log1p(-share))[()]


SIGMA_95 = 1 / axis_scale(0.95)
"""The standard deviation of a position error in units of its 95% ellipse: 0.40854."""


def ellipse_offset(separation, position_angle, major, minor, angle):
    """
    Offset in units of an ellipse along its direction: 1 on its edge, less inside.

    The offset is taken on the sphere, as distance and direction (the zenithal equidistant plane about
    the centre), so that a circle gives exactly the separation over its radius.

    Parameters
    ----------
    separation : array_like
        Separation from the centre of the ellipse, in the unit of the axes.
    position_angle : array_like
        Position angle as seen from the centre, in degrees, east of north.
    major, minor : array_like
        Semi-axes. NaN or masked: no ellipse, and the offset is NaN.
    angle : array_like
        Position angle of the major axis in degrees, east of north.

    Returns
    -------
    `~numpy.ndarray`
        Offsets, without unit. NaN where the ellipse is not known.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import ellipse_offset
    >>> ellipse_offset([0.1, 0.1], [30.0, 120.0], 0.2, 0.1, 30.0)
    array([0.5, 1. ])
    """
    separation, position_angle, major, minor, angle = (
        _plain(array) for array in (separation, position_angle, major, minor, angle))
    turn = np.radians(position_angle - angle)
    with np.errstate(divide="ignore", invalid="ignore"):  # an ellipse of no size
        return separation * np.hypot(np.cos(turn) / major, np.sin(turn) / minor)


def offset_cdf(offset, *, containment=0.95):
    """
    Share of true counterparts that lie within an offset: the Rayleigh law in units of the ellipse.

    Parameters
    ----------
    offset : array_like
        Offsets in units of the ellipse (`ellipse_offset`).
    containment : float, optional
        What the ellipse holds: 0.95 for 95%.

    Returns
    -------
    `~numpy.ndarray`
        ``1 - (1 - containment)**(offset**2)``.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import offset_cdf
    >>> float(offset_cdf(1.0))
    0.95
    """
    return -np.expm1(-((np.asarray(offset) * axis_scale(containment)) ** 2) / 2)


def offset_pdf(offset, *, containment=0.95):
    """
    Density of the offsets of true counterparts: the Rayleigh law in units of the ellipse.

    Parameters
    ----------
    offset : array_like
        Offsets in units of the ellipse (`ellipse_offset`).
    containment : float, optional
        What the ellipse holds: 0.95 for 95%.

    Returns
    -------
    `~numpy.ndarray`
        Density per unit of offset, the derivative of `offset_cdf`.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import SIGMA_95, offset_pdf
    >>> bool(offset_pdf(SIGMA_95) > offset_pdf(1.0))
    True
    """
    offset, scale = np.asarray(offset), axis_scale(containment)
    return offset * scale**2 * np.exp(-((offset * scale) ** 2) / 2)


def _plain(array):
    if isinstance(array, np.ma.MaskedArray):
        return array.astype(float).filled(np.nan)
    return np.asarray(array, dtype=float)
