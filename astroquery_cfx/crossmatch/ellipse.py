# Licensed under a 3-clause BSD style license - see LICENSE
"""Error ellipses: offsets in their units, and the containment (68%, 95%, 99%) of their axes.

A position error is a two-dimensional Gaussian, and an ellipse with semi-axes of
``sqrt(-2 ln(1 - containment))`` standard deviations contains the fraction ``containment`` of it.
Functions take and return arrays, with angles in degrees and position angles east of north.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import ArrayLike

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


@dataclass(frozen=True, eq=False)
class ErrorEllipse:
    """
    Error ellipses of positions, with their containment.

    Parameters
    ----------
    major, minor : str or `~astropy.units.Quantity`
        Semi-axes: names of columns of a table, or angles. Without ``minor`` it is a circle.
    angle : str or `~astropy.units.Quantity`, optional
        Position angle of the major axis, east of north.
    containment : float, optional
        The fraction of a 2-D Gaussian that the ellipses contain: 0.95 for 95%, 0.68 for 68%.
    scale_to : float, optional
        The containment of the region of a match: the axes are multiplied by
        ``axis_scale(scale_to) / axis_scale(containment)``. By default they are used as they are.

    Raises
    ------
    InvalidInputError
        If an axis is not an angle or is negative, ``minor`` is larger than ``major``, an ellipse
        has no position angle, or a containment is not between 0 and 1.

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

    def __post_init__(self) -> None:
        axis_scale(self.containment)  # raises an error unless it is between 0 and 1
        axis_scale(self.containment if self.scale_to is None else self.scale_to)
        for name, part in zip(("major", "minor", "angle"), self._parts, strict=True):
            is_angle = isinstance(part, u.Quantity) and part.unit.is_equivalent(u.deg)
            if not is_angle and not isinstance(part, str):
                raise InvalidInputError(
                    f"{name}={part!r} of an error ellipse is neither an angle nor a column's name.",
                    remedy="give it a unit, e.g. 0.1*u.deg.",
                )
        if self.minor is not None and self.angle is None:
            raise InvalidInputError(
                "The error ellipse has no position angle.",
                remedy="give one, east of north, or no semi-minor axis for a circle.",
            )
        if not any(isinstance(part, str) for part in self._parts):
            _check_axes("ellipses", *self.degrees())

    @property
    def _parts(self):
        """Both semi-axes and the position angle, also of a circle."""
        minor = self.major if self.minor is None else self.minor
        return self.major, minor, 0 * u.deg if self.angle is None else self.angle

    def degrees(self) -> tuple[Any, Any, Any]:
        """Return semi-axes and position angle in degrees, if they are not names of columns."""
        major, minor, angle = (part.to_value(u.deg) for part in self._parts)
        return major, minor, angle

    def of(self, table: Table, *, side: str = "right") -> "ErrorEllipse":
        """Return the ellipses of the rows of a table, with the values of columns, in degrees."""
        parts = []
        for part in self._parts:
            if isinstance(part, str):
                values = column_floats(table, part, u.deg, label=f"{side} table")
            elif part.shape in ((), (len(table),)):
                values = np.broadcast_to(to_floats(part.to(u.deg)), len(table))
            else:
                raise InvalidInputError(
                    f"There are error ellipses of shape {part.shape} for {len(table)} {side} rows.",
                    remedy="give one for all, or one for each row.",
                )
            parts.append(values)
        major, minor, angle = parts
        _check_axes(f"rows of the {side} table", major, minor, angle)
        angle = np.where(np.isnan(angle) & (major == minor), 0.0, angle)  # any will do for a circle
        return replace(self, major=major * u.deg, minor=minor * u.deg, angle=angle * u.deg)

    def scaled(self, containment: float) -> "ErrorEllipse":
        """Return the ellipses of another containment for the same position errors."""
        factor = axis_scale(containment) / axis_scale(self.containment)
        major, minor, angle = self._parts
        return ErrorEllipse(factor * major, factor * minor, angle, containment=containment)

    @property
    def region(self) -> "ErrorEllipse":
        """The ellipses scaled to ``scale_to``: the region of a match."""
        return self if self.scale_to is None else self.scaled(self.scale_to)

    def offset(self, separation: u.Quantity, position_angle: u.Quantity) -> float | np.ndarray:
        """Return a separation in a direction (east of north) in units of the ellipse."""
        offset = (separation.to_value(u.deg), position_angle.to_value(u.deg))
        return ellipse_offset(*offset, *self.degrees())[()]

    def __str__(self) -> str:
        parts = (self.major,) if self.minor is None else (self.major, self.minor, self.angle)
        scaled = f", scaled to {self.scale_to:.4g}" if self.scale_to else ""
        text = f"error ellipse {', '.join(map(str, parts))}"
        return f"{text}, containment {self.containment:.4g}{scaled}"


