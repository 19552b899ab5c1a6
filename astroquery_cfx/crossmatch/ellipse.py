# Licensed under a 3-clause BSD style license - see LICENSE
"""Error ellipses: offsets in their units, and the containment (68%, 95%, 99%) that their axes stand for.

This is the one home of containment: a position error is a two-dimensional Gaussian, of which an ellipse of
``sqrt(-2 ln(1 - containment))`` standard deviations holds the share ``containment``.
Arrays in, arrays out; angles in degrees; position angles east of north.
"""

import numpy as np

from ..errors import InvalidInputError
from .sphere import find_pairs, position_angle

__all__ = [
    "SIGMA_95",
    "axis_scale",
    "combine_ellipses",
    "ellipse_offset",
    "find_pairs_in_ellipses",
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
    the centre), so that a circle gives exactly the separation over its radius, however large it is.

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
        offset = separation * np.hypot(np.cos(turn) / major, np.sin(turn) / minor)
    at_centre = (separation == 0) & np.isfinite(turn) & (major >= 0) & (minor >= 0)
    return np.where(at_centre, 0.0, offset)


def combine_ellipses(major1, minor1, angle1, major2, minor2, angle2):
    """
    The error ellipse of the difference of two positions: the sum of both covariances.

    Both must hold the same share, which is that of the result, and be given in the same tangent plane.

    Parameters
    ----------
    major1, minor1, angle1 : array_like
        Semi-axes, and the position angle of the major axis in degrees, east of north.
    major2, minor2, angle2 : array_like
        The same of the other error, in the same unit.

    Returns
    -------
    major, minor, angle : `~numpy.ndarray`
        Semi-axes, and the position angle of the major axis in degrees, in [0, 180).

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import combine_ellipses
    >>> major, minor, angle = combine_ellipses(4.0, 3.0, 30.0, 3.0, 3.0, 0.0)
    >>> print(f"{major:.4f} {minor:.4f} {angle:.4f}")
    5.0000 4.2426 30.0000
    """
    sum_of_squares, along, across = 0.0, 0.0, 0.0
    for major, minor, angle in ((major1, minor1, angle1), (major2, minor2, angle2)):
        major, minor, angle = _plain(major), _plain(minor), np.radians(2 * _plain(angle))
        sum_of_squares = sum_of_squares + (major**2 + minor**2) / 2
        along = along + (major**2 - minor**2) / 2 * np.cos(angle)
        across = across + (major**2 - minor**2) / 2 * np.sin(angle)
    difference = np.hypot(along, across)
    angle = np.degrees(np.arctan2(across, along) / 2) % 180
    return np.sqrt(sum_of_squares + difference), np.sqrt(np.maximum(sum_of_squares - difference, 0)), angle


def find_pairs_in_ellipses(ra1, dec1, ra2, dec2, ellipses, *, left_ellipses=None):
    """
    All pairs of which the first position lies in the ellipse about the second.

    Parameters
    ----------
    ra1, dec1 : array_like of float, shape (n1,)
        Positions of the first side in degrees, ICRS.
    ra2, dec2 : array_like of float, shape (n2,)
        Positions of the second side in degrees, ICRS.
    ellipses : tuple of three array_like, shape (n2,)
        Semi-major and semi-minor axes and position angles, in degrees, of the second side. Rows with
        NaN are in no pair.
    left_ellipses : tuple of three array_like, shape (n1,), optional
        Error ellipses of the first side, which hold the same share. A pair then lies in the ellipse of
        both errors together; rows with NaN are in no pair.

    Returns
    -------
    i, j : `~numpy.ndarray` of int
        Rows of the first and of the second side, ordered by (j, separation, i).
    separation, angle : `~numpy.ndarray` of float
        Separation, and position angle of the first position as seen from the second, in degrees.
    offset : `~numpy.ndarray` of float
        Offset in units of the ellipse, at most 1.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.ellipse import find_pairs_in_ellipses
    >>> ellipses = [0.2], [0.1], [90.0]
    >>> i, j, separation, angle, offset = find_pairs_in_ellipses(
    ...     [10.15, 10.0], [0.0, 0.15], [10.0], [0.0], ellipses)
    >>> i, offset
    (array([0]), array([0.75]))
    """
    ellipses = [np.atleast_1d(_plain(axis)) for axis in ellipses]
    reach = ellipses[0]
    if left_ellipses is not None:
        left_ellipses = [np.atleast_1d(_plain(axis)) for axis in left_ellipses]
        reach = np.hypot(reach, np.fmax.reduce(left_ellipses[0], initial=0.0))
    ra1, dec1, ra2, dec2 = (np.atleast_1d(_plain(array)) for array in (ra1, dec1, ra2, dec2))
    i, j, separation = find_pairs(ra1, dec1, ra2, dec2, reach * (1 + 1e-12))
    angle = position_angle(ra2[j], dec2[j], ra1[i], dec1[i])
    axes = [axis[j] for axis in ellipses]
    if left_ellipses is not None:
        # The angle to the great circle between the two is the same at both of its ends, that to north is not
        turn = angle - position_angle(ra1[i], dec1[i], ra2[j], dec2[j])
        major, minor, along = (axis[i] for axis in left_ellipses)
        axes = combine_ellipses(*axes, major, minor, along + turn)
    offset = ellipse_offset(separation, angle, *axes)
    inside = offset <= 1
    return tuple(column[inside] for column in (i, j, separation, angle, offset))


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
