# Licensed under a 3-clause BSD style license - see LICENSE
"""Counts along a key to pages that fit under the service's limit. Pure: the counting is passed in.

A page is a half-open range of the key. The first range is open below and the last above, so that whatever
the database sorts to the ends (infinities, NaN) lies in one of them; NULL keys have a page of their own.
Bins are powers of two wide: in binary arithmetic their edges and FLOOR(key / width) are exact, and so a
bin's count is the count of its range.
"""

import math
from dataclasses import dataclass

from ..errors import IncompleteResultError
from .adql import literal

__all__ = ["Page", "Range", "bin_exponent", "group_bins", "split_numbers", "split_texts"]

# With fewer, the bins of a range could be as wide as the range.
_LEAST_BINS = 8


@dataclass(frozen=True)
class Range:
    """
    A half-open range of a key, or its NULLs.

    Attributes
    ----------
    key : str
        The expression of the key in ADQL.
    low, high : int, float, str or None
        ``low <= key < high``; None is open.
    null : bool
        The rows where the key is NULL, and no others.
    known : bool
        The rows where the key is not NULL, where no edge leaves those out.
    """

    key: str
    low: object = None
    high: object = None
    null: bool = False
    known: bool = False

    @property
    def condition(self):
        """The range in ADQL; '' for a range open at both ends."""
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


@dataclass(frozen=True)
class Page:
    """Ranges that all hold, and how many rows lie in them."""

    ranges: tuple
    rows: int

    @property
    def condition(self):
        return " AND ".join(item.condition for item in self.ranges if item.condition)


def bin_exponent(low, high, max_bins, *, integer=False):
    """
    The exponent of the bin width: the smallest power of two that gives at most `max_bins` bins.

    Examples
    --------
    >>> from astroquery_cfx.tap.plan import bin_exponent
    >>> 2.0 ** bin_exponent(0.007, 359.99, 4096)
    0.125
    """
    span = (high - low) / max(1, max_bins - 1)
    exponent = math.ceil(math.log2(span)) if span > 0 else -1000
    # Nothing finer than the spacing of doubles at the larger end has edges of its own.
    largest = max(abs(low), abs(high))
    finest = math.frexp(largest)[1] - 53 if largest else -1000
    exponent = max(exponent, finest, -1000)
    return max(exponent, 0) if integer else exponent


def group_bins(bins, target):
    """
    Join neighbouring bins into groups near an even size, none above `target` unless it is one bin.

    Parameters
    ----------
    bins : list of (int, int)
        Index and count, by index.
    target : int

    Returns
    -------
    list of (int, int, int)
        Index of the first bin, index after the last, rows.

    Examples
    --------
    >>> from astroquery_cfx.tap.plan import group_bins
    >>> group_bins([(0, 3), (1, 3), (4, 9), (5, 1), (6, 1)], 6)
    [(0, 2, 6), (4, 5, 9), (5, 7, 2)]
    """
    left = sum(count for _, count in bins)
    groups, aim = [], 0
    for index, count in bins:
        if groups:
            first, _, rows = groups[-1]
            if rows + count <= target and rows + count / 2 <= aim:
                groups[-1] = (first, index + 1, rows + count)
                continue
            left -= rows
        aim = left / max(
            1, math.ceil(left / target)
        )  # anew for each group: no small one is left at the end
        groups.append((index, index + 1, count))
    return groups


