# Licensed under a 3-clause BSD style license - see LICENSE
"""All pairs of positions within a radius on the sky. Plain arrays in and out, angles in degrees.

`find_pairs` lays the smaller side on a grid of declination zones that are cut into cells (the zones
algorithm of Gray, Nieto-Santisteban & Szalay 2006, MSR-TR-2006-52): each of its rows marks the
cells that its radius touches. The rows of the larger side are looked up in that grid in chunks that
fit in the processor's cache, and only those in a marked cell are tested exactly. No sine or cosine
is computed for rows with nothing near them, which in a match of catalogues are most.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import starts_run, to_floats
from ..errors import InvalidInputError
from .grid import SLACK, MarkedGrid, Side

__all__ = ["angular_separation", "find_pairs", "position_angle"]


def find_pairs(
    ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike, radius: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Find all pairs of positions of two sides that lie within a radius.

    Rows whose position or radius is NaN, infinite or masked are in no pair. Beyond the inputs and
    the pairs, the memory needed is some tens of bytes per row of the smaller side, plus a few MB.

    Parameters
    ----------
    ra1, dec1 : array_like of float, shape (n1,)
        Positions of the first side in degrees: longitude (any turn) and latitude.
    ra2, dec2 : array_like of float, shape (n2,)
        Positions of the second side, in the same frame.
    radius : float or array_like of float, shape (n2,)
        The largest separation in degrees: one for all, or one for each row of the second side.

    Returns
    -------
    i, j : `~numpy.ndarray` of int, shape (pairs,)
        Rows of the first and of the second side.
    separation : `~numpy.ndarray` of float, shape (pairs,)
        Separations in degrees, at most the radius. The pairs are ordered by (j, separation, i).

    Raises
    ------
    InvalidInputError
        If lengths differ, a latitude is beyond the poles, or a radius is negative or not a number.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.sphere import find_pairs
    >>> left, right = ([359.99, 10.0, 20.0], [0.0, 0.0, 0.0]), ([0.01, 20.0], [0.0, 0.5])
    >>> i, j, separation = find_pairs(*left, *right, 0.6)
    >>> i, j, separation
    (array([0, 2]), array([0, 1]), array([0.02, 0.5 ]))
    """
    first, second = _read_side(ra1, dec1, "first"), _read_side(ra2, dec2, "second")
    radii = to_floats(radius)
    if (radii < 0).any():
        raise InvalidInputError(
            f"{np.sum(radii < 0)} radii are negative.", remedy="give radii of zero or more."
        )
    if radii.ndim or not np.isfinite(radii):
        if radii.shape != (np.size(ra2),):
            raise InvalidInputError(
                f"The radius is neither a number nor one number for each of {np.size(ra2)} rows.",
                remedy="give degrees, one for all or one for each row of the second side.",
            )
        radii = radii if second.rows is None else radii[second.rows]
        known = np.isfinite(radii)
        if not known.all():
            second, radii = second.take(known), radii[known]
    if radii.ndim and len(second.ra) > len(first.ra):
        # The grid holds the first side, whose rows mark all cells within the largest radius of the
        # second. If radii differ by orders of magnitude, most marks are in vain: search once per
        # factor of two in radius. (Radii below 1e-7 deg are far smaller than a cell.)
        octave = np.floor(np.log2(np.maximum(radii, 1e-7)))
        chosen = [octave == value for value in np.unique(octave)]
        parts = [_search(first, second.take(part), radii[part]) for part in chosen]
    else:
        parts = [_search(first, second, radii)]
    i, j, separation = _concatenate(parts)
    order = _sort_order(i, j, separation)
    i = i[order]  # one after the other, so that each unordered array is freed
    j = j[order]
    return i, j, separation[order]


def angular_separation(
    ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike
) -> np.ndarray:
    """
    Return the separation of positions on the sphere, precise from 0 to 180 degrees.

    The tangent of half the separation is the square root of its haversine (Sinnott 1984, Sky &
    Telescope 68, 158) over the haversine of the distance to the antipode, so that the result is
    well-conditioned everywhere. Exchanging the two positions gives the same bits.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : array_like of float
        Longitudes and latitudes in degrees, of shapes that broadcast.

    Returns
    -------
    `~numpy.ndarray`
        Separations in degrees.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.sphere import angular_separation
    >>> float(angular_separation(359.0, 0.0, 1.0, 0.0))
    2.0
    >>> float(angular_separation(10.0, 90.0, 200.0, -90.0))
    180.0
    """
    across = np.radians(np.subtract(ra1, ra2)) / 2
    cosines = np.cos(np.radians(dec1)) * np.cos(np.radians(dec2))
    near = np.sin(np.radians(np.subtract(dec1, dec2)) / 2) ** 2 + cosines * np.sin(across) ** 2
    far = np.sin(np.radians(np.add(dec1, dec2)) / 2) ** 2 + cosines * np.cos(across) ** 2
    return np.degrees(2 * np.arctan2(np.sqrt(near), np.sqrt(far)))