def _check_axes(label: str, major: np.ndarray, minor: np.ndarray, angle: np.ndarray) -> None:
    """Raise an error that names the first rows whose axes or angle are not those of an ellipse."""
    known = np.isfinite(major)
    faults = {
        "a negative axis": (major < 0) | (minor < 0),
        # 1e-6: both axes of a circle may have been rounded to single precision.
        "a semi-minor axis longer than the semi-major axis": minor > major * (1 + 1e-6),
        "a semi-major axis but no semi-minor axis": known & ~np.isfinite(minor),
        "an ellipse without position angle": known & (minor < major) & ~np.isfinite(angle),
    }
    for fault, wrong in faults.items():
        rows = np.flatnonzero(wrong)
        if len(rows):
            first = ", ".join(map(str, rows[:5]))
            raise InvalidInputError(
                f"{len(rows)} {label} have {fault}, the first are rows {first}.",
                remedy="give 0 <= minor <= major, and position angles east of north.",
            )


def axis_scale(containment: ArrayLike) -> float | np.ndarray:
    """
    Return the semi-axis, in standard deviations, of the ellipse of a containment of a 2-D Gaussian.

    Its radius follows the Rayleigh distribution function ``1 - exp(-r**2 / 2)``.

    Parameters
    ----------
    containment : float or array_like
        Fraction contained, between 0 and 1.

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
    fraction = np.asarray(containment, dtype=float)
    if not np.all((fraction > 0) & (fraction < 1)):
        raise InvalidInputError(
            f"A containment of {fraction} is not between 0 and 1.", remedy="give 0.95 for 95%."
        )
    return np.sqrt(-2 * np.log1p(-fraction))[()]


SIGMA_95 = 1 / axis_scale(0.95)
"""The standard deviation of a position error in units of its 95% ellipse: 0.40854."""


def ellipse_offset(
    separation: ArrayLike,
    position_angle: ArrayLike,
    major: ArrayLike,
    minor: ArrayLike,
    angle: ArrayLike,
) -> np.ndarray:
    r"""
    Return an offset in units of an ellipse along its direction: 1 on the edge, less inside.

    Offsets are distances and directions on the sphere (the zenithal equidistant projection about
    the centre), so that a circle gives exactly the separation over its radius, however large it is.
    A separation :math:`d` at an angle :math:`t` from the major axis gives
    :math:`d \sqrt{(\cos t / a)^2 + (\sin t / b)^2}`.

    Parameters
    ----------
    separation : array_like
        Separation from the centre of the ellipse, in the unit of the axes.
    position_angle : array_like
        Position angle as seen from the centre, in degrees, east of north.
    major, minor : array_like
        Semi-axes. Where one is NaN or masked, so is the ellipse, and the offset is NaN.
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
    distance, direction, semimajor, semiminor, orientation = map(
        to_floats, (separation, position_angle, major, minor, angle)
    )
    turn = np.radians(direction - orientation)
    with np.errstate(divide="ignore", invalid="ignore"):  # semi-axes of zero
        offset = distance * np.hypot(np.cos(turn) / semimajor, np.sin(turn) / semiminor)
    at_centre = (distance == 0) & np.isfinite(turn) & (semimajor >= 0) & (semiminor >= 0)
    return np.where(at_centre, 0.0, offset)


