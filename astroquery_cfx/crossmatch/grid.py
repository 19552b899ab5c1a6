# Licensed under a 3-clause BSD style license - see LICENSE
"""The grid under `.sphere.find_pairs`: which rows of two sides can be near each other.

Declination zones of equal height are cut into cells about as wide as high. Each row of the smaller
side marks all cells that its radius touches; the cell of each row of the larger side is then looked
up.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..arrays import starts_run

# Rows of the larger side looked up at a time: a few arrays of this size fit in the L2 cache.
_CHUNK = 65_536
# Pairs tested at a time: bounds the memory where very many rows lie within the radius of one.
_BATCH = 262_144
# Cells are no smaller than 3 arcsec: the arrays with one entry per zone must stay small, too.
_MAX_ZONES = 200_000
# Bits of the map per mark, at least: at most one row in 32 that is near nothing is tested in vain.
_MAP_BITS = 32
_SKY = 360.0**2 / np.pi  # square degrees
# Degrees by which cells are marked too widely: far above rounding, far below the size of a cell.
SLACK = 1e-8


class Side(NamedTuple):
    """Positions of one side in degrees, and their rows in the caller's arrays (None: all)."""

    ra: np.ndarray
    dec: np.ndarray
    rows: np.ndarray | None = None

    def take(self, keep: np.ndarray) -> "Side":
        """Return the rows for which a boolean array is true."""
        rows = np.flatnonzero(keep) if self.rows is None else self.rows[keep]
        return Side(self.ra[keep], self.dec[keep], rows)