def position_angle(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> np.ndarray:
    """
    Return the position angle of the second position as seen from the first, east of north.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : array_like of float
        Longitudes and latitudes in degrees, of shapes that broadcast.

    Returns
    -------
    `~numpy.ndarray`
        Angles in degrees, in [0, 360); 0 where the two positions are the same.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.sphere import position_angle
    >>> float(position_angle(10.0, 0.0, 11.0, 0.0))
    90.0
    """
    across = np.radians(np.subtract(ra2, ra1))
    sin1, cos2 = np.sin(np.radians(dec1)), np.cos(np.radians(dec2))
    east = np.sin(across) * cos2
    # cos1 sin2 - sin1 cos2 cos(across), the textbook form, cancels for close pairs. This is the
    # same as sin(dec2 - dec1) plus a small term.
    north = np.sin(np.radians(np.subtract(dec2, dec1))) + 2 * sin1 * cos2 * np.sin(across / 2) ** 2
    angle = np.degrees(np.arctan2(east, north)) % 360
    return np.where(angle == 360, 0.0, angle)  # the remainder of -1e-20 rounds up to 360


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> np.ndarray:
    """Return the unit vectors of positions in degrees, shape (n, 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def chord(angle: ArrayLike) -> np.ndarray:
    """Return the chord length on the unit sphere for an angle in degrees (180 where larger)."""
    return 2 * np.sin(np.radians(np.minimum(angle, 180)) / 2)


def angle_of(distance: np.ndarray) -> np.ndarray:
    """Return the angle in degrees for a chord length on the unit sphere."""
    return 2 * np.degrees(np.arcsin(np.clip(distance / 2, 0, 1)))


def _read_side(longitude: ArrayLike, latitude: ArrayLike, label: str) -> Side:
    """Return the rows that have a position; float32 arrays are not converted, to save memory."""
    ra, dec = (np.atleast_1d(to_floats(array, dtype=None)) for array in (longitude, latitude))
    if ra.ndim != 1 or ra.shape != dec.shape:
        raise InvalidInputError(
            f"The longitudes and latitudes of the {label} side have shapes {ra.shape} and "
            f"{dec.shape}.",
            remedy="give two one-dimensional arrays of the same length.",
        )
    side = Side(ra, dec)
    # The four limits are finite in the usual case: no array of flags is needed then.
    if len(ra) and not np.isfinite([ra.min(), ra.max(), dec.min(), dec.max()]).all():
        side = side.take(np.isfinite(ra) & np.isfinite(dec))
    if len(side.dec) and not (side.dec.min() >= -90 and side.dec.max() <= 90):
        wrong = side.dec[np.abs(side.dec) > 90]
        raise InvalidInputError(
            f"{len(wrong)} latitudes of the {label} side lie beyond the poles, the first is "
            f"{wrong[0]} deg.",
            remedy="give latitudes in degrees, from -90 to 90.",
        )
    return side


def _search(first: Side, second: Side, radius: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the pairs within a radius, unordered, by a grid over the smaller side."""
    swapped = len(first.ra) < len(second.ra)
    small, large = (first, second) if swapped else (second, first)
    if not len(small.ra):
        return _concatenate([])
    grid = MarkedGrid(small, large, radius.max() if swapped else radius)

    def within_radius(large_rows, small_rows, difference):
        limit = radius if radius.ndim == 0 else radius[large_rows if swapped else small_rows]
        # The difference in declination rules out most candidates at little cost.
        near = np.flatnonzero(difference <= limit + SLACK)
        small_rows, large_rows = small_rows[near], large_rows[near]
        limit = limit if np.ndim(limit) == 0 else limit[near]
        separation = angular_separation(
            grid.ra[small_rows],
            grid.dec[small_rows],
            large.ra[large_rows].astype(float, copy=False),
            large.dec[large_rows].astype(float, copy=False),
        )
        near = np.flatnonzero(separation <= limit)
        return small_rows[near], large_rows[near], separation[near]

    # A function, not the body of a loop: its arrays are freed before the next candidates are made.
    near, far, separation = _concatenate(
        [within_radius(*candidates) for candidates in grid.candidates(large.ra, large.dec)]
    )
    near = near if small.rows is None else small.rows[near]
    far = far if large.rows is None else large.rows[far]
    return (near, far, separation) if swapped else (far, near, separation)


def _concatenate(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Join columns (rows, rows, separations) part by part; each part is freed once copied."""
    length = sum(len(part[0]) for part in parts)
    columns = np.empty(length, dtype=np.intp), np.empty(length, dtype=np.intp), np.empty(length)
    while parts:
        part = parts.pop()
        for column, piece in zip(columns, part, strict=True):
            column[length - len(piece) : length] = piece
        length -= len(part[0])
    return columns


def _sort_order(i: np.ndarray, j: np.ndarray, separation: np.ndarray) -> np.ndarray:
    """Return the order by (j, separation, i)."""
    # One integer key, j in its high bits and the scaled separation in the others, sorts several
    # times faster than three keys. Only rows whose keys tie are sorted by all three.
    bits = 62 - int(j.max(initial=0)).bit_length()
    key = (separation * ((2.0**bits - 1) / max(separation.max(initial=0), 1e-30))).astype(np.int64)
    key += j << bits
    order = np.argsort(key)
    starts = starts_run(key[order])
    tied = np.flatnonzero(~(starts & np.append(starts[1:], True)))
    rows = order[tied]
    order[tied] = rows[np.lexsort((i[rows], separation[rows], j[rows]))]
    return order
