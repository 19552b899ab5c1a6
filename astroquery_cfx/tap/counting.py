# Licensed under a 3-clause BSD style license - see LICENSE
"""Counting at the service: totals, histograms along a key, edges of a text key; and the plan they give."""

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np
from astropy import log

from ..errors import (
    CFXError,
    IncompleteResultError,
    InvalidInputError,
    ServiceError,
    ServiceUnavailableError,
)
from .adql import both, literal, split_with
from .plan import Page, Range, bin_exponent, split_numbers, split_texts

__all__ = ["Counter", "Sums", "ask_ahead", "make_plan"]

_FINITE = 1e300
_TRIES = 3
_COUNTS = {"cfx_rows", "cfx_known"}


@dataclass
class Sums:
    """
    Sums of columns, as the service adds them up: of all rows, or of each bin of a key.

    Attributes
    ----------
    values : list of list of (int, float or None)
        Of each column, the sum of each bin; None where there is no value, or NaN.
    index : list of (int or None)
        The bins: FLOOR(key * scale), None for the rows without a key. Empty for all rows together.
    rows : list of int
        Rows of each bin.
    scale : float
    """

    values: list
    index: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    scale: float = 1.0


class Counter:
    """
    Count rows of one query; remember what was counted, so that it can be counted again.

    Parameters
    ----------
    ask : callable
        ``ask(adql, rows)`` gives an `Answer`; `rows` is the number of rows to make room for.
    select : Select
    """

    def __init__(self, ask, select):
        self._ask = ask
        self._select = select
        self._histograms = {}
        self._ahead = {}

    def count(self, condition=""):
        """Rows of the query that meet a further condition."""
        return self._numbers(["COUNT(*) AS cfx_rows"], condition)[0]

    def count_statement(self, adql):
        """Rows of any query, as a derived table; what stands before its SELECT stays in front."""
        head, query = split_with(adql)
        counting = f"{head}SELECT COUNT(*) AS cfx_rows FROM ({query}) AS cfx_query"
        return self._first_row(counting, ["cfx_rows"])[0]

    def distinct(self, expression):
        """How many different values an expression has; NULL is none."""
        return self._numbers([f"COUNT(DISTINCT {expression}) AS cfx_rows"], "")[0]

    def sums(self, columns):
        """The sum of each column; None where the service cannot add it up."""
        try:
            return self._numbers(_sums_of(columns), "")
        except ServiceUnavailableError:
            raise
        except ServiceError:
            return [None] * len(columns)

    def key_statistics(self, key, condition=""):
        """Rows, rows where the key is not NULL, and the least and largest finite key."""
        rows, known, low, high = self._numbers(_statistics_of(key), condition)
        for edge in (low, high):
            if edge is not None and not isinstance(
                edge, str if key.kind == "text" else int | float
            ):
                raise ServiceError(
                    f"{key.expression} cannot be a key: its values are like {edge!r}.",
                    remedy="name another column as the key.",
                )
        if key.kind == "float" and known and not (_is_finite(low) and _is_finite(high)):
            low, high = self.key_span(key, condition)
        return int(rows), int(known), low, high

    def key_span(self, key, condition):
        """The least and the largest finite key; Nones where there is none."""
        k = key.expression
        finite = (
            f"{k} >= {literal(-_FINITE)} AND {k} <= {literal(_FINITE)}"
            if key.kind == "float"
            else ""
        )
        return self._numbers(
            [f"MIN({k}) AS cfx_low", f"MAX({k}) AS cfx_high"], both(condition, finite)
        )

    def histogram(self, key, condition, exponent, max_bins):
        """Counts of FLOOR(key / 2**exponent) by its value; those of no finite value under None."""
        asked = (key, condition, exponent, max_bins)
        bins = self._ahead.pop(asked, None) or self._histogram(*asked)
        self._histograms[asked] = bins
        return dict(bins)

    def histogram_ahead(self, *asked):
        """Ask for a histogram that will probably be needed; a failure is met again when it is."""
        try:
            self._ahead[asked] = self._histogram(*asked)
        except CFXError as error:
            log.debug(f"No histogram ahead: {error}")

    def same_histograms(self):
        """Whether every histogram comes out as it did; those that do not are taken as they are now."""
        changed = False
        for asked, bins in list(self._histograms.items()):
            self._histograms[asked] = self._histogram(*asked)
            changed = changed or self._histograms[asked] != bins
        return not changed

    def recount(self, key, columns, before, limit=None):
        """
        What `key_statistics`, `same_histograms` and `sums` give, by one request, and the sums of each bin.

        The service reads its table once.

        Parameters
        ----------
        key : Key
        columns : list of str
        before : tuple
            What `key_statistics` gave: where no histogram was asked, it gives the bins.
        limit : int or None
            Rows that the service gives at most.

        Returns
        -------
        (tuple, bool, Sums) or None
            None where that cannot be had so: more than one histogram was asked, keys are not finite, or are
            whole numbers beyond what doubles hold.
        """
        asked, bins = next(iter(self._histograms.items()), (None, None))
        if not self._histograms and columns:
            asked = _one_histogram(key, before, limit)
        if asked is None or len(self._histograms) > 1 or asked[:2] != (key, both(_anywhere(key))):
            return None
        if key.kind == "integer" and max(map(abs, before[2:])) > 2**53:
            return None  # in bins that doubles do not tell apart
        expression = _bin_of(key, asked[2])
        items = [f"{expression} AS cfx_bin", *_statistics_of(key), *_sums_of(columns)]
        adql = f"{self._statement(items, '')} GROUP BY {expression}"
        answer = self._checked(adql, asked[3] + 4, _names(items))
        index, rows, known, low, high, *sums = map(_plain_values, answer.columns)
        places = [i for i, count in enumerate(known) if count]
        if not all(_is_finite(index[i]) for i in places):
            return None
        found = {int(index[i]): int(known[i]) for i in places}
        statistics = (
            sum(map(int, rows)),
            sum(map(int, known)),
            min((low[i] for i in places), default=None),
            max((high[i] for i in places), default=None),
        )
        if bins is None:
            bins = found
        else:
            self._histograms[asked] = found
        index = [int(value) if count else None for value, count in zip(index, known, strict=True)]
        return statistics, found == bins, Sums(sums, index, list(map(int, rows)), 2.0 ** -asked[2])

    def forget_histograms(self):
        """Start afresh: a new plan asks its own."""
        self._histograms = {}

    def _histogram(self, key, condition, exponent, max_bins):
        expression = _bin_of(key, exponent)
        adql = self._statement([f"{expression} AS cfx_bin", "COUNT(*) AS cfx_rows"], condition)
        answer = self._checked(
            f"{adql} GROUP BY {expression}", max_bins + 3, ["cfx_bin", "cfx_rows"]
        )
        bins = {}
        for value, rows in zip(*map(_plain_values, answer.columns), strict=True):
            name = int(value) if _is_finite(value) else None
            bins[name] = bins.get(name, 0) + int(rows)
        return bins

    def next_text(self, key, low, condition, step):
        """The key `step` rows after `low`, in the service's own order."""
        k = key.expression
        inner = self._select.statement(
            [f"{k} AS cfx_key"],
            top=step + 1,
            where=both(
                condition, f"{k} >= {literal(low)}" if low is not None else f"{k} IS NOT NULL"
            ),
        )
        value = self._first_row(
            f"SELECT MAX(cfx_key) AS cfx_edge FROM ({inner} ORDER BY cfx_key) AS cfx_query",
            ["cfx_edge"],
        )[0]
        if value == low:  # more rows of one value than fit: step over it
            value = self._numbers(
                [f"MIN({k}) AS cfx_edge"], both(condition, f"{k} > {literal(low)}")
            )[0]
        return value or None

    def _statement(self, items, condition):
        return self._select.statement(items, where=condition)

    def _numbers(self, items, condition):
        return self._first_row(self._statement(items, condition), _names(items))

    def _checked(self, adql, room, names):
        """An answer that has the columns that were asked for, rows, and counts that are numbers."""
        for _ in range(_TRIES):
            answer = self._ask(adql, room)
            found = [item.name.lower() for item in answer.fields]
            counted = [
                column
                for name, column in zip(found, answer.columns, strict=False)
                if name in _COUNTS
            ]
            if (
                found == names
                and (room != 1 or answer.num_rows == 1)
                and all(map(_are_counts, counted))
            ):
                return answer
        wrong = "" if all(map(_are_counts, counted)) else ", not all of which are whole numbers"
        raise IncompleteResultError(
            f"The service answers a count by {answer.num_rows} rows of {', '.join(found)}{wrong}: {adql}",
            remedy="try again; if it stays, the service mixes up its answers.",
        )

    def _first_row(self, adql, names):
        answer = self._checked(adql, 1, names)
        return [_plain_values(column)[0] for column in answer.columns]