def combine_ellipses(
    major1: ArrayLike,
    minor1: ArrayLike,
    angle1: ArrayLike,
    major2: ArrayLike,
    minor2: ArrayLike,
    angle2: ArrayLike,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return the error ellipse of the difference of two positions: the sum of both covariances.

    Both must have the same containment, which is that of the result, and be given in the same
    tangent plane.

    Parameters
    ----------
    major1, minor1, angle1, major2, minor2, angle2 : array_like
        Semi-axes, and position angles of the major axis in degrees, east of north.

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
    # A covariance matrix is half its trace times the identity, plus a traceless part that turns
    # with twice the position angle. Both add up.
    half_trace, along, across = 0.0, 0.0, 0.0
    for ellipse in ((major1, minor1, angle1), (major2, minor2, angle2)):
        major, minor, angle = map(to_floats, ellipse)
        turn = np.radians(2 * angle)
        half_trace = half_trace + (major**2 + minor**2) / 2
        along = along + (major**2 - minor**2) / 2 * np.cos(turn)
        across = across + (major**2 - minor**2) / 2 * np.sin(turn)
    elongation = np.hypot(along, across)
    return (
        np.sqrt(half_trace + elongation),
        np.sqrt(np.maximum(half_trace - elongation, 0)),
        np.degrees(np.arctan2(across, along) / 2) % 180,
    )


def find_pairs_in_ellipses(
    ra1: ArrayLike,
    dec1: ArrayLike,
    ra2: ArrayLike,
    dec2: ArrayLike,
    ellipses: tuple[ArrayLike, ArrayLike, ArrayLike],
    *,
    left_ellipses: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """
    Find all pairs whose first position lies in the ellipse about the second.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : array_like of float, shape (n1,) or (n2,)
        Positions of the first and of the second side in degrees, ICRS.
    ellipses : tuple of three array_like, shape (n2,)
        Semi-major axes, semi-minor axes and position angles of the second side, in degrees. Rows
        with NaN are in no pair.
    left_ellipses : tuple of three array_like, shape (n1,), optional
        Error ellipses of the first side, of the same containment. A pair then lies in the ellipse
        of both errors together. Rows with NaN are in no pair.

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
    ra1, dec1, ra2, dec2 = (np.atleast_1d(to_floats(array)) for array in (ra1, dec1, ra2, dec2))
    right = [np.atleast_1d(to_floats(axis)) for axis in ellipses]
    reach = right[0]
    if left_ellipses is not None:
        left = [np.atleast_1d(to_floats(axis)) for axis in left_ellipses]
        # The sum of two covariances reaches no farther than both semi-major axes in quadrature.
        reach = np.hypot(reach, np.fmax.reduce(left[0], initial=0.0))
    i, j, separation = find_pairs(ra1, dec1, ra2, dec2, reach * (1 + 1e-12))  # 1e-12: rounding
    direction = position_angle(ra2[j], dec2[j], ra1[i], dec1[i])
    major, minor, angle = (axis[j] for axis in right)
    if left_ellipses is not None:
        # The great circle through both positions is the same line at either, but north is not the
        # same direction: position angles at the first are turned to those at the second.
        turn = direction - position_angle(ra1[i], dec1[i], ra2[j], dec2[j])
        left_major, left_minor, left_angle = (axis[i] for axis in left)
        major, minor, angle = combine_ellipses(
            major, minor, angle, left_major, left_minor, left_angle + turn
        )
    offset = ellipse_offset(separation, direction, major, minor, angle)
    inside = offset <= 1
    return i[inside], j[inside], separation[inside], direction[inside], offset[inside]


def offset_cdf(offset: ArrayLike, *, containment: float = 0.95) -> np.ndarray:
    """
    Return the fraction of true counterparts that lie within an offset: the Rayleigh distribution.

    Parameters
    ----------
    offset : array_like
        Offsets in units of the ellipse (`ellipse_offset`).
    containment : float, optional
        The containment of the ellipse: 0.95 for 95%.

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


def offset_pdf(offset: ArrayLike, *, containment: float = 0.95) -> np.ndarray:
    """
    Return the probability density of the offsets of true counterparts: the Rayleigh distribution.

    Parameters
    ----------
    offset : array_like
        Offsets in units of the ellipse (`ellipse_offset`).
    containment : float, optional
        The containment of the ellipse: 0.95 for 95%.

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
