# Licensed under a 3-clause BSD style license - see LICENSE
"""The pure parts: taking ADQL apart, writing values, cutting a key into ranges."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_cfx import IncompleteResultError
from astroquery_cfx.tap.assemble import key_order, parse_unit
from astroquery_cfx.tap.plan import (
    NumberSplitter,
    Page,
    Range,
    bin_exponent,
    group_bins,
    most_bins,
    whole_binning,
)
from astroquery_cfx.tap.schema import Key

# --- bins


@pytest.mark.parametrize(
    ("low", "high", "max_bins", "width"),
    [
        (0.0, 511.0, 512, 1.0),
        (0.0, 512.0, 512, 2.0),
        (-90.0, 90.0, 512, 0.5),
        (0.0, 7.0, 2, 1.0),  # eight bins at least
        (0.0, 8.0, 2, 2.0),
        (5.0, 5.0, 9, 2.0**-50),  # the spacing of doubles at 5
        (-5.0, -5.0, 9, 2.0**-50),
        (1e15, 1e15 + 0.25, 512, 2.0**-3),
        (0.0, 0.0, 9, 2.0**-1000),
        (0.0, 1e-305, 9, 2.0**-1000),
    ],
)
def test_width_of_bins(low, high, max_bins, width):
    assert 2.0 ** bin_exponent(low, high, max_bins) == width


def test_width_of_bins_of_integers():
    assert bin_exponent(0, 10, 512, integer=True) == 0
    assert bin_exponent(0, 1023, 512, integer=True) == 2


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.integers(8, 5000))
def test_bins_are_enough_and_not_too_many(low, span, max_bins):
    width = 2.0 ** bin_exponent(low, low + span, max_bins)
    assert math.floor((low + span) / width) - math.floor(low / width) < max_bins
    assert (low + span - low) / (width / 2) > max_bins - 1


@pytest.mark.parametrize(
    ("limit", "pages", "bins"),
    [
        (None, 1, 512),
        (None, 32, 512),
        (None, 33, 4096),
        (8192, 33, 4096),
        (8190, 33, 4095),
        (100, 1, 50),
        (100, 99, 50),
        (3, 1, 2),
        (0, 33, 4096),
    ],
)
def test_number_of_bins(limit, pages, bins):
    assert most_bins(limit, pages) == bins


def test_bins_of_all_rows():
    key = Key("s.ra", "ra", "float", span=(0.0, 360.0))
    assert whole_binning(key, *key.span, None) == (key, "(s.ra IS NOT NULL)", 0, 512)
    assert whole_binning(key, *key.span, 100).exponent == 3
    assert whole_binning(key, *key.span, None).bin_of == "FLOOR(s.ra * 1.0)"
    assert whole_binning(key, 0.0, 0.4, None).bin_of == "FLOOR(s.ra * 1024.0)"
    assert whole_binning(Key("n", "n", "integer"), 0, 9, None).exponent == 0


@pytest.mark.parametrize(
    ("counts", "target", "sizes"),
    [
        ([1] * 10, 4, [3, 4, 3]),
        ([1] * 10, 5, [5, 5]),
        ([1] * 10, 10, [10]),
        ([5], 3, [5]),
        ([2, 5, 2], 4, [2, 5, 2]),
        ([2, 2, 1, 3], 4, [4, 4]),
    ],
)
def test_groups_of_bins(counts, target, sizes):
    groups = group_bins(list(enumerate(counts, start=7)), target)
    assert [rows for _, _, rows in groups] == sizes
    assert groups[0][0] == 7
    assert groups[-1][1] == 7 + len(counts)
    assert all(first[1] == second[0] for first, second in itertools.pairwise(groups))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=200), st.integers(9, 200))
def test_groups_of_an_even_size(counts, target):
    sizes = [rows for _, _, rows in group_bins(list(enumerate(counts)), target)]
    assert sum(sizes) == sum(counts)
    assert max(sizes) <= target
    assert min(sizes) >= min(max(sizes), target / 2) - 9


# --- ranges


class Numbers:
    """Count along numbers as a database would, with numpy."""

    def __init__(self, values, *, integer=False):
        self.values = np.asarray(values, dtype="i8" if integer else "f8")
        self.integer = integer
        self.asked = 0

    def inside(self, low, high):
        """Rows of a range; NaN is above all numbers."""
        above = np.isnan(self.values) if high is None else np.zeros(len(self.values), bool)
        numbers = (self.values >= (-np.inf if low is None else low)) & (
            (self.values < high) if high is not None else True
        )
        return self.values[numbers | above]

    def histogram(self, low, high, exponent):
        self.asked += 1
        with np.errstate(invalid="ignore"):
            index = np.floor(self.inside(low, high) * 2.0**-exponent)
        return dict(Counter(int(i) if math.isfinite(i) else None for i in index.tolist()))

    def span(self, low, high):
        inside = self.inside(low, high)
        finite = inside[np.isfinite(inside)]
        return finite.min().item(), finite.max().item()

    def split(self, target, max_bins, wanted=None):
        splitter = NumberSplitter("k", self.histogram, self.span, target, max_bins, self.integer)
        return splitter.split(None, None, len(self.values), wanted)


def assert_partition(numbers, pieces, target):
    assert sum(rows for _, rows in pieces) == len(numbers.values)
    assert pieces[0][0].low is None
    assert pieces[-1][0].high is None
    for (first, _), (second, _) in itertools.pairwise(pieces):
        assert first.high == second.low
    for piece, rows in pieces:
        inside = numbers.inside(piece.low, piece.high)
        assert rows == len(inside)
        if rows > target:
            assert len(np.unique(inside)) == 1 or np.isnan(inside).any() or np.ptp(inside) < 1e-300


# Beyond these the products of FLOOR(key * scale) leave the range of doubles, in any database.
NUMBERS = st.one_of(
    st.floats(-1e100, 1e100).map(lambda value: value if abs(value) > 1e-100 else 0.0),
    st.sampled_from([0.0, 360.0, -90.0, 90.0, 180.0, 1e-18, 1.3e-9, 359.99999999999994]),
)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=60), st.integers(1, 20), st.integers(2, 64))
def test_any_numbers(values, target, max_bins):
    numbers = Numbers(values)
    assert_partition(numbers, numbers.split(target, max_bins), target)


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(2, 64),
)
def test_any_integers(values, target, max_bins):
    numbers = Numbers(values, integer=True)
    pieces = numbers.split(target, max_bins)
    assert_partition(numbers, pieces, target)
    assert all(isinstance(piece.low, int | None) for piece, _ in pieces)


def test_one_histogram_is_enough_for_even_numbers():
    numbers = Numbers(np.linspace(0, 360, 1000, endpoint=False))
    pieces = numbers.split(100, 512)
    assert_partition(numbers, pieces, 100)
    assert numbers.asked == 1
    assert [rows for _, rows in pieces] == pytest.approx([100] * 10, abs=3)


def test_dense_numbers_take_a_finer_histogram():
    numbers = Numbers([*np.linspace(10, 10.4, 50), 0.0, 300.0])
    assert_partition(numbers, numbers.split(20, 64), 20)
    assert numbers.asked == 2


def test_numbers_that_cannot_be_split():
    numbers = Numbers([4.5] * 9)
    assert numbers.split(2, 64) == [(Range("k"), 9)]
    assert numbers.asked == 0
    neighbours = Numbers([1.0] * 3 + [1.0 + 2.0**-52] * 3)
    assert_partition(neighbours, neighbours.split(3, 64), 3)
    two = Numbers([0.0] * 5 + [1.0] * 5)
    assert_partition(two, two.split(5, 64), 5)


def test_not_a_number_is_in_the_last_range():
    numbers = Numbers([1.0, 2.0, 3.0, np.nan, np.nan])
    pieces = numbers.split(2, 8)
    assert_partition(numbers, pieces, 4)
    assert len(pieces) > 1


def test_infinite_numbers_only():
    splitter = NumberSplitter("k", lambda *_: {None: 4}, lambda *_: (0.0, 1.0), 2, 64)
    assert splitter.split(None, None, 4) == [(Range("k"), 4)]


def test_span_that_is_not_a_number():
    """A service that sorts NaN may return it as least and largest: there is nothing to cut."""

    def histogram(*_):
        raise AssertionError("no histogram is asked for")

    splitter = NumberSplitter("k", histogram, lambda *_: (math.nan, math.nan), 2, 64)
    assert splitter.split(None, None, 4) == [(Range("k"), 4)]


def test_histogram_that_does_not_add_up():
    numbers = Numbers(np.arange(50.0))
    numbers.histogram = lambda *_: {0: 20, 1: 29}
    with pytest.raises(IncompleteResultError, match="along k adds up to 49, not to 50"):
        numbers.split(20, 64)


def test_bin_that_cannot_be_counted_again_stays_whole():
    numbers = Numbers([*np.linspace(10, 10.4, 50), 0.0, 300.0])
    histograms = iter([numbers.histogram(None, None, 3), {0: 1}])
    numbers.histogram = lambda *_: next(histograms)
    pieces = numbers.split(20, 64)
    assert_partition(numbers, pieces, 50)
    assert max(rows for _, rows in pieces) == 50


@given(st.lists(st.floats(0, 360), min_size=1, max_size=60), st.integers(0, 60))
def test_first_rows_only(values, wanted):
    numbers = Numbers(values)
    pieces = numbers.split(5, 32, wanted=wanted)
    assert sum(rows for _, rows in pieces) >= min(wanted, len(values))
    assert all(rows == len(numbers.inside(piece.low, piece.high)) for piece, rows in pieces)
    first = sorted(values)[: max(1, wanted)]
    assert len(numbers.inside(None, pieces[-1][0].high)) >= len(first)


@given(st.sets(st.integers(0, 99), min_size=1), st.integers(1, 99))
def test_no_range_more_than_wanted(values, wanted):
    numbers = Numbers(sorted(values))
    pieces = numbers.split(5, 128, wanted=wanted)
    assert sum(rows for _, rows in pieces) == min(wanted, len(values))


def test_first_rows_leave_out_the_rest():
    numbers = Numbers([*range(100), np.nan])
    pieces = numbers.split(10, 128, wanted=25)
    assert [rows for _, rows in pieces] == [8, 9, 8]
    assert pieces[-1][0] == Range("k", 17.0, 25.0)
    assert numbers.split(10, 128, wanted=101)[-1][0].high is None
    assert numbers.split(10, 128, wanted=100)[-1][0].high is None


def test_conditions():
    assert Range("k", 0.1, 2).condition == "k >= 0.1 AND k < 2"
    assert Range("k", "it's").condition == "k >= 'it''s'"
    assert Range("k").condition == ""
    assert Range("k", null=True).condition == "k IS NULL"
    assert Range("k", known=True).condition == "k IS NOT NULL"
    page = Page((Range("k"), Range("k", 1), Range("m", null=True)), 3)
    assert page.condition == "k >= 1 AND m IS NULL"
    assert str(page) == page.condition
    assert str(Page((Range("k"),), 3)) == "all rows"


# --- order and units


def test_order_is_the_same_each_time():
    random = np.random.default_rng(3)
    keys = random.integers(0, 5, 40).astype(float)
    other = np.array([f"n{i}" for i in range(40)])
    mask = np.arange(40) % 9 == 0
    expected = sorted(range(40), key=lambda i: (mask[i], 0 if mask[i] else keys[i], other[i]))
    for _ in range(5):
        shuffled = random.permutation(40)
        order = key_order([(keys[shuffled], mask[shuffled]), (other[shuffled], None)], 0)
        assert other[shuffled][order].tolist() == other[expected].tolist()


def test_units_of_every_dialect():
    assert parse_unit("erg/s/cm^2").to_string() == parse_unit("erg.cm**-2.s**-1").to_string()
    assert parse_unit(None) is None
    assert str(parse_unit("furlongs per heap")) == "furlongs per heap"
