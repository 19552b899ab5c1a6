# Licensed under a 3-clause BSD style license - see LICENSE
"""All pairs of positions within a radius on the sky: arrays in, arrays out, in degrees.

The smaller side is laid on a grid of declination zones that are cut into cells: each of its rows
marks the cells that its radius touches. The rows of the larger side are looked up in that grid in
chunks that stay in the processor's cache, and only those that fall on a marked cell are tested
exactly. No unit vector and no sine is computed for the rows that nothing is near.
"""

import numpy as np

from ..errors import InvalidInputError

__all__ = ["angular_separation", "find_pairs", "position_angle"]

_CHUNK = 65_536      # rows of the larger side looked up at a time: a few arrays of this size fit in cache
_BATCH = 1_048_576   # pairs tested at a time: bounds the memory where very many lie within the radius
_SLACK = 1e-8        # deg, by which cells are marked too widely: far above rounding, far below any cell
_SKY = 360.0**2 / np.pi     # square degrees


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
        If lengths differ, a declination is beyond the poles, or a radius is negative.

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
    second, radius = _usable_radius(second, radius)
    parts = [_search(*part) for part in _split(first, second, radius)]
    i, j, separation = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((i, separation, j))
    return i[order], j[order], separation[order]


def _split(first, second, radius):
    """Work in which either all radii are alike or they belong to the side that is laid on the grid."""
    if np.ndim(radius) == 0 or len(second[0]) <= len(first[0]):
        return [(first, second, radius)]
    octave = np.floor(np.log2(np.maximum(radius, 1e-7))).astype(int)
    return [(first, tuple(_take(array, octave == value) for array in second), radius[octave == value])
            for value in np.unique(octave)] or [(first, second, radius)]


def _take(array, keep):
    return np.flatnonzero(keep) if array is None else array[keep]


def _usable(ra, dec, side):
    """Longitudes, latitudes and row numbers of the rows that have a position (None: all rows)."""
    ra, dec = (np.atleast_1d(_plain(array)) for array in (ra, dec))
    if ra.ndim != 1 or ra.shape != dec.shape:
        raise InvalidInputError(f"The longitudes and latitudes of the {side} side have shapes {ra.shape} and "
                                f"{dec.shape}.", remedy="give two one-dimensional arrays of the same length.")
    rows = None
    if len(ra) and not np.isfinite([ra.min(), ra.max(), dec.min(), dec.max()]).all():
        rows = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        ra, dec = ra[rows], dec[rows]
    if len(dec) and not (dec.min() >= -90 and dec.max() <= 90):
        row = np.flatnonzero(np.abs(dec) > 90)
        raise InvalidInputError(f"{len(row)} latitudes of the {side} side lie beyond the poles, the first is "
                                f"{dec[row[0]]} deg.", remedy="give latitudes in degrees, from -90 to 90.")
    return ra, dec, rows


def _plain(array):
    if isinstance(array, np.ma.MaskedArray):
        array = array.astype(float).filled(np.nan)
    array = np.asarray(array)
    return array if array.dtype.kind == "f" else array.astype(float)


def _usable_radius(second, radius):
    radius = _plain(radius).astype(float)
    if radius.ndim > 1 or (np.isnan(radius).any() if radius.ndim == 0 else False):
        raise InvalidInputError(f"The radius {radius} is neither a number nor one number a row.",
                                remedy="give degrees, one for all or one for each row of the second side.")
    if (radius < 0).any():
        raise InvalidInputError(f"{np.sum(radius < 0)} radii are negative.",
                                remedy="give radii of zero or more.")
    if radius.ndim == 0:
        return second, float(radius)
    ra, dec, rows = second
    total = len(ra) if rows is None else None
    return _rows_with_radius(ra, dec, rows, radius, total)


def _rows_with_radius(ra, dec, rows, radius, total):
    if total is not None and len(radius) != total:
        raise InvalidInputError(f"There are {len(radius)} radii for {total} rows of the second side.",
                                remedy="give one radius for all, or one for each row.")
    radius = radius if rows is None else radius[rows]
    keep = np.isfinite(radius)
    if keep.all():
        return (ra, dec, rows), radius
    rows = np.flatnonzero(keep) if rows is None else rows[keep]
    return (ra[keep], dec[keep], rows), radius[keep]


def _search(first, second, radius):
    """Pairs by a grid over the smaller side; row numbers are those of the caller's arrays."""
    swapped = len(first[0]) < len(second[0])
    if not len(first[0]) or not len(second[0]):
        empty = np.empty(0, dtype=np.intp)
        return empty, empty, np.empty(0)
    small, large = (first, second) if swapped else (second, first)
    reach = np.max(radius) if swapped else radius
    grid = _MarkedGrid(small[0].astype(float), small[1].astype(float), reach, len(large[0]))
    parts = []
    for large_rows, small_rows in grid.candidates(large[0], large[1]):
        limit = radius if np.ndim(radius) == 0 else radius[large_rows if swapped else small_rows]
        parts.append(_within(small, large, small_rows, large_rows, limit))
    near, far, separation = _joined(parts)
    near, far = (rows if side[2] is None else side[2][rows]
                 for rows, side in ((near, small), (far, large)))
    return (near, far, separation) if swapped else (far, near, separation)


