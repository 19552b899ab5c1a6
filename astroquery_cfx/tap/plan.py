# Licensed under a 3-clause BSD style license - see LICENSE
"""Cut a query into pages that fit under the service's row limit. Pure: the counting is passed in.

A page is a half-open range of a key. The first range is open below and the last one above, so that
whatever the database sorts to the ends (infinities, NaN) is in one of them; NULL keys get a page of
their own. Numeric keys are counted in bins whose width is a power of two: in binary arithmetic
their edges and FLOOR(key / width) are exact, so the count of a bin is the count of its range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import (
    IncompleteResultError,
    InvalidInputError,
    ServiceError,
    ServiceUnavailableError,
)
from .adql import both, literal
from .schema import Key

# With fewer, the bins of a range could be as wide as the range.
_FEWEST_BINS = 8
# How often to count where the counts contradict each other: an accident, or the table changed.
_TRIES = 3


@dataclass(frozen=True)
class Range:
    """A range ``low <= key < high`` of a key; an edge that is None is open."""

    key: str  # expression in ADQL
    low: float | str | None = None
    high: float | str | None = None
    null: bool = False  # the rows where the key is NULL, and no others
    known: bool = False  # the rows where the key is not NULL, where no edge excludes those

    @property
    def condition(self) -> str:
        """Return the range in ADQL; empty for a range open at both ends."""
        if self.null:
            return f"{self.key} IS NULL"
        if self.known:
            return f"{self.key} IS NOT NULL"
        parts = []
        if self.low is not None:
            parts.append(f"{self.key} >= {literal(self.low)}")
        if self.high is not None:
            parts.append(f"{self.key} < {literal(self.high)}")
        return " AND ".join(parts)


Piece = tuple[Range, int]  # a range, and how many rows it has


@dataclass(frozen=True)
class Page:
    """Ranges that all hold, and how many rows meet them."""

    ranges: tuple[Range, ...]
    rows: int

    @property
    def condition(self) -> str:
        """Return the ranges in ADQL; empty for all rows."""
        return " AND ".join(item.condition for item in self.ranges if item.condition)

    def __str__(self) -> str:
        return self.condition or "all rows"


def bin_exponent(low: float, high: float, max_bins: int, *, integer: bool = False) -> int:
    """Return the exponent of the smallest power of two that gives at most `max_bins` bins (or 8).

    >>> from astroquery_cfx.tap.plan import bin_exponent
    >>> 2.0 ** bin_exponent(0.007, 359.99, 4096)
    0.125
    """
    span = (high - low) / (max(_FEWEST_BINS, max_bins) - 1)
    exponent = math.ceil(math.log2(span)) if span > 0 else -1000
    # Bins finer than the spacing of doubles (53 bits) at the larger end have no edges of their own,
    # and below 2**-1000 the products of FLOOR(key * 2**-exponent) would overflow.
    largest = max(abs(low), abs(high))
    finest = math.frexp(largest)[1] - 53 if largest else -1000
    exponent = max(exponent, finest, -1000)
    return max(exponent, 0) if integer else exponent


def most_bins(limit: int | None, pages: float = 1) -> int:
    """Return how many bins a histogram may have, each of which is a row that the service writes.

    Enough for `pages` of about even size, and few enough for the histogram to stay below the row
    limit (if unknown, DaCHS's default of 20,000).
    """
    return max(2, min(512 if pages <= 32 else 4096, (limit or 20_000) // 2))


class Binning(NamedTuple):
    """What to count along a key: the rows that meet a condition, in bins of a width."""

    key: Key
    condition: str
    exponent: int  # the width is a power of two
    max_bins: int  # more are an error

    @property
    def bin_of(self) -> str:
        """Return the index of the bin of a row, in ADQL."""
        return f"FLOOR({self.key.expression} * {2.0**-self.exponent!r})"


def whole_binning(key: Key, low: float, high: float, limit: int | None) -> Binning:
    """Return the bins for all rows, whose keys are from `low` to `high`."""
    max_bins = most_bins(limit)
    exponent = bin_exponent(low, high, max_bins, integer=key.kind == "integer")
    condition = both(Range(key.expression, known=True).condition)
    return Binning(key, condition, exponent, max_bins)


def group_bins(bins: list[tuple[int, int]], target: int) -> list[tuple[int, int, int]]:
    """Join neighbouring bins (index, count) into groups of about even size.

    A group is (index of its first bin, index after its last bin, rows). None has more than `target`
    rows unless it is a single bin.

    >>> from astroquery_cfx.tap.plan import group_bins
    >>> group_bins([(0, 3), (1, 3), (4, 9), (5, 1), (6, 1)], 6)
    [(0, 2, 6), (4, 5, 9), (5, 7, 2)]
    """
    left = sum(count for _, count in bins)
    groups: list[tuple[int, int, int]] = []
    aim = 0.0
    for index, count in bins:
        if groups:
            first, _, rows = groups[-1]
            if rows + count <= target and rows + count / 2 <= aim:
                groups[-1] = (first, index + 1, rows + count)
                continue
            left -= rows
        # The aim is set anew for each group, so that no small one is left at the end.
        aim = left / max(1, math.ceil(left / target))
        groups.append((index, index + 1, count))
    return groups


@dataclass(frozen=True)
class NumberSplitter:
    """Split ranges of a numeric key into ranges of at most `target` rows.

    ``histogram(low, high, exponent)`` returns ``{index: rows}`` of ``FLOOR(key / 2**exponent)`` for
    ``low <= key < high``, with infinite and NaN keys under the index None. ``span(low, high)``
    returns the smallest and the largest finite key of that range.
    """

    key: str
    histogram: Callable
    span: Callable
    target: int
    max_bins: int
    integer: bool = False

    def split(self, low, high, rows: int, wanted: int | None = None) -> list[Piece]:
        """Return ranges from `low` to `high` in order, without gaps; with `wanted`, the first ones.

        A range that still has more rows than the target cannot be split by this key.
        """
        least, largest = self.span(low, high)
        exponent = bin_exponent(least, largest, self.max_bins, integer=self.integer)
        if not least < largest or 2.0**exponent > largest - least:
            # All keys are the same, or so close that FLOOR does not separate them, or NaN.
            return [(Range(self.key, low, high), rows)]
        counts = self.histogram(low, high, exponent)
        if (found := sum(counts.values())) != rows:
            raise IncompleteResultError(
                f"The histogram along {self.key} adds up to {found}, not to {rows}."
            )
        bins = sorted((index, count) for index, count in counts.items() if index is not None)
        end = None  # the first bin beyond what is wanted
        if wanted is not None:
            needed = 1 + int(np.searchsorted(np.cumsum([count for _, count in bins]), wanted))
            if needed < len(bins):
                bins, end = bins[:needed], bins[needed][0]
        # A range goes from the first bin of its group to the first bin of the next: between bins
        # there are no rows. The outer edges stay as they were given.
        width = 2**exponent if self.integer else 2.0**exponent
        groups = group_bins(bins, self.target)
        edges = [low, *(first * width for first, _, _ in groups[1:])]
        edges.append(high if end is None else end * width)
        pieces: list[Piece] = []
        for (first, after, inside), (start, stop) in zip(groups, pairwise(edges), strict=False):
            if inside > self.target and after - first == 1:
                pieces += self._split_bin(start, stop, (first * width, after * width), inside)
            else:
                pieces.append((Range(self.key, start, stop), inside))
        if None in counts and end is None:
            # Databases sort NaN and infinity above all numbers. With a -infinity, the first and the
            # last page have other rows than this, and the pages are counted again one by one.
            last, inside = pieces.pop() if pieces else (Range(self.key, low, high), 0)
            pieces.append((last, inside + counts[None]))
        return pieces

    def _split_bin(self, start, stop, edges, rows):
        """Split one bin, a range from `start` to `stop` (None is open), by a finer histogram."""
        low, high = (edges[0] if start is None else start), (edges[1] if stop is None else stop)
        try:
            pieces = self.split(low, high, rows)
        except IncompleteResultError:
            # The table changed, or FLOOR is not exact here. The next key may cut this range.
            pieces = [(Range(self.key, low, high), rows)]
        # Open again what was closed for the histogram.
        pieces[0] = (replace(pieces[0][0], low=start), pieces[0][1])
        pieces[-1] = (replace(pieces[-1][0], high=stop), pieces[-1][1])
        return pieces


@dataclass(frozen=True)
class Planner:
    """Cut a query into pages of at most `target` rows, under the service's row limit (if known)."""

    counter: Any  # a Counter, whose module stands on this one
    target: int
    limit: int | None = None

    def pages(self, keys: list[Key], *, within=(), wanted=None, statistics=None) -> list[Page]:
        """Return the pages in order; with `wanted`, the first ones that have so many rows.

        The first key that can be counted is used, and those after it where it does not cut finely
        enough. `within` are ranges that hold already; `statistics` of the first key may be known.
        """
        failure: ServiceError | IncompleteResultError | None = None
        for number, key in enumerate(keys):
            try:
                pieces = self._cut(key, within, wanted, statistics if number == 0 else None)
            except ServiceUnavailableError:
                raise
            except (ServiceError, IncompleteResultError) as error:
                failure = failure or error
                continue
            pages = []
            for piece, rows in pieces:
                ranges = (*within, piece)
                if rows > self.target and rows > 1:
                    pages += self.pages(keys[number + 1 :], within=ranges)
                else:
                    pages.append(Page(ranges, rows))
            return pages
        if isinstance(failure, IncompleteResultError):
            raise failure
        why = f" ({failure.failed})" if failure else ""
        raise InvalidInputError(
            f"The query returns more than {self.target} rows in one request, and no column is left "
            f"to split them by{why}.",
            remedy="add a column with many values, such as a position, or narrow it by WHERE.",
        )

    def _cut(self, key, within, wanted, statistics):
        """Return the ranges of one key; count again where the counts contradict each other."""
        condition = both(*(item.condition for item in within))
        for tries_left in reversed(range(_TRIES)):
            try:
                total, known, low, high = statistics or self.counter.key_statistics(key, condition)
                pieces = []
                if known and key.kind == "text":
                    pieces = self._cut_texts(key, condition, known, wanted)
                elif known:
                    pieces = self._cut_numbers(key, condition, (low, high), known, wanted)
                found = sum(rows for _, rows in pieces)
                if wanted is None and found != known:
                    raise IncompleteResultError(
                        f"The counts along {key.expression} do not add up to {known}."
                    )
                break
            except IncompleteResultError:
                if not tries_left:
                    raise
                statistics = None
        if total > known:  # some keys are NULL: a range open at both ends must not include them
            whole, known_only = Range(key.expression), Range(key.expression, known=True)
            pieces = [(known_only if piece == whole else piece, rows) for piece, rows in pieces]
            if wanted is None or found < wanted:
                pieces.append((Range(key.expression, null=True), total - known))
        return pieces

    def _cut_texts(self, key, condition, known, wanted):
        """Return ranges of a text key, walking along the service's own order: collations differ."""
        pieces = []
        low, left = None, known
        while left > self.target and (wanted is None or known - left < wanted):
            high = self.counter.next_text(key, low, condition, self.target)
            if high is None or high == low:
                break
            piece = Range(key.expression, low, high)
            inside = self.counter.count(both(condition, piece.condition))
            if inside == 0 or inside > left:  # MAX and comparison follow different orders
                break
            pieces.append((piece, inside))
            low, left = high, left - inside
        if left and (wanted is None or known - left < wanted):
            pieces.append((Range(key.expression, low), left))
        return pieces

    def _cut_numbers(self, key, condition, whole_span, known, wanted):
        integer = key.kind == "integer"
        max_bins = most_bins(self.limit, known / self.target)

        def histogram(low, high, exponent):
            inside = Range(key.expression, low, high, known=low is high is None).condition
            binning = Binning(key, both(condition, inside), exponent, max_bins)
            return self.counter.histogram(binning)

        def span(low, high):
            whole = low is None and high is None
            inside = both(condition, Range(key.expression, low, high).condition)
            least, largest = whole_span if whole else self.counter.key_span(key, inside)
            if least is None or largest is None:  # no finite value
                return 0, 0
            if whole and key.span:
                # Coordinates that fill most of the sky get the bins that were prefetched.
                first, last = key.span
                if first <= least and largest <= last and largest - least > (last - first) / 2:
                    return key.span
            return (int(least), int(largest)) if integer else (float(least), float(largest))

        splitter = NumberSplitter(key.expression, histogram, span, self.target, max_bins, integer)
        return splitter.split(None, None, known, wanted)
