# Licensed under a 3-clause BSD style license - see LICENSE
"""What is proved of each page, and of the whole result.

First come pure functions of columns, each a pair (data, mask); then `Proof`, which compares a whole
result with what the service itself counts and adds up. Row counts alone do not show a row that
replaces another, or a value that changes on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import starts_run
from ..errors import IncompleteResultError
from .adql import Select, identifier
from .binary import Field
from .counting import Counter, Sums
from .plan import Page, Range
from .schema import KeyPlaces
from .votable import Answer

# Pages may come with other widths of integers, and other types of text: these are the same columns.
_SAME_TYPES = dict.fromkeys(("short", "int", "long"), "integer") | {"unicodeChar": "char"}
# Datatypes that are added up.
_SUMMED = ("short", "int", "long", "float", "double")
# More columns would make the service's request slow, for little more proof.
_MOST_SUMS = 20
# DaCHS writes the sum of a column in the type of the column, and fails where it does not fit.
_AS_DOUBLE = " * 1.0"
# In whatever order n numbers are added, the error of the sum is below n units of rounding times the
# sum of their sizes (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2).
_ROUNDING = {"double": 2.0**-53, "float": 2.0**-24}
# A service that adds up or writes in float32 stays below this.
_COARSE_SUM_ROUNDING = 1e-6


def page_fault(
    answer: Answer, page: Page, positions: dict[str, int], first_fields: Sequence[Field] = ()
) -> str:
    """Say what is wrong with a page; return an empty string where nothing is.

    `positions` are the columns of the keys, `first_fields` the fields of another page of the query.
    """
    if not answer.has_table:
        return "there is no table in the answer"
    if first_fields and _signature(first_fields) != _signature(answer.fields):
        return "its columns differ from those of the other pages"
    if answer.num_rows != page.rows:
        return f"it has {answer.num_rows} rows instead of {page.rows}"
    for piece in page.ranges:
        index = positions.get(piece.key)
        if index is not None and not _is_inside(piece, answer.columns[index]):
            return f"it has keys outside {piece.condition}"
    return ""


def _signature(fields: Sequence[Field]) -> list[tuple]:
    """Return names and types, whatever the case and (if no name comes twice) order of the names."""
    found = []
    for item in fields:
        kind = _SAME_TYPES.get(item.datatype, item.datatype)
        # Services may give a text the length of the longest one in the page.
        size = "" if kind == "char" else item.arraysize or ""
        found.append((item.name.lower(), kind, size))
    return sorted(found) if len({name for name, *_ in found}) == len(found) else found


def _is_inside(piece: Range, column: tuple) -> bool:
    """Return whether all keys are in a range; texts, in the service's order, are not checked."""
    data, mask = column
    known = data if mask is None else data[~mask]
    if data.dtype.kind not in "iuf":
        return not piece.null or not any(known)
    if piece.null:
        return len(known) == 0
    if len(known) < len(data) and (data.dtype.kind != "f" or piece.high is not None):
        return False  # only NaN, which comes masked, too, may be there: in the last range
    low = piece.low is None or bool((known >= piece.low).all())
    return low and (piece.high is None or bool((known < piece.high).all()))


def arrange(answer: Answer, fields: list[Field]) -> list:
    """Return the columns of an answer in the order of other fields."""
    names = [item.name.lower() for item in answer.fields]
    wanted = [item.name.lower() for item in fields]
    if names == wanted or len(set(names)) < len(names):
        return answer.columns
    return [answer.columns[names.index(name)] for name in wanted]


def distinct_values(column: tuple) -> tuple[int, int]:
    """Return how many different values a column has, and in how many rows it is not masked."""
    data, mask = column
    values = data if mask is None else data[~mask]
    rows = len(values)
    if values.dtype.kind in "iuf":
        return len(np.unique(values)), rows
    if values.dtype.kind == "U":
        # Equal texts have equal hashes, so as many hashes as rows prove that all differ, at a tenth
        # of the time and memory of comparing texts. Fewer hashes prove nothing.
        words = np.ascontiguousarray(values).view("u4").reshape(rows, values.dtype.itemsize // 4)
        factors = np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype="u8") * 2 + 1
        if starts_run(np.sort(np.einsum("ij,j->i", words, factors, dtype="u8"))).all():
            return rows, rows
    return len(set(values.tolist())), rows


def bin_places(column: tuple, sums: Sums) -> np.ndarray | None:
    """Return for each key which bin it is in; None where the service counts other rows in them."""
    data, mask = column
    if data.dtype.kind not in "iuf":
        return None
    index = np.array([math.inf if item is None else item for item in sums.index], dtype=float)
    order = np.argsort(index, kind="stable")  # rows without a key are last
    known = index[order][index[order] < math.inf]
    found = np.searchsorted(known, np.floor(data * sums.scale))
    if mask is not None:
        found = np.where(mask, len(known), found)
    if len(found) and found.max() >= len(order):
        return None
    places = order[found]
    return places if (np.bincount(places, minlength=len(order)) == sums.rows).all() else None