def _are_counts(column):
    """Whether a column holds whole numbers from 0 on, and no NULL: COUNT gives nothing else."""
    data, mask = column
    if data.dtype.kind not in "iuf" or data.ndim != 1 or (mask is not None and mask.any()):
        return False
    return bool(np.isfinite(data).all() and (data >= 0).all() and (data == np.floor(data)).all())


def _plain_values(column):
    data, mask = column
    values = data.tolist()
    if mask is None or data.ndim > 1:
        return values
    return [None if hidden else value for value, hidden in zip(values, mask.tolist(), strict=True)]


def _names(items):
    return re.findall(r" AS (cfx_\w+)", " ".join(items))


def _bin_of(key, exponent):
    return f"FLOOR({key.expression} * {2.0**-exponent!r})"


def _statistics_of(key):
    k = key.expression
    return [
        "COUNT(*) AS cfx_rows",
        f"COUNT({k}) AS cfx_known",
        f"MIN({k}) AS cfx_low",
        f"MAX({k}) AS cfx_high",
    ]


def _sums_of(columns):
    return [f"SUM({name}) AS cfx_sum_{i}" for i, name in enumerate(columns)]


def _is_finite(value):
    return value is not None and math.isfinite(value)


def ask_ahead(counter, key, limit):
    """
    Ask for the histogram that a plan for all rows starts from, before anything is counted.

    Parameters
    ----------
    counter : Counter
    key : Key
        One with a `span`, such as a coordinate.
    limit : int or None
    """
    max_bins = _most_bins(limit, 1)
    counter.histogram_ahead(key, both(_anywhere(key)), bin_exponent(*key.span, max_bins), max_bins)


