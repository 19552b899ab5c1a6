# Licensed under a 3-clause BSD style license - see LICENSE
"""Count at the service: rows, statistics and histograms of a key, sums of columns.

An aggregate is one row, or a few hundred, so that no row limit cuts it unnoticed: this makes counts
the proof of a result. Every answer is checked for the columns and rows that were asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from astropy import log

from ..errors import CFXError, IncompleteResultError, ServiceError, ServiceUnavailableError
from .adql import Select, both, literal, split_with
from .plan import Binning, Range, whole_binning
from .schema import Key, plain_values
from .votable import Answer

# Between any physical value and the largest double, 1.8e308: no infinity or NaN lies within.
_LARGEST = 1e300
_TRIES = 3
# Columns that must hold whole numbers from 0 on, and no NULL, as COUNT returns nothing else.
_COUNTS = {"cfx_rows", "cfx_known"}


class KeyStatistics(NamedTuple):
    """Rows of a query; rows where the key is not NULL; its smallest and largest finite value."""

    rows: int
    known: int
    low: Any
    high: Any


@dataclass
class Sums:
    """Sums of columns as the service adds them up: over all rows, or over each bin of a key.

    Other aggregates per column go beside `values`, in the same shape.
    """

    values: list[list]  # per column, the sum of each bin; None where there is no value, or NaN
    index: list[int | None] = field(default_factory=list)  # FLOOR(key * scale); None: key is NULL
    rows: list[int] = field(default_factory=list)  # of each bin
    scale: float = 1.0


class Counter:
    """Count rows of one query, and remember the histograms so that they can be counted again.

    ``ask(adql, rows)`` asks the service a question with an answer of at most `rows` rows.
    """

    def __init__(self, ask: Callable[[str, int], Answer], select: Select) -> None:
        self._ask = ask
        self._select = select
        self._histograms: dict[Binning, dict[int | None, int]] = {}
        self._prefetched: dict[Binning, dict[int | None, int]] = {}

    def count(self, condition: str = "") -> int:
        """Count the rows that meet a further condition."""
        return self._numbers(["COUNT(*) AS cfx_rows"], condition)[0]

    def count_statement(self, adql: str) -> int:
        """Count the rows of any query, as a derived table; its WITH stays in front."""
        head, query = split_with(adql)
        counting = f"{head}SELECT COUNT(*) AS cfx_rows FROM ({query}) AS cfx_query"
        return self._first_row(counting, ["cfx_rows"])[0]

    def distinct(self, expression: str) -> int:
        """Count the different values of an expression, without NULL."""
        return self._numbers([f"COUNT(DISTINCT {expression}) AS cfx_rows"], "")[0]

    def sums(self, columns: list[str]) -> list:
        """Return the sum of each column; None where the service cannot add it up."""
        try:
            return self._numbers(_sum_items(columns), "")
        except ServiceUnavailableError:
            raise
        except ServiceError:
            return [None] * len(columns)

    def key_statistics(self, key: Key, condition: str = "") -> KeyStatistics:
        """Return the statistics of a key over the rows that meet a further condition."""
        rows, known, low, high = self._numbers(_statistics_items(key), condition)
        kind = str if key.kind == "text" else int | float
        for edge in (low, high):
            if edge is not None and not isinstance(edge, kind):
                raise ServiceError(
                    f"{key.expression} cannot be a key: it has values like {edge!r}.",
                    remedy="name another column as the key.",
                )
        if key.kind == "float" and known and not (_is_finite(low) and _is_finite(high)):
            low, high = self.key_span(key, condition)
        return KeyStatistics(int(rows), int(known), low, high)

    def key_span(self, key: Key, condition: str) -> list:
        """Return the smallest and the largest finite value of a key; None where there is none."""
        k, finite = key.expression, ""
        if key.kind == "float":
            finite = f"{k} >= {literal(-_LARGEST)} AND {k} <= {literal(_LARGEST)}"
        items = [f"MIN({k}) AS cfx_low", f"MAX({k}) AS cfx_high"]
        return self._numbers(items, both(condition, finite))

    def histogram(self, binning: Binning) -> dict[int | None, int]:
        """Count the rows of each bin; those whose key is not finite under None."""
        bins = self._prefetched.pop(binning, None) or self._ask_histogram(binning)
        self._histograms[binning] = bins
        return bins

    def prefetch_histogram(self, binning: Binning) -> None:
        """Ask for a histogram that will be needed soon; after a failure, it is asked for again."""
        try:
            self._prefetched[binning] = self._ask_histogram(binning)
        except CFXError as error:
            log.debug(f"The histogram could not be prefetched: {error}")

    def forget_histograms(self) -> None:
        """Forget what was counted along keys, before a new plan."""
        self._histograms = {}

    def same_histograms(self) -> bool:
        """Count every histogram again, remember the new ones, return whether all are the same."""
        before = self._histograms
        self._histograms = {binning: self._ask_histogram(binning) for binning in before}
        return self._histograms == before

    def recount(
        self, key: Key, columns: list[str], before: KeyStatistics, limit: int | None = None
    ) -> tuple[KeyStatistics, bool, Sums] | None:
        """Return `key_statistics`, `same_histograms` and the sums of each bin, by one request.

        The service reads its table once instead of three times, and sums over some 500 bins show a
        changed value that rounding hides in the sum of all rows. Where the plan needed no
        histogram, the statistics `before` give the bins. Return None where this does not work.
        """
        if before.low is None:
            return None
        if key.kind == "integer" and max(abs(before.low), abs(before.high)) > 2**53:
            return None  # services compute bins in doubles, which are not exact for such integers
        binning, bins = next(iter(self._histograms.items()), (None, None))
        if binning is None and columns and key.kind != "text" and before.low < before.high:
            binning = whole_binning(key, before.low, before.high, limit)
        whole = both(Range(key.expression, known=True).condition)
        if binning is None or len(self._histograms) > 1 or binning[:2] != (key, whole):
            return None  # histograms within pages, or along another key, are of some rows only
        items = [f"{binning.bin_of} AS cfx_bin", *_statistics_items(key), *_sum_items(columns)]
        # Beside the bins there may be rows of NULL, NaN, infinity and -infinity.
        adql = f"{self._select.statement(items)} GROUP BY {binning.bin_of}"
        answer = self._checked(adql, binning.max_bins + 4, _names(items))
        index, rows, known, low, high, *sums = map(plain_values, answer.columns)
        with_key = [i for i, count in enumerate(known) if count]
        if not all(_is_finite(index[i]) for i in with_key):
            return None
        found: dict[int | None, int] = {int(index[i]): int(known[i]) for i in with_key}
        if self._histograms:
            self._histograms[binning] = found
        statistics = KeyStatistics(
            sum(map(int, rows)),
            sum(map(int, known)),
            min((low[i] for i in with_key), default=None),
            max((high[i] for i in with_key), default=None),
        )
        index = [int(value) if count else None for value, count in zip(index, known, strict=True)]
        sums_of_bins = Sums(sums, index, list(map(int, rows)), 2.0**-binning.exponent)
        return statistics, bins is None or found == bins, sums_of_bins

    def next_text(self, key: Key, low: str | None, condition: str, step: int) -> str | None:
        """Return the key `step` rows after `low`, in the service's own order."""
        k = key.expression
        inside = f"{k} IS NOT NULL" if low is None else f"{k} >= {literal(low)}"
        inner = self._select.statement(
            [f"{k} AS cfx_key"], top=step + 1, where=both(condition, inside)
        )
        value = self._first_row(
            f"SELECT MAX(cfx_key) AS cfx_edge FROM ({inner} ORDER BY cfx_key) AS cfx_query",
            ["cfx_edge"],
        )[0]
        if low is not None and value == low:  # it has more rows than `step`: step over it
            above = both(condition, f"{k} > {literal(low)}")
            value = self._numbers([f"MIN({k}) AS cfx_edge"], above)[0]
        return value or None

    def _ask_histogram(self, binning: Binning) -> dict[int | None, int]:
        items = [f"{binning.bin_of} AS cfx_bin", "COUNT(*) AS cfx_rows"]
        # Beside the bins there may be rows of NaN, infinity and -infinity.
        adql = f"{self._select.statement(items, where=binning.condition)} GROUP BY {binning.bin_of}"
        answer = self._checked(adql, binning.max_bins + 3, _names(items))
        bins: dict[int | None, int] = {}
        for value, rows in zip(*map(plain_values, answer.columns), strict=True):
            index = int(value) if _is_finite(value) else None
            bins[index] = bins.get(index, 0) + int(rows)
        return bins

    def _numbers(self, items: list[str], condition: str) -> list:
        return self._first_row(self._select.statement(items, where=condition), _names(items))

    def _first_row(self, adql: str, names: list[str]) -> list:
        answer = self._checked(adql, 1, names)
        return [plain_values(column)[0] for column in answer.columns]

    def _checked(self, adql: str, room: int, names: list[str]) -> Answer:
        """Ask until the answer has the columns that were asked for, and counts that are counts.

        A `room` of 1 asks for exactly one row, any other for at most so many.
        """
        for _ in range(_TRIES):
            answer = self._ask(adql, room)
            found = [item.name.lower() for item in answer.fields]
            counts_are_valid = all(
                data.dtype.kind in "iuf"
                and data.ndim == 1
                and (mask is None or not mask.any())
                and bool((np.isfinite(data) & (data >= 0) & (data == np.floor(data))).all())
                for name, (data, mask) in zip(found, answer.columns, strict=False)
                if name in _COUNTS
            )
            if found == names and (room != 1 or answer.num_rows == 1) and counts_are_valid:
                return answer
        wrong = "" if counts_are_valid else ", not all of which are whole numbers"
        raise IncompleteResultError(
            f"The service answers a count by {answer.num_rows} rows of {', '.join(found)}{wrong}: "
            f"{adql}",
            remedy="try again; if the error persists, the service mixes up its answers.",
        )


def _names(items: list[str]) -> list[str]:
    return re.findall(r" AS (cfx_\w+)", " ".join(items))


def _statistics_items(key: Key) -> list[str]:
    k = key.expression
    known, low, high = f"COUNT({k}) AS cfx_known", f"MIN({k}) AS cfx_low", f"MAX({k}) AS cfx_high"
    return ["COUNT(*) AS cfx_rows", known, low, high]


def _sum_items(columns: list[str]) -> list[str]:
    return [f"SUM({name}) AS cfx_sum_{i}" for i, name in enumerate(columns)]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
