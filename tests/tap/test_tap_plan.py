# Licensed under a 3-clause BSD style license - see LICENSE
"""The pure parts: cutting a key into pages, and putting rows in order."""

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_cfx.tap.assemble import key_order, parse_unit
from astroquery_cfx.tap.plan import Range, split_numbers, split_texts


def split(values, target, max_bins, *, integer=False, wanted=None):
    """Cut with counts made by numpy, as a database would make them."""
    values = np.asarray(values, dtype="i8" if integer else "f8")

    def histogram(low, high, exponent):
        inside = values[
            (values >= (-np.inf if low is None else low))
            & ((values < high) if high is not None else ~np.isnan(values))
        ]
        inside = (
            np.concatenate([inside, values[np.isnan(values)]])
            if high is None and not integer
            else inside
        )
        with np.errstate(invalid="ignore"):
            index = np.floor(inside * 2.0**-exponent)
        found = {}
        for item in index.tolist():
            name = int(item) if math.isfinite(item) else None
            found[name] = found.get(name, 0) + 1
        return found

    def spans(low, high):
        finite = values[np.isfinite(values)]
        finite = finite[
            (finite >= (-np.inf if low is None else low))
            & (finite < (np.inf if high is None else high))
        ]
        return finite.min().item(), finite.max().item()

    return values, split_numbers(
        "k",
        histogram,
        spans,
        (None, None),
        len(values),
        target,
        max_bins=max_bins,
        integer=integer,
        wanted=wanted,
    )


def rows_in(values, piece):
    low = -np.inf if piece.low is None else piece.low
    inside = (values >= low) & ((values < piece.high) if piece.high is not None else True)
    return int((inside | (np.isnan(values) if piece.high is None else False)).sum())


def assert_partition(values, pieces, target):
    assert sum(rows for _, rows in pieces) == len(values)
    assert pieces[0][0].low is None
    assert pieces[-1][0].high is None
    for (first, _), (second, _) in itertools.pairwise(pieces):
        assert first.high == second.low
    for piece, rows in pieces:
        assert rows == rows_in(values, piece)
        if rows > target:
            inside = values[
                (values >= (piece.low if piece.low is not None else -np.inf))
                & (values < (piece.high if piece.high is not None else np.inf))
            ]
            assert len(np.unique(inside)) == 1 or np.isnan(values).any() or np.ptp(inside) < 1e-300


# Beyond these the products of FLOOR(key * scale) leave the range of doubles, in any database.
NUMBERS = st.one_of(
    st.floats(-1e100, 1e100).map(lambda value: value if abs(value) > 1e-100 else 0.0),
    st.sampled_from([0.0, 360.0, -90.0, 90.0, 180.0, 1e-18, 1.3e-9, 359.99999999999994]),
)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=60), st.integers(1, 20), st.integers(2, 64))
def test_any_numbers(values, target, max_bins):
    values, pieces = split(values, target, max_bins)
    assert_partition(values, pieces, target)


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(2, 64),
)
def test_any_integers(values, target, max_bins):
    values, pieces = split(values, target, max_bins, integer=True)
    assert_partition(values, pieces, target)
    assert all(isinstance(piece.low, int | None) for piece, _ in pieces)


def test_not_a_number_lies_in_the_last_page():
    values, pieces = split([1.0, 2.0, 3.0, np.nan, np.nan], 2, 8)
    assert_partition(values, pieces, 4)


@given(st.lists(st.floats(0, 360), min_size=1, max_size=60), st.integers(1, 60))
def test_first_rows_only(values, wanted):
    values, pieces = split(values, 5, 32, wanted=wanted)
    assert sum(rows for _, rows in pieces) >= min(wanted, len(values))
    assert all(rows == rows_in(values, piece) for piece, rows in pieces if piece.high is not None)


@given(st.lists(st.text("abc", max_size=4), min_size=1, max_size=40), st.integers(1, 10))
def test_any_texts(values, target):
    values = sorted(values)

    def next_edge(low):
        later = [value for value in values if low is None or value >= low]
        edge = later[min(target, len(later) - 1)]
        return edge if edge != low else next((value for value in later if value > low), None)

    def count(low, high):
        return sum((low is None or value >= low) and value < high for value in values)

    pieces = split_texts("k", next_edge, count, len(values), target)
    assert sum(rows for _, rows in pieces) == len(values)


def test_conditions():
    assert Range("k", 0.1, 2).condition == "k >= 0.1 AND k < 2"
    assert Range("k", "it's").condition == "k >= 'it''s'"
    assert Range("k").condition == ""
    assert Range("k", null=True).condition == "k IS NULL"


def test_order_is_the_same_each_time():
    random = np.random.default_rng(3)
    keys = random.integers(0, 5, 40).astype(float)
    other = np.array([f"n{i}" for i in range(40)])
    mask = np.arange(40) % 9 == 0
    first = None
    for _ in range(5):
        shuffled = random.permutation(40)
        order = key_order([(keys[shuffled], mask[shuffled]), (other[shuffled], None)], 0)
        rows = other[shuffled][order].tolist()
        first = first or rows
        assert rows == first


def test_units_of_every_dialect():
    assert parse_unit("erg/s/cm^2").to_string() == parse_unit("erg.cm**-2.s**-1").to_string()
    assert parse_unit(None) is None
    assert str(parse_unit("furlongs per heap")) == "furlongs per heap"
