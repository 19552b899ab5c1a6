# Licensed under a 3-clause BSD style license - see LICENSE
"""What is proved: of each page, and of the whole by the service's own counts and sums."""

import itertools

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from fault_proxy import FaultProxy
from hypothesis import given
from hypothesis import strategies as st
from pyvo.dal import TAPService

from astroquery_cfx import IncompleteResultError, conf
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import complete_query
from astroquery_cfx.tap.counting import Sums
from astroquery_cfx.tap.plan import Page, Range
from astroquery_cfx.tap.proof import (
    arrange,
    bin_places,
    distinct_values,
    page_fault,
    sum_error,
)
from astroquery_cfx.tap.votable import Answer, Field

ROWS = 90


@pytest.fixture(scope="module")
def tables():
    random = np.random.default_rng(21)
    number = np.arange(ROWS)
    catalogue = Table(
        {
            "name": [f"star {i:03d}" for i in number],
            "ra": random.uniform(10, 360, ROWS),
            "flux": random.uniform(1, 2, ROWS),
            "hits": (number % 7).astype("i2"),
        }
    )
    catalogue["name"].meta["ucd"] = "meta.id;meta.main"
    catalogue["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    return {
        "catalogue": catalogue,
        "labels": Table({"label": [f"label {i}" for i in number]}),
        "repeated": Table({"grade": (number // 3).astype(float)}),
        "missing": Table({"grade": MaskedColumn((number // 3) * 1.0, mask=number % 9 == 0)}),
    }


@pytest.fixture(scope="module")
def proxy(tables):
    with EmbeddedArchive(tables) as archive, FaultProxy(archive.url + "/tap") as between:
        yield between


def ask(proxy, query, faults=(), **options):
    proxy.reset(faults)
    with conf.set_temp("parallel_pages", 1):
        return complete_query(TAPService(proxy.url), query, **options)


def notes_of(table):
    return table.meta["completeness"]["notes"]


def page_queries(proxy):
    return [query for query in proxy.queries if query.startswith("SELECT TOP")]


# --- keys


def test_lost_row_behind_a_repeated_one_is_noticed(proxy, tables):
    """The number of rows is right, and no key claims to be unique: COUNT(DISTINCT) shows it."""
    query = "SELECT label FROM labels"
    table = ask(proxy, query, ["none", "none", "swap_row"])
    assert sorted(table["label"]) == sorted(tables["labels"]["label"])
    assert len(page_queries(proxy)) == 2  # the one with the repeated row, and a good one
    with pytest.raises(IncompleteResultError, match="90 different values at the service and 89"):
        ask(proxy, query, ["none", "none", *["swap_row"] * 20])


def test_key_that_is_unique(proxy):
    assert "no name comes twice" in notes_of(ask(proxy, "SELECT name, flux FROM catalogue"))


@pytest.mark.parametrize(("name", "values"), [("labels", 90), ("repeated", 30), ("missing", 30)])
def test_key_that_the_archive_repeats(proxy, tables, name, values):
    (column,) = tables[name].colnames
    table = ask(proxy, f"SELECT {column} FROM {name}")
    assert len(table) == ROWS
    note = f"{column} is no unique key; it has as many values as at the service, {values}"
    assert note in notes_of(table)


def test_service_that_counts_nan_as_a_value(proxy):
    """PostgreSQL does. With values missing in the result there may be one more at the service."""
    faults = ["none"] * 4 + ["counts_nan"]
    table = ask(proxy, "SELECT grade FROM missing", faults)
    assert any(note.endswith("as many values as at the service, 31") for note in notes_of(table))
    faults += ["none", "none", "counts_nan"] * 9
    with pytest.raises(IncompleteResultError, match="31 different values at the service and 30"):
        ask(proxy, "SELECT grade FROM repeated", faults)


def test_first_rows_are_not_compared(proxy):
    table = ask(proxy, "SELECT grade FROM repeated", maxrec=5)
    assert table["grade"].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert notes_of(table) == [
        "grade comes more than once: that no row was repeated rests on the counts"
    ]


def test_result_without_a_key(proxy):
    joined = "repeated AS a JOIN catalogue AS b ON a.grade = b.hits"
    table = ask(proxy, f"SELECT a.grade + b.hits AS total FROM {joined}")
    assert len(table) == sum(3 for hits in np.arange(ROWS) % 7 if hits < 30)
    assert notes_of(table) == [
        "no key among the columns: that no row was repeated rests on the counts"
    ]


# --- sums

SUMS = "the sums of ra, flux, hits are those of the service"
QUERY = "SELECT name, ra, flux, hits FROM catalogue"
BEFORE_THE_RECOUNT = ["none"] * 3  # columns, counts, one page


def test_sums_are_compared(proxy):
    assert SUMS in notes_of(ask(proxy, QUERY))
    (recount,) = [query for query in proxy.queries if "SUM(" in query]
    assert "GROUP BY FLOOR(ra * " in recount
    # DaCHS adds up shorts in shorts
    assert "SUM(ra) AS cfx_sum_0, SUM(flux) AS cfx_sum_1, SUM(hits * 1.0) AS cfx_sum_2" in recount


def test_service_that_adds_up_in_float32(proxy, tables):
    """The same rows twice, and sums as near as float32 is: the rows are right."""
    table = ask(proxy, QUERY, BEFORE_THE_RECOUNT + ["float32_sums"] * 20)
    assert sorted(table["ra"]) == sorted(tables["catalogue"]["ra"])
    assert len(page_queries(proxy)) == 2
    assert "the service rounds the sums of ra, flux: they do not tell" in notes_of(table)


def test_wrong_sums(proxy):
    with pytest.raises(IncompleteResultError, match="The sums of ra, flux, hits differ"):
        ask(proxy, QUERY, BEFORE_THE_RECOUNT + ["wrong_sums"] * 20)
    assert len(page_queries(proxy)) == 3


def test_wrong_sums_once(proxy):
    table = ask(proxy, QUERY, [*BEFORE_THE_RECOUNT, "wrong_sums"])
    assert SUMS in notes_of(table)
    assert len(page_queries(proxy)) == 2


def test_service_with_bins_of_its_own(proxy):
    """The rows are not in their bins; where they come again the same, sums of all are compared."""
    table = ask(proxy, QUERY, BEFORE_THE_RECOUNT + ["shifted_bins"] * 20)
    assert SUMS in notes_of(table)
    assert len(page_queries(proxy)) == 2
    assert [query for query in proxy.queries if "SUM(" in query and "GROUP BY" not in query]


def test_value_that_changes_its_bin(proxy, tables):
    """The value of a key changed on its way, and stays in the range of its page."""
    table = ask(proxy, QUERY, ["none", "none", "nudge"])
    assert sorted(table["ra"]) == sorted(tables["catalogue"]["ra"])
    assert len(page_queries(proxy)) == 2


def test_service_that_does_not_add_up(proxy):
    """It refuses the sums beside the bins, and those of all rows: a note less."""
    answers = ["sql_error", "none", "sql_error"]  # recount by one request, counts, sums
    table = ask(proxy, QUERY, BEFORE_THE_RECOUNT + answers)
    assert len(table) == ROWS
    assert notes_of(table) == ["no name comes twice"]


def test_sums_of_the_first_columns_only(proxy):
    """Of 25 columns 20 are added up; one that comes twice only once."""
    table = ask(
        proxy, f"SELECT {', '.join(['ra'] + [f'ra AS ra{i}' for i in range(24)])} FROM catalogue"
    )
    assert "the sums of ra are those of the service" in notes_of(table)
    star = ask(proxy, "SELECT * FROM catalogue")
    assert SUMS in notes_of(star)


# --- one page


def answer_of(*columns, fields=None):
    """An answer with columns (data, mask)."""
    names = "abcdef"[: len(columns)]
    return Answer(
        fields or [Field(name, "double") for name in names],
        list(columns),
        len(columns[0][0]),
        has_table=True,
    )


def fault_of(data, piece, mask=None):
    data = np.asarray(data)
    mask = None if mask is None else np.asarray(mask, bool)
    return page_fault(answer_of((data, mask)), Page((piece,), len(data)), {"k": 0})


def test_page_without_a_table_or_with_other_rows():
    assert page_fault(Answer(), Page((), 0), {}) == "there is no table in the answer"
    answer = answer_of((np.zeros(3), None))
    assert page_fault(answer, Page((), 3), {}) == ""
    assert page_fault(answer, Page((), 2), {}) == "it has 3 rows instead of 2"
    assert page_fault(answer, Page((), 4), {}) == "it has 3 rows instead of 4"


@pytest.mark.parametrize(
    ("values", "piece", "mask", "good"),
    [
        ([1.0, 2.0], Range("k", 1.0, 3.0), None, True),
        ([1.0, 3.0], Range("k", 1.0, 3.0), None, False),
        ([0.5, 2.0], Range("k", 1.0, 3.0), None, False),
        ([0.5, 2.0], Range("k", None, 3.0), None, True),
        ([3.0, 9.0], Range("k", 3.0), None, True),
        ([2.9, 9.0], Range("k", 3.0), None, False),
        ([5, 7], Range("k", 5, 8), None, True),
        ([5, 8], Range("k", 5, 8), None, False),
        # NaN comes masked, and belongs to the last range
        ([3.0, np.nan], Range("k", 3.0), [0, 1], True),
        ([3.0, np.nan], Range("k", 3.0, 9.0), [0, 1], False),
        ([3, 0], Range("k", 3), [0, 1], False),
        ([2.0, np.nan], Range("k", 3.0), [0, 1], False),
        # NULL
        ([0.0, 0.0], Range("k", null=True), [1, 1], True),
        ([0.0, 4.0], Range("k", null=True), [1, 0], False),
        (["", ""], Range("k", null=True), None, True),
        (["", "x"], Range("k", null=True), None, False),
        # texts are in the service's own order
        (["b", "a"], Range("k", "c", "d"), None, True),
        # another key
        ([9.0], Range("other", 0.0, 1.0), None, True),
    ],
)
def test_keys_of_a_page(values, piece, mask, good):
    assert fault_of(values, piece, mask) == (
        "" if good else f"it has keys outside {piece.condition}"
    )


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ([Field("a", "int"), Field("b", "char", "4")], True),
        ([Field("A", "long"), Field("B", "unicodeChar", "*")], True),
        ([Field("b", "char", "9"), Field("a", "short")], True),
        ([Field("a", "float"), Field("b", "char", "4")], False),
        ([Field("a", "int", "2"), Field("b", "char", "4")], False),
        ([Field("a", "int"), Field("c", "char", "4")], False),
        ([Field("a", "int")], False),
    ],
)
def test_columns_of_a_page(fields, same):
    first = [Field("a", "int"), Field("b", "char", "4")]
    answer = answer_of(*[(np.zeros(2), None)] * len(fields), fields=fields)
    fault = page_fault(answer, Page((), 2), {}, first)
    assert fault == ("" if same else "its columns differ from those of the other pages")


def test_order_of_columns_with_one_name_counts():
    first = [Field("a", "int"), Field("a", "float")]
    answer = answer_of(*[(np.zeros(2), None)] * 2, fields=first[::-1])
    assert page_fault(answer, Page((), 2), {}, first)
    assert arrange(answer, first) is answer.columns


def test_columns_are_arranged():
    answer = answer_of((np.zeros(2), None), (np.ones(2), None))
    swapped = arrange(answer, [Field("B"), Field("A")])
    assert [data[0] for data, _ in swapped] == [1.0, 0.0]
    assert arrange(answer, [Field("A"), Field("B")]) is answer.columns


# --- values


@given(st.lists(st.text("ab\u00e9", max_size=3), min_size=1, max_size=12), st.data())
def test_distinct_texts(texts, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    shown = list(itertools.compress(texts, [not hidden for hidden in mask]))
    column = np.array(texts)
    assert distinct_values((column, None)) == (len(set(texts)), len(texts))
    assert distinct_values((column, np.array(mask))) == (len(set(shown)), len(shown))
    assert distinct_values((column.astype(object), None)) == (len(set(texts)), len(texts))


@given(st.lists(st.sampled_from([0.0, -0.0, 1.5, 1e300, -3.0]), min_size=1, max_size=9))
def test_distinct_numbers(numbers):
    assert distinct_values((np.array(numbers), None)) == (len(set(numbers)), len(numbers))


def test_distinct_texts_of_one_hash_per_row():
    """Many rows: hashes that fell together would show as fewer values."""
    texts = np.array([f"2CXO J{i:06d}.{i % 7}+{i * 7919 % 100000}" for i in range(20_000)])
    assert distinct_values((texts, None)) == (20_000, 20_000)
    texts[19_999] = texts[3]
    assert distinct_values((texts, None)) == (19_999, 20_000)


def test_sums_differ_by_more_than_rounding():
    """Eight numbers beyond float32, with an exact sum of 1: 10 units in the last place pass."""
    data = np.repeat([0.125 + 2.0**-40, 0.125 - 2.0**-40], 4)
    unit = 2.0**-52
    for theirs in (1.0, 1 + 10 * unit, 1 - 10 * unit):
        assert sum_error((data, None), [theirs]) == 0
    for theirs in (1 + 11 * unit, 1 - 11 * unit):
        assert sum_error((data, None), [theirs]) == pytest.approx(11 * unit)
    # relative to the sum of the sizes, not to the sum
    signed = data * np.tile([1, -1], 4)
    assert sum_error((signed, None), [signed.sum() + 10 * unit]) == 0
    assert sum_error((signed, None), [signed.sum() + 12 * unit]) > 0


def test_sums_of_what_float32_holds():
    data, unit = np.full(8, 0.125), 2.0**-24
    assert sum_error((data, None), [1 + 20 * unit]) == 0
    assert sum_error((data, None), [1 + 21 * unit]) > 0
    assert sum_error((data.astype("f4"), None), [1 + 20 * unit]) == 0
    whole = np.array([2**20 + 1] * 8)  # integers are added up as doubles
    assert sum_error((whole, None), [whole.sum() * (1 + 20 * unit)]) > 0


def test_sums_of_bins():
    data, mask = np.array([1.1, 2.2, 3.3, 4.4, 99.0]), np.array([False] * 4 + [True])
    places = np.array([0, 0, 2, 1, 1])
    right = [1.1 + 2.2, 4.4, 3.3]
    assert sum_error((data, mask), right, places) == 0
    assert sum_error((data, mask), [right[0], None, right[2]], places) == 0
    assert sum_error((data, mask), [right[0], 4.4 * 1.25, 3.3 * 1.5], places) == pytest.approx(0.5)
    assert sum_error((data, mask), right, places[::-1]) > 0
    assert sum_error((data, mask), [sum(right)]) == 0


def test_sums_that_cannot_be_compared():
    assert sum_error((np.array([1.1, np.inf]), None), [5.0]) == 0
    assert sum_error((np.array([1.1]), None), [np.nan]) == 0
    assert sum_error((np.array([]), None), [0.0]) == 0
    assert sum_error((np.array([1e300, 1.1]), None), [2e300]) == pytest.approx(1.0)


def test_rows_in_bins():
    """Bins of width 0.5, as a service lists them: in any order, NULL among them."""
    sums = Sums([], [3, None, -1], [2, 1, 1], scale=2.0)
    keys = np.array([-0.5, 1.5, 1.99, 7.0])
    mask = np.array([False, False, False, True])
    assert bin_places((keys, mask), sums).tolist() == [2, 0, 0, 1]
    assert bin_places((keys[[1, 0, 2, 3]], mask), sums).tolist() == [0, 2, 0, 1]
    moved = keys.copy()
    moved[1] = -0.2  # into another bin
    assert bin_places((moved, mask), sums) is None
    moved[1] = 2.0  # into none
    assert bin_places((moved, mask), Sums([], [3, -1], [2, 1], 2.0)) is None
    assert bin_places((np.array(["a"]), None), sums) is None
    assert bin_places((keys[:3], None), Sums([], [-1, 3], [1, 2], 2.0)).tolist() == [0, 1, 1]
