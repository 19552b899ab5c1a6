# Licensed under a 3-clause BSD style license - see LICENSE
"""All pairs of positions within a radius on the sky: arrays in, arrays out, in degrees.

The smaller side is laid on a grid of declination zones that are cut into cells: each of its rows
marks the cells that its radius touches. The rows of the larger side are looked up in that grid in
chunks that stay in the processor's cache, and only those that fall on a marked cell are tested
exactly. No unit vector and no sine is computed for the rows that nothing is near.
"""

import numpy as np

from ..errors import InvalidInputError
from .grid import SLACK, MarkedGrid

__all__ = ["angular_separation", "find_pairs", "position_angle"]


def angular_separation(ra1, dec1, ra2, dec2):
    """
    Separation on the sphere, precise from zero to 180 degrees.

    The half-angle is the arc tangent of the haversine over the haversine to the antipode,
    so that no place and no distance is badly conditioned (Sinnott 1984, Sky & Telescope 68, 158,
    for the haversine). Exchanging the two positions gives the same bits.

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


def position_angle(ra1, dec1, ra2, dec2):
    """
    Position angle of the second position as seen from the first, east of north.

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
    # sin(dec2 - dec1) plus a small term, not the difference of two large ones
    north = np.sin(np.radians(np.subtract(dec2, dec1))) + 2 * sin1 * cos2 * np.sin(across / 2) ** 2
    angle = np.degrees(np.arctan2(east, north)) % 360
    return np.where(angle == 360, 0.0, angle)  # the remainder of -1e-20 rounds up to 360


