# Licensed under a 3-clause BSD style license - see LICENSE
"""ErrorEllipse: columns or angles that are error ellipses, with what they hold."""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy import units as u

from ..errors import InvalidInputError
from .coordinates import angle_values, plain_floats
from .ellipse import axis_scale, ellipse_offset

__all__ = ["ErrorEllipse"]


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
            raise InvalidInputError("The error ellipse has no position angle.",
                                    remedy="give one, east of north, or no semi-minor axis for a circle.")
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
        parts = [angle_values(table, part, side) if isinstance(part, str)
                 else np.broadcast_to(_of_length(part, len(table), side), len(table)) for part in self._parts]
        _check_axes(*parts, f"rows of the {side} table")
        parts[2] = np.where(np.isnan(parts[2]) & (parts[0] == parts[1]), 0.0, parts[2])  # circles have none
        return replace(self, **{name: part * u.deg for name, part
                                in zip(("major", "minor", "angle"), parts, strict=True)})

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
        return ellipse_offset(separation.to_value(u.deg), position_angle.to_value(u.deg), *self.degrees())[()]

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
    if isinstance(value, str) or (isinstance(value, u.Quantity) and value.unit.is_equivalent(u.deg)):
        return
    raise InvalidInputError(f"{name}={value!r} of an error ellipse is neither an angle nor the name of a "
                            "column.", remedy="give it a unit, e.g. 0.1*u.deg.")


def _of_length(part, length, side):
    if part.shape not in ((), (length,)):
        raise InvalidInputError(f"There are error ellipses of shape {part.shape} for {length} rows of the "
                                f"{side} table.", remedy="give one for all, or one for each row.")
    return plain_floats(part.to(u.deg))


def _check_axes(major, minor, angle, what):
    known = np.isfinite(major)
    for bad, fault, remedy in (
            ((major < 0) | (minor < 0), "a negative axis", "give semi-axes of zero or more."),
            (minor > major * (1 + 1e-6), "a semi-minor axis longer than the semi-major axis",
             "exchange them, and turn the position angle by 90 deg."),
            (known & ~np.isfinite(minor), "a semi-major axis but no semi-minor axis",
             "give both, or neither."),
            (known & (minor < major) & ~np.isfinite(angle), "an ellipse without position angle",
             "give position angles east of north.")):
        rows = np.flatnonzero(bad)
        if len(rows):
            raise InvalidInputError(f"{len(rows)} {what} have {fault}, the first are rows "
                                    f"{', '.join(map(str, rows[:5]))}.", remedy=remedy)