def _one_histogram(key, before, limit):
    """The histogram that would have parted all rows; None where one value, or a text, has no bins."""
    low, high = before[2:]
    if key.kind == "text" or low is None or not low < high:
        return None
    max_bins = _most_bins(limit, 1)
    exponent = bin_exponent(low, high, max(8, max_bins), integer=key.kind == "integer")
    return key, both(_anywhere(key)), exponent, max_bins


def _most_bins(limit, pages):
    """Bins enough for pages near an even size, and no more: each is a row that the service writes."""
    return max(2, min(512 if pages <= 32 else 4096, (limit or 20_000) // 2))


def _anywhere(key):
    return f"{key.expression} IS NOT NULL"


def make_plan(counter, keys, target, *, limit=None, within=(), wanted=None, statistics=None):
    """
    Cut a query into pages.

    Parameters
    ----------
    counter : Counter
    keys : list of Key
        Best first; the next one is used where a key cannot cut fine enough.
    target : int
        Rows that a page may have.
    limit : int, optional
        Rows that the service gives at most, for the histogram.
    within : tuple of Range
        Ranges that hold already.
    wanted : int, optional
        Only the first pages, that hold so many rows.
    statistics : tuple, optional
        What `Counter.key_statistics` gave for the first key, where that is known.

    Returns
    -------
    list of Page

    Raises
    ------
    InvalidInputError
        If no key cuts the query fine enough.
    """
    failure = None
    for number, key in enumerate(keys):
        try:
            pieces = _cut_firmly(
                counter, key, target, limit, within, wanted, None if number else statistics
            )
        except ServiceUnavailableError:
            raise
        except (ServiceError, IncompleteResultError) as error:
            failure = failure or error
            continue
        pages = []
        for piece, rows in pieces:
            ranges = (*within, piece)
            if rows > target and rows > 1:
                pages += make_plan(counter, keys[number + 1 :], target, limit=limit, within=ranges)
            else:
                pages.append(Page(ranges, rows))
        return pages
    if isinstance(failure, IncompleteResultError):
        raise failure
    raise InvalidInputError(
        f"The query gives more than {target} rows in one request, and no column is left to split them by"
        + (f" ({failure.failed})." if failure else "."),
        remedy="add a column with many values, such as a position, to the query, or narrow it by WHERE.",
    )


def _cut_firmly(counter, key, target, limit, within, wanted, statistics):
    """Cut; again where the counts do not add up, which may be an accident."""
    for left in reversed(range(_TRIES)):
        try:
            return _cut(counter, key, target, limit, within, wanted, statistics)
        except IncompleteResultError:
            if not left:
                raise
            statistics = None
    raise AssertionError("unreachable")


def _cut(counter, key, target, limit, within, wanted, statistics):
    condition = both(*(item.condition for item in within))
    total, known, low, high = statistics or counter.key_statistics(key, condition)
    pieces = []
    if known and key.kind == "text":
        pieces = split_texts(
            key.expression,
            lambda start: counter.next_text(key, start, condition, target),
            lambda start, end: counter.count(
                both(condition, Range(key.expression, start, end).condition)
            ),
            known,
            target,
            wanted=wanted,
        )
    elif known:
        pieces = _cut_numbers(counter, key, target, limit, condition, (low, high), known, wanted)
    found = sum(rows for _, rows in pieces)
    if wanted is None and found != known:
        raise IncompleteResultError(f"The counts along {key.expression} do not add up to {known}.")
    if total > known:
        pieces = [
            (replace(piece, known=piece.low is piece.high is None), rows) for piece, rows in pieces
        ]
    if total > known and (wanted is None or found < wanted):
        pieces.append((Range(key.expression, null=True), total - known))
    return pieces


def _cut_numbers(counter, key, target, limit, condition, span, known, wanted):
    integer = key.kind == "integer"
    max_bins = _most_bins(limit, known / target)

    def histogram(low, high, exponent):
        inside = Range(key.expression, low, high).condition or _anywhere(key)
        return counter.histogram(key, both(condition, inside), exponent, max_bins)

    def spans(low, high):
        inside = Range(key.expression, low, high).condition
        least, largest = (
            span if low is None and high is None else counter.key_span(key, both(condition, inside))
        )
        if least is None or largest is None:  # not one finite value
            return 0, 0
        if key.span and low is None and high is None and _fills(key.span, least, largest):
            return key.span  # the bins of the histogram that was asked ahead
        return (int(least), int(largest)) if integer else (float(least), float(largest))

    return split_numbers(
        key.expression,
        histogram,
        spans,
        (None, None),
        known,
        target,
        max_bins=max_bins,
        integer=integer,
        wanted=wanted,
    )


def _fills(span, least, largest):
    return span[0] <= least and largest <= span[1] and largest - least > (span[1] - span[0]) / 2
