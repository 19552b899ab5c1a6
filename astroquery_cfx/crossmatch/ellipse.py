# Licensed under a 3-clause BSD style license - see LICENSE
"""Error ellipses: offsets in their units, and the containment (68%, 95%, 99%) that their axes stand for.

This is the one home of containment: a position error is a two-dimensional Gaussian, of which an ellipse of
``sqrt(-2 ln(1 - containment))`` standard deviations holds the share ``containment``.
Arrays in, arrays out; angles in degrees; position angles east of north.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy import units as u

from ..arrays import column_floats, to_floats
from ..errors import InvalidInputError
from .sphere import find_pairs, position_angle

__all__ = [
    "SIGMA_95",
    "ErrorEllipse",
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
        raise InvalidInputError(
            f"A containment of {containment} is not a share between 0 and 1.",
            remedy="give 0.95 for 95%.",
        )
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
        _plain(array) for array in (separation, position_angle, major, minor, angle)
    )
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
    return (
        np.sqrt(sum_of_squares + difference),
        np.sqrt(np.maximum(sum_of_squares - difference, 0)),
        angle,
    )


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


@dataclass(frozen=True, eq=False)
class ErrorEllipse:
    """
    Error ellipses of positions, and what they hold.

    Parameters
    ----------
    major, minor : str or `~astropy.units.Quantity`
        Semi-axes: names of columns of a table, or angles. Without ``minor`` it is a circle.
    angle : str or `~astropy.units.Quantity`, optional
        Position angle of the major axis, east of north.
    containment : float, optional
        The share of a 2-D Gaussian that the ellipses hold: 0.95 for 95%, 0.68 for 68%.
    scale_to : float, optional
        The share that the region of a match is to hold: the axes are multiplied by
        ``axis_scale(scale_to) / axis_scale(containment)``. By default they are taken as they are.

    Raises
    ------
    InvalidInputError
        If an axis has no unit of an angle or is negative, ``minor`` is larger than ``major``, the angle of
        an ellipse is missing, or a containment is not between 0 and 1.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_cfx import ErrorEllipse
    >>> ellipse = ErrorEllipse(0.2 * u.deg, 0.1 * u.deg, 30 * u.deg, containment=0.95)
    >>> print(f"{ellipse.offset(0.1 * u.deg, 120 * u.deg):.2f}")
    1.00
    >>> print(f"{ellipse.scaled(0.68).major:.4f}")
    0.1233 deg
    """

    major: str | u.Quantity
    minor: str | u.Quantity | None = None
    angle: str | u.Quantity | None = None
    containment: float = field(default=0.95, kw_only=True)
    scale_to: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        for share in (self.containment, self.scale_to):
            if share is not None:
                axis_scale(share)
        for name in ("major", "minor", "angle"):
            _check_angle(name, getattr(self, name))
        if self.minor is not None and self.angle is None:
            raise InvalidInputError(
                "The error ellipse has no position angle.",
                remedy="give one, east of north, or no semi-minor axis for a circle.",
            )
        if not any(isinstance(part, str) for part in self._parts):
            _check_axes(*(np.atleast_1d(part) for part in self.degrees()), "ellipses")

    @property
    def _parts(self):
        minor = self.major if self.minor is None else self.minor
        return self.major, minor, 0 * u.deg if self.angle is None else self.angle

    def degrees(self):
        """
        Semi-axes and position angle as plain numbers, of an ellipse that is no longer names of columns.

        Returns
        -------
        tuple of float or `~numpy.ndarray`
            Degrees.
        """
        return tuple(part.to_value(u.deg) for part in self._parts)

    def of(self, table, *, side="right"):
        """
        The ellipses of the rows of a table: names of columns give way to their values.

        Parameters
        ----------
        table : `~astropy.table.Table`
            The table.
        side : str, optional
            What messages call the table.

        Returns
        -------
        `ErrorEllipse`
            One ellipse a row, in degrees; NaN where the table has none.

        Raises
        ------
        InvalidInputError
            If there are no such columns, or some rows hold no ellipse; the message names them.
        """
        parts = [
            column_floats(table, part, u.deg, label=f"{side} table")
            if isinstance(part, str)
            else np.broadcast_to(_of_length(part, len(table), side), len(table))
            for part in self._parts
        ]
        _check_axes(*parts, f"rows of the {side} table")
        parts[2] = np.where(
            np.isnan(parts[2]) & (parts[0] == parts[1]), 0.0, parts[2]
        )  # circles have none
        return replace(
            self,
            **{
                name: part * u.deg
                for name, part in zip(("major", "minor", "angle"), parts, strict=True)
            },
        )

    def scaled(self, containment):
        """
        The ellipses of the same errors that hold another share.

        Parameters
        ----------
        containment : float
            The share: 0.68, 0.95, 0.99.

        Returns
        -------
        `ErrorEllipse`
            In Quantities.
        """
        factor = axis_scale(containment) / axis_scale(self.containment)
        major, minor, angle = self._parts
        return ErrorEllipse(factor * major, factor * minor, angle, containment=containment)

    @property
    def region(self):
        """The ellipses scaled to ``scale_to``: the region of a match."""
        return self if self.scale_to is None else self.scaled(self.scale_to)

    def offset(self, separation, position_angle):
        """
        Offset in units of the ellipse along its direction.

        Parameters
        ----------
        separation, position_angle : `~astropy.units.Quantity`
            Offset from the centre, the direction east of north.

        Returns
        -------
        float or `~numpy.ndarray`
            1 on the edge, less inside.
        """
        return ellipse_offset(
            separation.to_value(u.deg), position_angle.to_value(u.deg), *self.degrees()
        )[()]

    def __str__(self):
        if self.minor is None:
            parts = str(self.major)
        else:
            parts = ", ".join(map(str, (self.major, self.minor, self.angle)))
        scaled = f", scaled to {self.scale_to:.4g}" if self.scale_to else ""
        return f"error ellipse {parts}, containment {self.containment:.4g}{scaled}"


def _check_angle(name, value):
    if value is None and name != "major":
        return
    if isinstance(value, str) or (
        isinstance(value, u.Quantity) and value.unit.is_equivalent(u.deg)
    ):
        return
    raise InvalidInputError(
        f"{name}={value!r} of an error ellipse is neither an angle nor the name of a column.",
        remedy="give it a unit, e.g. 0.1*u.deg.",
    )


def _of_length(part, length, side):
    if part.shape not in ((), (length,)):
        raise InvalidInputError(
            f"There are error ellipses of shape {part.shape} for {length} rows of the "
            f"{side} table.",
            remedy="give one for all, or one for each row.",
        )
    return to_floats(part.to(u.deg))


def _check_axes(major, minor, angle, what):
    known = np.isfinite(major)
    for bad, fault, remedy in (
        ((major < 0) | (minor < 0), "a negative axis", "give semi-axes of zero or more."),
        (
            minor > major * (1 + 1e-6),
            "a semi-minor axis longer than the semi-major axis",
            "exchange them, and turn the position angle by 90 deg.",
        ),
        (
            known & ~np.isfinite(minor),
            "a semi-major axis but no semi-minor axis",
            "give both, or neither.",
        ),
        (
            known & (minor < major) & ~np.isfinite(angle),
            "an ellipse without position angle",
            "give position angles east of north.",
        ),
    ):
        rows = np.flatnonzero(bad)
        if len(rows):
            raise InvalidInputError(
                f"{len(rows)} {what} have {fault}, the first are rows "
                f"{', '.join(map(str, rows[:5]))}.",
                remedy=remedy,
            )