class MarkedGrid:
    """
    A grid on which each row of the smaller side marks the cells that its radius (degrees) touches.

    Marked cells are bits of a map. The number of marked cells before a cell is counted from that
    map, and is its place in the list of marked cells, so that no array has an entry per cell. If
    there are very many cells, several share a bit of a smaller map: some tests in vain, but no pair
    is lost. ``height`` is that of the zones in degrees, by default the cheapest for the two sides.
    """

    def __init__(self, small: Side, large: Side, radius: np.ndarray, *, height: float = 0) -> None:
        self.ra, self.dec = (array.astype(float, copy=False) for array in small[:2])
        self.zones = round(180 / (height or _cheapest_height(small, large, radius)))
        height = 180 / self.zones
        # The number of cells follows from the widest circle of latitude of each zone.
        edges = np.abs(np.linspace(-90, 90, self.zones + 1))
        widest = np.minimum(edges[1:], edges[:-1])
        if self.zones % 2:
            widest[self.zones // 2] = 0  # the middle zone holds the equator
        self.num_cells = np.maximum(360 * np.cos(np.radians(widest)) / height, 1).astype(np.int32)
        total = np.cumsum(self.num_cells, dtype=np.int64)
        dtype = np.int32 if total[-1] < 2**31 else np.int64
        self.first_cell = (total - self.num_cells).astype(dtype)
        cell, row = self._touched_cells(radius)
        bits_of_map = int(total[-1])
        shared = 1 << max(int(_MAP_BITS * len(cell)).bit_length(), 20)
        self.fold = None
        if bits_of_map > shared:
            self.fold, bits_of_map = shared - 1, shared
            cell = cell & self.fold
        # One sort of (cell, row) in one integer gives the rows of each marked cell, side by side.
        bits = len(self.ra).bit_length()
        key = (cell.astype(np.int64) << bits) | row
        key.sort()
        if self.fold is not None:  # cells of one row that share a bit count once
            key = key[starts_run(key)]
        self.row = key & ((1 << bits) - 1)
        key >>= bits
        self.begin = np.append(np.flatnonzero(starts_run(key)), len(key))
        marked = key[self.begin[:-1]]
        self.map = np.zeros(bits_of_map // 64 * 8 + 8, dtype=np.uint8)
        np.bitwise_or.at(self.map, marked >> 3, np.uint8(1) << (marked & 7).astype(np.uint8))
        self.words = self.map.view("<u8")
        in_word = np.bitwise_count(self.words)
        self.before = np.cumsum(in_word, dtype=np.int32) - in_word

    def candidates(self, ra: np.ndarray, dec: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """
        Yield batches of pairs that share a marked cell: rows, rows, and differences in declination.

        The first rows are those of ``ra`` and ``dec`` (the larger side, in degrees).
        """
        for start in range(0, len(ra), _CHUNK):
            part = slice(start, start + _CHUNK)
            chunk_ra, chunk_dec = (array[part].astype(float, copy=False) for array in (ra, dec))
            rows, place = self._marked(self._cell(chunk_ra, chunk_dec))
            begin = self.begin[place]
            count = self.begin[place + 1] - begin
            total = np.cumsum(count)
            first = 0
            while first < len(rows):  # at most _BATCH candidates, or those of one row
                done = total[first - 1] if first else 0
                last = max(int(np.searchsorted(total, done + _BATCH, side="right")), first + 1)
                batch = slice(first, last)
                owner, step = _ranges(count[batch])
                large_rows, small_rows = rows[batch][owner], self.row[begin[batch][owner] + step]
                difference = np.abs(chunk_dec[large_rows] - self.dec[small_rows])
                yield large_rows + start, small_rows, difference
                first = last

    def _zone(self, dec: np.ndarray) -> np.ndarray:
        return np.minimum(((dec + 90) * (self.zones / 180)).astype(np.int32), self.zones - 1)

    def _cell(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the number of the cell that holds each position."""
        zone = self._zone(dec)
        turn = ra * (1 / 360)
        turn -= np.floor(turn)
        np.minimum(turn, 1 - 2.0**-53, out=turn)  # -1e-20 less its floor is rounded to a whole turn
        turn *= self.num_cells[zone]
        return self.first_cell[zone] + turn.astype(np.int32)

    def _touched_cells(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells that the cap of each row touches, and the row: one entry per touch."""
        reach = np.minimum(radius, 180) + SLACK
        low = self._zone(np.maximum(self.dec - reach, -90))
        high = self._zone(np.minimum(self.dec + reach, 90))
        row, step = _ranges(high - low + 1)
        zone = low[row] + step
        cells = self.num_cells[zone]
        # A cap of radius r about declination d covers arcsin(sin r / cos d) of longitude on each
        # side; if it holds a pole, all longitudes. Close to a pole the arcsine turns the rounding
        # of its argument into 1e-6 deg, i.e. 100 SLACK.
        polar = np.abs(self.dec) + reach >= 90
        sine = np.sin(np.radians(np.where(polar, 0, reach)))
        sine = np.minimum(sine / np.cos(np.radians(np.where(polar, 0, self.dec))), 1)
        half = np.where(polar, 180, np.degrees(np.arcsin(sine)) + 100 * SLACK)
        half = (half / 360)[row]
        centre = (self.ra / 360 - np.floor(self.ra / 360))[row]
        start = np.floor((centre - half) * cells).astype(np.int32)
        stop = np.floor((centre + half) * cells).astype(np.int32)
        entry, step = _ranges(np.minimum(stop - start + 1, cells))
        return (start[entry] + step) % cells[entry] + self.first_cell[zone[entry]], row[entry]

    def _marked(self, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the cells are marked, and their places in the list of marked cells."""
        if self.fold is not None:
            cell = cell & self.fold
        bit = self.map[cell >> 3]
        bit >>= (cell & 7).astype(np.uint8)
        bit &= 1
        rows = np.flatnonzero(bit.view(bool))
        cell = cell[rows]
        word = cell >> 6
        lower = (np.uint64(1) << (cell & 63).astype(np.uint64)) - np.uint64(1)
        return rows, self.before[word] + np.bitwise_count(self.words[word] & lower)


def _cheapest_height(small: Side, large: Side, radius: np.ndarray) -> float:
    """
    Return the height of cells, in degrees, for which marking, looking up and testing cost least.

    Low cells mean many marks and a large map, high cells many candidates that are not pairs. The
    result decides the speed only, never which pairs are found.
    """
    heights = 180 / np.unique(np.round(np.geomspace(1, _MAX_ZONES, 31)))
    cells = _SKY / heights**2
    # A radius of n heights touches about (2 n + 1)^2 cells.
    radii = np.quantile(radius, np.linspace(0, 1, 17)) if np.ndim(radius) else np.array([radius])
    marks = np.minimum((2 * radii / heights[:, np.newaxis] + 1) ** 2, cells[:, np.newaxis])
    marks = marks.mean(axis=1)
    # Catalogues cluster together; a uniform sky underestimates the number of pairs. So the pairs
    # of rows that share a cell are also counted in a sample of both sides.
    samples, scale = [], 1.0
    for ra, dec, _ in (small, large):
        step = max(len(ra) // min(max(len(ra) // 1024, 512), 8192), 1)
        ra, dec = (array[::step].astype(float, copy=False) for array in (ra, dec))
        samples.append((ra % 360 * np.cos(np.radians(dec)), dec))
        scale *= step
    shared = []
    for height in heights:
        first, second = (  # zone and cell in one number: there are fewer than 2^26 cells in a zone
            np.sort(np.floor(dec / height) * 2.0**26 + np.floor(x / height)) for x, dec in samples
        )
        ends = np.searchsorted(first, second, "right") - np.searchsorted(first, second, "left")
        shared.append(ends.sum() * scale)
    num_small, num_large = len(small.ra), len(large.ra)
    tests = marks * np.maximum(num_small * num_large / cells, shared)
    map_size = np.minimum(cells, _MAP_BITS * num_small * marks) / 8e6  # MB
    # Nanoseconds, fitted to timings on x86-64: a mark is sorted (150), the map is allocated and
    # counted (400,000 per MB), a look-up misses the cache the more the larger the map (up to 15), a
    # row with candidates has some overhead (100), and a candidate is tested (20).
    cost = (
        150 * num_small * marks
        + 400_000 * map_size
        + num_large * np.minimum(3 * map_size, 15)
        + 100 * np.minimum(tests, num_large)
        + 20 * tests
    )
    return heights[np.argmin(cost)]


def _ranges(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return owners and steps of ranges: for counts (2, 3), (0, 0, 1, 1, 1) and (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
