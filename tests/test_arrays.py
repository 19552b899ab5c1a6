# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns and arguments to plain arrays and numbers."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from astroquery_cfx import InvalidInputError
from astroquery_cfx.arrays import (
    angle_in_degrees,
    column_floats,
    distinct,
    first_of_each,
    get_column,
    starts_run,
    to_floats,
    to_texts,
    whole_number,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1.0, 2.0]),
        (Column([1.5, 2.5], unit="deg"), [1.5, 2.5]),
        (MaskedColumn([1, 2], mask=[False, True]), [1.0, np.nan]),
        (np.ma.MaskedArray([1.0, 2.0], mask=[True, False]), [np.nan, 2.0]),
        ([1.0, 2.0] * u.arcmin, [1.0, 2.0]),
        (Masked([1.0, 2.0] * u.arcmin, mask=[False, True]), [1.0, np.nan]),
        (np.array([True, False]), [1.0, 0.0]),
        (3, 3.0),
    ],
)
def test_floats(values, expected):
    found = to_floats(values)
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_floats_keep_their_memory_and_type_where_they_can():
    single = np.array([1.0, 2.0], dtype="f4")
    assert to_floats(single, dtype=None) is single or np.shares_memory(
        to_floats(single, dtype=None), single
    )
    assert to_floats(single, dtype=None).dtype == np.float32
    masked = np.ma.MaskedArray(single, mask=[True, False])
    assert to_floats(masked, dtype=None).dtype == np.float32
    assert np.isnan(to_floats(masked, dtype=None)[0])
    assert not np.isnan(single[0])  # the caller's numbers are untouched
    assert to_floats(np.array([1, 2]), dtype=None).dtype == np.float64
    assert to_floats(single).dtype == np.float64


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([" a", "b "], ["a", "b"]),
        (np.array([b"\xc3\xa9 ", b"x"]), ["é", "x"]),
        (MaskedColumn(["a", "b"], mask=[True, False]), ["", "b"]),
        (np.ma.MaskedArray(["a", "b"], mask=True), ["", ""]),
        (Column([1, 20]), ["1", "20"]),
        (np.array(["long text", None], dtype=object), ["long text", "None"]),
    ],
)
def test_texts(values, expected):
    found = to_texts(values)
    assert type(found) is np.ndarray
    assert found.tolist() == expected


class Series:
    """As pandas has it: not an array, and with a method of the name ``mask``."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def mask(self, condition):
        raise NotImplementedError


def test_series_of_pandas():
    assert to_floats(Series([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert to_texts(Series(["a ", "b"])).tolist() == ["a", "b"]
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(to_floats(pandas.Series([1.0, None])), [1.0, np.nan])


def test_columns_in_units():
    table = QTable(
        {"a": [60.0, 30.0] * u.arcmin, "n": [1, 2], "m": MaskedColumn([1.0, 2.0], mask=[0, 1])}
    )
    assert column_floats(table, "a", u.deg).tolist() == [1.0, 0.5]
    assert column_floats(table, "a").tolist() == [60.0, 30.0]
    assert column_floats(table, "n", u.deg, needs_unit=False).tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(column_floats(table, "m"), [1.0, np.nan])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["a", "b"], "does not hold one number per row"),
        ([[1.0, 2.0], [3.0, 4.0]], "does not hold one number per row"),
        ([True, False], "does not hold one number per row"),
        (Column([1.0, 2.0], unit="m"), "is in m, which does not convert to deg"),
        ([1.0, 2.0], "has no unit.*unit = 'deg'"),
    ],
)
def test_columns_that_are_refused(column, words):
    with pytest.raises(InvalidInputError, match=rf"column 'x' of the left table {words}"):
        column_floats(Table({"x": column}), "x", u.deg, label="left table")


def test_unknown_column():
    with pytest.raises(InvalidInputError, match=r"The left table has no column 'y'.*are a, b"):
        get_column(Table({"a": [1], "b": [1]}), "y", label="left table")
    with pytest.raises(InvalidInputError, match="its columns are none"):
        get_column(Table(), "y")


@pytest.mark.parametrize(
    ("value", "degrees"),
    [
        (0.1 * u.deg, 0.1),
        ("3 arcmin", 0.05),
        ("0d30m", 0.5),
        (Angle(1, "deg"), 1.0),
        (0 * u.deg, 0.0),
        (180 * u.deg, 180.0),
        (np.pi / 2 * u.rad, 90.0),
    ],
)
def test_angles(value, degrees):
    found = angle_in_degrees(value, "radius")
    assert type(found) is float
    assert found == pytest.approx(degrees, rel=1e-15)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1, "radius 0.1 has no unit"),
        (None, "radius None has no unit"),
        ("0.1", "radius '0.1' is not an angle"),
        ("far", "radius 'far' is not an angle"),
        (1 * u.s, "radius '1.0 s' is not an angle"),
        ([1, 2] * u.deg, "radius holds 2 values"),
        (-1e-9 * u.deg, "is not between 0 and 10 deg"),
        (10.0001 * u.deg, "is not between 0 and 10 deg"),
        (np.nan * u.deg, "is not between 0 and 10 deg"),
    ],
)
def test_angles_that_are_refused(value, words):
    with pytest.raises(InvalidInputError, match=words):
        angle_in_degrees(value, "radius", largest=10.0)


def test_whole_numbers():
    assert whole_number(0, "n") == 0
    assert type(whole_number(np.int64(3), "n")) is int
    assert whole_number(2, "n", least=2) == 2
    for wrong in (-1, True, 1.0, "1", None):
        with pytest.raises(InvalidInputError, match=r"n=.*give a whole number, 0 or more"):
            whole_number(wrong, "n")
    with pytest.raises(InvalidInputError, match=r"n=1 is not valid.*2 or more"):
        whole_number(1, "n", least=2)


def test_runs_and_firsts():
    key = np.array([3, 3, 1, 1, 1, 3])
    assert starts_run(key).tolist() == [True, False, True, False, False, True]
    assert starts_run(key[:0]).tolist() == []
    order = np.array([5, 0, 1, 4, 3, 2])  # equal keys together, the last row of each first
    assert first_of_each(key, order).tolist() == [False, False, False, False, True, True]
    assert distinct(np.array([5, 2, 2, 0])).tolist() == [0, 2, 5]
    assert distinct(np.array([], dtype=int)).tolist() == []
