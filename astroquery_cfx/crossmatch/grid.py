# Licensed under a 3-clause BSD style license - see LICENSE
"""The grid under `~astroquery_cfx.crossmatch.sphere.find_pairs`: which rows can be near which.

Declination zones of equal height are cut into cells about as wide as high. Each row of the smaller
side marks the cells that its radius touches; the rows of the larger side are looked up.
"""

import numpy as np

from ..arrays import starts_run

__all__ = ["SLACK", "MarkedGrid"]

_CHUNK = (
    65_536  # rows of the larger side looked up at a time: a few arrays of this size fit in cache
)
_BATCH = 262_144  # pairs tested at a time: bounds the memory where very many lie within the radius
_MAX_ZONES = 200_000  # cells no smaller than 3 arcsec
_MAP_BITS = 32  # bits of the map for each mark, at least: one row in 32 is tested in vain at most
_SKY = 360.0**2 / np.pi  # square degrees
SLACK = 1e-8  # deg, by which cells are marked too widely: far above rounding, far below any cell


def _cell_height(small, large, radius):
    """The height of the cells, in degrees, for which marking, looking up and testing are cheapest."""
    heights = 180 / np.unique(np.round(np.geomspace(1, _MAX_ZONES, 31)))
    cells = _SKY / heights**2
    radii = np.quantile(radius, np.linspace(0, 1, 17)) if np.ndim(radius) else np.array([radius])
    marks = np.minimum((2 * radii / heights[:, np.newaxis] + 1) ** 2, cells[:, np.newaxis]).mean(
        axis=1
    )
    num_small, num_large = len(small[0]), len(large[0])
    tests = marks * np.maximum(num_small * num_large / cells, _num_shared(small, large, heights))
    memory = np.minimum(cells, _MAP_BITS * num_small * marks) / 8e6
    # Nanoseconds, as measured; a map of the cells beyond a MB misses the cache.
    cost = (
        150 * num_small * marks
        + 400_000 * memory
        + num_large * np.minimum(3 * memory, 15)
        + 100 * np.minimum(tests, num_large)
        + 20 * tests
    )
    return heights[np.argmin(cost)]