def split_numbers(
    key, histogram, spans, whole, rows, target, *, max_bins, integer=False, wanted=None
):
    """
    Split a range of a numeric key into ranges of at most `target` rows.

    Parameters
    ----------
    key : str
    histogram : callable
        ``histogram(low, high, exponent)`` gives ``{index: count}`` of ``FLOOR(key / 2**exponent)`` in
        ``low <= key < high`` (None is open); infinite and NaN keys under the index None.
    spans : callable
        ``spans(low, high)`` gives the least and the largest finite key of the range.
    whole : (low, high)
        The range to split; None is open.
    rows : int
        How many rows the range has.
    target, max_bins : int
    integer : bool
        Whether the key takes whole numbers only.
    wanted : int, optional
        Leave out what lies beyond the first so many rows.

    Returns
    -------
    list of (Range, int)
        In order, without gaps, with their rows. A range above `target` cannot be split by this key.

    Raises
    ------
    IncompleteResultError
        If the histogram does not add up to `rows`.
    """
    span = spans(*whole)
    exponent = bin_exponent(*span, max(_LEAST_BINS, max_bins), integer=integer)
    if (
        not span[0] < span[1] or 2.0**exponent > span[1] - span[0]
    ):  # one value, or what FLOOR cannot part
        return [(Range(key, *whole), rows)]
    counts = dict(histogram(*whole, exponent))
    found = sum(counts.values())
    if found != rows:
        raise IncompleteResultError(f"The histogram along {key} adds up to {found}, not to {rows}.")
    odd = counts.pop(None, 0)
    width = 2**exponent if integer else 2.0**exponent
    bins, end = _wanted_bins(sorted(counts.items()), wanted)
    groups = group_bins(bins, target)
    pieces = []
    for number, (first, after, inside) in enumerate(groups):
        # The edge between two groups is the first bin of the later one; the outer edges stay as they were.
        low = whole[0] if number == 0 else first * width
        high = (
            groups[number + 1][0] * width
            if number + 1 < len(groups)
            else (whole[1] if end is None else end * width)
        )
        if inside > target and after - first == 1:
            pieces += _refine(
                key,
                histogram,
                spans,
                (low, high),
                (first * width, after * width),
                inside,
                target,
                max_bins=max_bins,
                integer=integer,
            )
        else:
            pieces.append((Range(key, low, high), inside))
    return _add_odd(pieces, odd, key, whole) if odd and end is None else pieces


def _wanted_bins(bins, wanted):
    """The first bins that hold the wanted rows, and the index where they end if not all are wanted."""
    if wanted is None:
        return bins, None
    rows = 0
    for number, (_, count) in enumerate(bins[:-1]):
        rows += count
        if rows >= wanted:
            return bins[: number + 1], bins[number + 1][0]
    return bins, None


def _add_odd(pieces, odd, key, whole):
    """Infinite and NaN keys: a range that reaches beyond every finite value, at the upper end."""
    if not pieces:
        return [(Range(key, *whole), odd)]
    *before, (last, rows) = pieces
    return [*before, (Range(key, last.low, whole[1]), rows + odd)]


def _refine(key, histogram, spans, whole, edges, rows, target, *, max_bins, integer):
    """Split one bin by a finer histogram; where that does not work, leave it whole."""
    low, high = whole
    closed = (edges[0] if low is None else low, edges[1] if high is None else high)
    try:
        pieces = split_numbers(
            key, histogram, spans, closed, rows, target, max_bins=max_bins, integer=integer
        )
    except (
        IncompleteResultError
    ):  # the table changed, or FLOOR is not exact there: the pager will see
        pieces = []
    if not pieces:
        return [(Range(key, low, high), rows)]
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return [(Range(key, low, high), rows)]
    # What was closed for the histogram is opened again: between bins there is nothing.
    return [
        (Range(key, low, first[0].high), first[1]),
        *pieces[1:-1],
        (Range(key, last[0].low, high), last[1]),
    ]


def split_texts(key, next_edge, count, rows, target, *, wanted=None):
    """
    Split a text key into ranges of at most `target` rows, walking along the service's own order.

    Parameters
    ----------
    key : str
    next_edge : callable
        ``next_edge(low)`` gives the key of the row that is `target` rows after `low`, or a later one.
    count : callable
        ``count(low, high)`` gives the rows of ``low <= key < high``.
    rows, target : int
    wanted : int, optional
        Leave out what lies beyond the first so many rows.

    Returns
    -------
    list of (Range, int)
    """
    pieces, low, left = [], None, rows
    while left > target and (wanted is None or rows - left < wanted):
        high = next_edge(low)
        if high is None or high == low:
            break
        inside = count(low, high)
        if inside == 0 or inside > left:
            break
        pieces.append((Range(key, low, high), inside))
        low, left = high, left - inside
    if left and (wanted is None or rows - left < wanted):
        pieces.append((Range(key, low, None), left))
    return pieces