def unit_vectors(ra, dec):
    """Return unit vectors for positions in degrees, shape (n, 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def chord(angle):
    """Return the chord length for an angle in degrees, on the unit sphere."""
    return 2 * np.sin(np.radians(np.minimum(angle, 180)) / 2)


def angle_of(distance):
    """Return the angle in degrees for a chord length, on the unit sphere."""
    return 2 * np.degrees(np.arcsin(np.clip(distance / 2, 0, 1)))


def find_pairs(ra1, dec1, ra2, dec2, radius):
    """
    All pairs of one row of each side that lie within a radius, exactly.

    Parameters
    ----------
    ra1, dec1 : array_like of float, shape (n1,)
        Positions of the first side in degrees: longitude (any turn) and latitude.
    ra2, dec2 : array_like of float, shape (n2,)
        Positions of the second side, in the same frame.
    radius : float or array_like of float, shape (n2,)
        The largest separation in degrees, one for all or one for each row of the second side.

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

    Notes
    -----
    Rows whose position or radius is NaN, infinite or masked are in no pair. Memory beyond the
    inputs and the pairs stays below some tens of bytes a row of the smaller side, plus a few MB.

    Examples
    --------
    >>> from astroquery_cfx.crossmatch.sphere import find_pairs
    >>> i, j, separation = find_pairs([359.99, 10.0, 20.0], [0.0, 0.0, 0.0], [0.01, 20.0], [0.0, 0.5], 0.6)
    >>> i, j, separation
    (array([0, 2]), array([0, 1]), array([0.02, 0.5 ]))
    """
    first = _usable(ra1, dec1, "first")
    second = _usable(ra2, dec2, "second")
    second, radius = _usable_radius(second, radius, np.size(ra2))
    i, j, separation = _joined([_search(*part) for part in _split(first, second, radius)])
    order = _order(i, j, separation)
    i = i[order]  # one by one: the unordered ones are let go
    j = j[order]
    return i, j, separation[order]


def _order(i, j, separation):
    """The order by (j, separation, i). One key sorts several times faster than three; only ties need all."""
    bits = 62 - int(j.max(initial=0)).bit_length()
    key = (separation * ((2.0**bits - 1) / max(separation.max(initial=0), 1e-30))).astype(np.int64)
    key += j << bits
    order = np.argsort(key)
    same = np.diff(key[order]) == 0
    tied = np.flatnonzero(
        np.concatenate((same, [False])) | np.concatenate(([False], same))[: len(j)]
    )
    rows = order[tied]
    order[tied] = rows[np.lexsort((i[rows], separation[rows], j[rows]))]
    return order


def _usable(ra, dec, side):
    """Longitudes, latitudes and numbers of the rows that have a position (None: all rows)."""
    ra, dec = (np.atleast_1d(_plain(array)) for array in (ra, dec))
    if ra.ndim != 1 or ra.shape != dec.shape:
        raise InvalidInputError(
            f"The longitudes and latitudes of the {side} side have shapes {ra.shape} and "
            f"{dec.shape}.",
            remedy="give two one-dimensional arrays of the same length.",
        )
    rows = None
    if len(ra) and not np.isfinite([ra.min(), ra.max(), dec.min(), dec.max()]).all():
        rows = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        ra, dec = ra[rows], dec[rows]
    if len(dec) and not (dec.min() >= -90 and dec.max() <= 90):
        wrong = np.flatnonzero(np.abs(dec) > 90)
        raise InvalidInputError(
            f"{len(wrong)} latitudes of the {side} side lie beyond the poles, the first "
            f"is {dec[wrong[0]]} deg.",
            remedy="give latitudes in degrees, from -90 to 90.",
        )
    return ra, dec, rows


def _plain(array):
    if isinstance(array, np.ma.MaskedArray):
        array = array.astype(float).filled(np.nan)
    array = np.asarray(array)
    return array if array.dtype.kind == "f" else array.astype(float)


def _usable_radius(second, radius, length):
    """The rows of the second side that have a radius, and their radii, or the one for all."""
    radius = _plain(radius).astype(float)
    if (radius < 0).any():
        raise InvalidInputError(
            f"{np.sum(radius < 0)} radii are negative.", remedy="give radii of zero or more."
        )
    if radius.ndim == 0 and np.isfinite(radius):
        return second, float(radius)
    if radius.shape != (length,):
        raise InvalidInputError(
            f"The radius is neither a number nor one number for each of {length} rows.",
            remedy="give degrees, one for all or one for each row of the second side.",
        )
    if second[2] is not None:
        radius = radius[second[2]]
    keep = np.isfinite(radius)
    if keep.all():
        return second, radius
    return _selected(second, keep), radius[keep]


def _selected(side, keep):
    ra, dec, rows = side
    return ra[keep], dec[keep], np.flatnonzero(keep) if rows is None else rows[keep]


def _split(first, second, radius):
    """Parts in which either all radii are alike or they belong to the side that is laid on the grid."""
    if np.ndim(radius) == 0 or len(second[0]) <= len(first[0]):
        return [(first, second, radius)]
    octave = np.floor(np.log2(np.maximum(radius, 1e-7)))
    return [
        (first, _selected(second, octave == value), radius[octave == value])
        for value in np.unique(octave)
    ]


def _search(first, second, radius):
    """Pairs by a grid over the smaller side; row numbers are those of the caller's arrays."""
    swapped = len(first[0]) < len(second[0])
    small, large = (first, second) if swapped else (second, first)
    if not len(small[0]):
        return _joined([])
    grid = MarkedGrid(small, large, np.max(radius) if swapped else radius)
    near, far, separation = _joined(
        [
            _within(grid, large, small_rows, large_rows, difference, radius, swapped)
            for large_rows, small_rows, difference in grid.candidates(large[0], large[1])
        ]
    )
    near = near if small[2] is None else small[2][near]
    far = far if large[2] is None else large[2][far]
    return (near, far, separation) if swapped else (far, near, separation)


def _within(grid, large, small_rows, large_rows, difference, radius, swapped):
    """The candidates that lie within the radius. The difference in latitude rules most others out."""
    limit = radius if np.ndim(radius) == 0 else radius[large_rows if swapped else small_rows]
    keep = np.flatnonzero(difference <= limit + SLACK)
    small_rows, large_rows = small_rows[keep], large_rows[keep]
    limit = limit if np.ndim(limit) == 0 else limit[keep]
    separation = angular_separation(
        grid.ra[small_rows],
        grid.dec[small_rows],
        large[0][large_rows].astype(float, copy=False),
        large[1][large_rows].astype(float, copy=False),
    )
    keep = np.flatnonzero(separation <= limit)
    return small_rows[keep], large_rows[keep], separation[keep]


def _joined(parts):
    """The columns of the parts, one after the other. Each part is let go as soon as it is copied."""
    length = sum(len(part[0]) for part in parts)
    columns = np.empty(length, dtype=np.intp), np.empty(length, dtype=np.intp), np.empty(length)
    while parts:
        part = parts.pop()
        for column, piece in zip(columns, part, strict=True):
            column[length - len(piece) : length] = piece
        length -= len(part[0])
    return columns