def _num_shared(small, large, heights):
    """
    Pairs of rows that share a cell, for each height, from a sample of both sides.

    Catalogues are clustered, and where the one is the other is: an even sky tells too few.
    """
    samples, scale = [], 1.0
    for ra, dec, _ in (small, large):
        step = max(len(ra) // min(max(len(ra) // 1024, 512), 8192), 1)
        ra, dec = (array[::step].astype(float, copy=False) for array in (ra, dec))
        samples.append((ra % 360 * np.cos(np.radians(dec)), dec))
        scale *= step
    shared = []
    for height in heights:
        first, second = (
            np.sort(np.floor(dec / height) * 2.0**26 + np.floor(x / height)) for x, dec in samples
        )
        ends = np.searchsorted(first, second, "right") - np.searchsorted(first, second, "left")
        shared.append(ends.sum() * scale)
    return np.array(shared)


class MarkedGrid:
    """
    The smaller side on a grid of declination zones: each row marks all cells that its radius touches.

    Which cells are marked is a map of one bit a cell. The number of marked cells before a cell, and so
    its place in the list of marked cells, is counted from that map. Where there are very many cells
    they share the bits of a smaller map, which costs some tests in vain and no pair.

    Parameters
    ----------
    small, large : tuple of (ra, dec, ...), degrees
        Finite positions of the two sides.
    radius : float or `~numpy.ndarray`
        One radius in degrees, or one for each row of ``small``.
    height : float, optional
        Height of the zones in degrees; by default what is cheapest for these sides.
    """

    def __init__(self, small, large, radius, *, height=None):
        self.ra, self.dec = (array.astype(float, copy=False) for array in small[:2])
        self.zones = round(180 / (height or _cell_height(small, large, radius)))
        height = 180 / self.zones
        edges = np.abs(np.linspace(-90, 90, self.zones + 1))
        widest = np.minimum(edges[1:], edges[:-1])
        if self.zones % 2:
            widest[self.zones // 2] = 0  # the middle zone holds the equator
        self.num_cells = np.maximum(360 * np.cos(np.radians(widest)) / height, 1).astype(np.int32)
        total = np.cumsum(self.num_cells, dtype=np.int64)
        self.first_cell = (total - self.num_cells).astype(
            np.int32 if total[-1] < 2**31 else np.int64
        )
        self.fold = None
        self._mark(*self._touched(radius))

    def _mark(self, cell, row):
        cells = int(self.first_cell[-1]) + int(self.num_cells[-1])
        shared = 1 << max(int(_MAP_BITS * len(cell)).bit_length(), 20)
        if cells > shared:
            self.fold, cells = shared - 1, shared
            cell = cell & self.fold
        bits = len(self.ra).bit_length()
        key = (cell.astype(np.int64) << bits) | row
        key.sort()
        if self.fold:  # cells of one row that share a bit count once
            key = key[starts_run(key)]
        self.row = key & ((1 << bits) - 1)
        key >>= bits
        self.begin = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1], [True])))
        marked = key[self.begin[:-1]]
        self.map = np.zeros(cells // 64 * 8 + 8, dtype=np.uint8)
        np.bitwise_or.at(self.map, marked >> 3, np.uint8(1) << (marked & 7).astype(np.uint8))
        self.words = self.map.view("<u8")
        in_word = np.bitwise_count(self.words)
        self.before = np.cumsum(in_word, dtype=np.int32) - in_word

    def _zone(self, dec):
        return np.minimum(((dec + 90) * (self.zones / 180)).astype(np.int32), self.zones - 1)

    def cell(self, ra, dec):
        """The cell of each position."""
        zone = self._zone(dec)
        turn = ra * (1 / 360)
        turn -= np.floor(turn)
        np.minimum(turn, 1 - 2.0**-53, out=turn)  # a hair below a whole turn rounds up to it
        turn *= self.num_cells[zone]
        return self.first_cell[zone] + turn.astype(np.int32)

    def _touched(self, radius):
        """Cells that the cap of each row touches, and the row: two arrays, one entry a touch."""
        reach = np.minimum(radius, 180) + SLACK
        low = self._zone(np.maximum(self.dec - reach, -90))
        high = self._zone(np.minimum(self.dec + reach, 90))
        row, step = _ranges(high - low + 1)
        zone = low[row] + step
        cells = self.num_cells[zone]
        half = (_half_width(self.dec, reach) / 360)[row]
        centre = (self.ra / 360 - np.floor(self.ra / 360))[row]
        start = np.floor((centre - half) * cells).astype(np.int32)
        stop = np.floor((centre + half) * cells).astype(np.int32)
        entry, step = _ranges(np.minimum(stop - start + 1, cells))
        return (start[entry] + step) % cells[entry] + self.first_cell[zone[entry]], row[entry]

    def _marked(self, cell):
        """Which of the cells are marked, as row numbers, and their places in the list of marked cells."""
        if self.fold:
            cell = cell & self.fold
        bit = self.map[cell >> 3]
        bit >>= (cell & 7).astype(np.uint8)
        bit &= 1
        rows = np.flatnonzero(bit.view(bool))
        cell = cell[rows]
        word = cell >> 6
        lower = (np.uint64(1) << (cell & 63).astype(np.uint64)) - np.uint64(1)
        return rows, self.before[word] + np.bitwise_count(self.words[word] & lower)

    def candidates(self, ra, dec):
        """
        Pairs that share a marked cell, in batches.

        Yields rows of the larger side, rows of the smaller side, and their difference in latitude.
        """
        for start in range(0, len(ra), _CHUNK):
            part = slice(start, start + _CHUNK)
            chunk_ra, chunk_dec = (array[part].astype(float, copy=False) for array in (ra, dec))
            rows, place = self._marked(self.cell(chunk_ra, chunk_dec))
            begin = self.begin[place]
            count = self.begin[place + 1] - begin
            for batch in _batches(np.cumsum(count)):
                which, step = _ranges(count[batch])
                large_rows, small_rows = rows[batch][which], self.row[begin[batch][which] + step]
                yield (
                    large_rows + start,
                    small_rows,
                    np.abs(chunk_dec[large_rows] - self.dec[small_rows]),
                )


def _half_width(dec, reach):
    """Half the range of longitude that a cap of radius `reach` covers, in degrees, rounded up."""
    polar = np.abs(dec) + reach >= 90
    sine = np.sin(np.radians(np.where(polar, 0, reach))) / np.cos(
        np.radians(np.where(polar, 0, dec))
    )
    return np.where(polar, 180, np.degrees(np.arcsin(np.minimum(sine, 1))) + 100 * SLACK)


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