def _joined(parts):
    if not parts:
        empty = np.empty(0, dtype=np.intp)
        return empty, empty, np.empty(0)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _within(small, large, small_rows, large_rows, limit):
    """The candidates that lie within the limit. The difference in latitude rules most others out."""
    high, low = large[1][large_rows].astype(float), small[1][small_rows].astype(float)
    keep = np.flatnonzero(np.abs(high - low) <= limit + _SLACK)
    small_rows, large_rows = small_rows[keep], large_rows[keep]
    limit = limit if np.ndim(limit) == 0 else limit[keep]
    separation = angular_separation(small[0][small_rows].astype(float), low[keep],
                                    large[0][large_rows].astype(float), high[keep])
    keep = np.flatnonzero(separation <= limit)
    return small_rows[keep], large_rows[keep], separation[keep]


def _cell_height(radius, small, large):
    """The height of the cells, in degrees, for which marking and testing together are cheapest."""
    radii = np.quantile(radius, np.linspace(0, 1, 17)) if np.ndim(radius) else np.array([radius])
    heights = 180 / np.unique(np.round(np.geomspace(1, 18_000, 60)))
    reach = 2 * radii + heights[:, np.newaxis]
    touched = np.minimum(np.pi / 4 * (reach + heights[:, np.newaxis]) ** 2, _SKY).mean(axis=1)
    cells = _SKY / heights**2
    # Nanoseconds, measured: to mark a cell, to keep one in memory, to test a pair. Catalogues are
    # clustered, and where the one is the other is: more pairs are tested than on an even sky.
    cost = 60 * small * touched / heights**2 + 0.5 * cells + 10 * 10 * small * large * touched / _SKY
    return heights[np.argmin(cost)]


class _MarkedGrid:
    """The smaller side on a grid of declination zones: each row marks all cells that its radius touches."""

    def __init__(self, ra, dec, radius, large):
        height = _cell_height(radius, len(ra), large)
        self.zones = round(180 / height)
        edges = np.abs(np.linspace(-90, 90, self.zones + 1))
        widest = np.minimum(edges[1:], edges[:-1])
        if self.zones % 2:
            widest[self.zones // 2] = 0  # the middle zone holds the equator
        self.num_cells = np.maximum(360 * np.cos(np.radians(widest)) / height, 1).astype(np.int32)
        self.first_cell = np.concatenate(([0], np.cumsum(self.num_cells[:-1]))).astype(np.int32)
        cell, row = self._touched(ra, dec, radius)
        order = np.argsort(cell, kind="stable")
        self.row = row[order]
        marked, self.begin, self.count = np.unique(cell[order], return_index=True, return_counts=True)
        self.is_marked = np.zeros(self.num_cells.sum(), dtype=bool)
        self.is_marked[marked] = True
        self.slot = np.empty(len(self.is_marked), dtype=np.int32)  # defined, and in memory, where marked only
        self.slot[marked] = np.arange(len(marked))

    def _zone(self, dec):
        return np.minimum(((dec + 90) * (self.zones / 180)).astype(np.int32), self.zones - 1)

    def cell(self, ra, dec):
        """The cell of each position."""
        zone = self._zone(dec)
        turn = ra * (1 / 360)
        turn -= np.floor(turn)
        np.minimum(turn, 1 - 2.0**-53, out=turn)  # a hair below a whole turn rounds up to it
        turn *= self.num_cells[zone]
        return turn.astype(np.int32) + self.first_cell[zone]

    def _touched(self, ra, dec, radius):
        """Cells that the cap of each row touches, and the row: two arrays, one entry a touch."""
        reach = np.minimum(radius, 180) + _SLACK
        low, high = self._zone(np.maximum(dec - reach, -90)), self._zone(np.minimum(dec + reach, 90))
        row, step = _ranges(high - low + 1)
        zone, cells = low[row] + step, self.num_cells[low[row] + step]
        half = _half_width(dec, reach)[row] / 360
        centre = (ra / 360 - np.floor(ra / 360))[row]
        start = np.floor((centre - half) * cells).astype(np.int64)
        stop = np.floor((centre + half) * cells).astype(np.int64)
        entry, step = _ranges(np.minimum(stop - start + 1, cells))
        cell = ((start[entry] + step) % cells[entry]).astype(np.int32) + self.first_cell[zone[entry]]
        return cell, row[entry]

    def candidates(self, ra, dec):
        """Pairs (row of the larger side, row of the smaller side) that share a marked cell, in batches."""
        for begin in range(0, len(ra), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            cell = self.cell(ra[part].astype(float), dec[part].astype(float, copy=False))
            rows = np.flatnonzero(self.is_marked[cell])
            slot = self.slot[cell[rows]]
            total = np.cumsum(self.count[slot])
            for batch in _batches(total):
                which, step = _ranges(self.count[slot[batch]])
                yield rows[batch][which] + begin, self.row[self.begin[slot[batch]][which] + step]


def _half_width(dec, reach):
    """Half the range of longitude that a cap of radius `reach` covers, in degrees, rounded up."""
    polar = np.abs(dec) + reach >= 90
    sine = np.sin(np.radians(np.where(polar, 0, reach))) / np.cos(np.radians(np.where(polar, 0, dec)))
    return np.where(polar, 180, np.degrees(np.arcsin(np.minimum(sine, 1))) + 100 * _SLACK)


def _ranges(counts):
    """For counts (2, 3): the owners (0, 0, 1, 1, 1) and the steps (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def _batches(total):
    """Slices of rows with at most `_BATCH` candidates each, or one row."""
    begin = 0
    while begin < len(total):
        done = total[begin - 1] if begin else 0
        end = max(int(np.searchsorted(total, done + _BATCH, side="right")), begin + 1)
        yield slice(begin, end)
        begin = end