def sum_error(column: tuple, values: list, places: np.ndarray | None = None) -> float:
    """Return how far the sums of a column are from others, relative to the sum of absolute values.

    `values` are the other sums, one for each bin; None is not compared. `places` says which bin
    each row is in; by default there is one bin. The result is the largest over all bins, 0 where
    rounding explains the difference or where there are infinities.
    """
    data, mask = column
    places = np.zeros(len(data), dtype=int) if places is None else places
    if mask is not None:
        data, places = data[~mask], places[~mask]
    with np.errstate(over="ignore"):  # what fits in float32 may have been added up in float32
        short = data.dtype.kind == "f" and bool((data == data.astype("f4")).all())
    rounding = _ROUNDING["float" if short else "double"]
    data = data.astype(float)
    counts, ours, sizes = (
        np.bincount(places, weights, len(values)) for weights in (None, data, np.abs(data))
    )
    theirs = np.array([np.nan if value is None else value for value in values], dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(ours - theirs) / sizes
    # Both sums are rounded; two units more for sums of one row, and for theirs written as a text.
    errors[~np.isfinite(errors) | (errors <= 2 * rounding * (counts + 2))] = 0.0
    return float(errors.max(initial=0.0))


@dataclass
class Proof:
    """Compare a whole result with the service's own numbers.

    Before the rows are counted again, `columns_to_sum` says what the service is to add up, and
    `compare_keys` uses the time that the service takes. `check` draws the conclusion: it returns a
    note for each thing that was proved, or could not be. A further check belongs there.
    """

    counter: Counter
    select: Select
    places: KeyPlaces
    _summed: dict[str, int] = field(default_factory=dict)  # expression to the index of its column
    _distinct: tuple[int, int] | None = None
    _shas: list[str] | None = None  # of the pages that failed last time

    def columns_to_sum(self, columns: list, fields: list[Field]) -> list[str]:
        """Return what to add up, as ADQL has it; `columns` are those of any page."""
        written: list[str | None]
        if self.select.has_star:
            written = [identifier(item.name) for item in fields] if self.select.table else []
        else:
            written = [item.column for item in self.select.items]
        self._summed = {}
        for i, name in enumerate(written):
            scalar = columns[i][0].ndim == 1 and columns[i][0].dtype != object
            if name and scalar and fields[i].datatype in _SUMMED and len(self._summed) < _MOST_SUMS:
                as_double = "" if fields[i].datatype == "double" else _AS_DOUBLE
                self._summed.setdefault(name + as_double, i)
        return list(self._summed)

    def compare_keys(self, columns: list) -> None:
        """Count the different keys of the result, for `check`."""
        column = self.places.proof_column
        self._distinct = None if column is None else distinct_values(columns[column])

    def check(self, columns: list, shas: list[str], sums: Sums, *, whole: bool) -> list[str]:
        """Check that no row was repeated and another lost, and that no value changed.

        `shas` are the SHA-256 of the pages; `whole` says whether these are all rows of the query.
        Raise IncompleteResultError if the service has other numbers.
        """
        notes = [self._check_repeats(len(columns[0][0]), whole=whole)]
        if whole and len(columns[0][0]):
            notes.append(self._check_sums(columns, shas, sums))
        return [note for note in notes if note]

    def _check_repeats(self, rows: int, *, whole: bool) -> str:
        """Check that the result has as many different keys as the service counts."""
        key = self.places.proof_key
        if key is None or self._distinct is None:
            return "no key among the columns: that no row was repeated rests on the counts"
        different, known = self._distinct
        if different == known and key.unique:
            return f"no {key.name} comes twice"
        if not whole:
            return f"{key.name} comes more than once: that no row was repeated rests on the counts"
        theirs = self.counter.distinct(key.expression)
        # The service may count NaN, which is masked here, as a value; and it may count fewer
        # values, where it takes texts for equal that differ in case only.
        if different < theirs - (known < rows):
            raise IncompleteResultError(
                f"{key.name} has {theirs} different values at the service and {different} in the "
                "result: rows are missing.",
                remedy="try again; if the error persists, the service loses and repeats rows.",
            )
        return f"{key.name} is no unique key; it has as many values as at the service, {theirs}"

    def _check_sums(self, columns: list, shas: list[str], sums: Sums) -> str:
        """Check the sums of the numeric columns, in each bin of the leading key if possible."""
        lead, places = self.places.lead, None
        same_pages = self._shas == shas
        if sums.index:
            places = None if lead is None else bin_places(columns[lead], sums)
            if places is None and lead is not None and not same_pages:
                self._shas = shas
                raise IncompleteResultError(
                    "The service counts other rows in the ranges of the key: values changed.",
                    remedy="try again; the archive may be changing.",
                )
            if places is None:  # the same rows twice: the service cuts bins in a way of its own
                sums = Sums([[value] for value in self.counter.sums(list(self._summed))])
        errors = {
            name: sum_error(columns[index], values, places)
            for (name, index), values in zip(self._summed.items(), sums.values, strict=True)
            if any(value is not None for value in values)
        }
        different = [name for name, error in errors.items() if error > 0]
        if not different:
            return f"the sums of {_listed(errors)} are those of the service" if errors else ""
        # The same rows twice are right; then it is the service that adds up in float32.
        if same_pages and max(errors.values()) < _COARSE_SUM_ROUNDING:
            return f"the service rounds the sums of {_listed(different)}: they do not tell"
        self._shas = shas
        raise IncompleteResultError(
            f"The sums of {_listed(different)} differ from those of the service: values changed.",
            remedy="try again; the archive may be changing.",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.removesuffix(_AS_DOUBLE) for name in names)
