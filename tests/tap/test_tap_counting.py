# Licensed under a 3-clause BSD style license - see LICENSE
"""What is counted at the service: by one request what else takes three; and pages of an even size."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from pyvo.dal import TAPService

from astroquery_cfx.tap import Schema
from astroquery_cfx.tap.adql import parse_select
from astroquery_cfx.tap.counting import Counter, ask_ahead, make_plan
from astroquery_cfx.tap.plan import group_bins
from astroquery_cfx.tap.schema import choose_keys
from astroquery_cfx.tap.transport import make_transport
from astroquery_cfx.tap.verify import all_differ, bin_places, sum_error

ROWS = 3000


@pytest.fixture(scope="module")
def stars():
    random = np.random.default_rng(11)
    hidden = np.arange(ROWS) % 97 == 5
    table = Table(
        {
            "name": [f"star {i:05d}" for i in range(ROWS)],
            "ra": MaskedColumn(random.uniform(0, 360, ROWS), mask=hidden),
            "flux": MaskedColumn(random.lognormal(-30, 2, ROWS), mask=np.arange(ROWS) % 3 == 0),
            "number": random.integers(-(2**40), 2**40, ROWS),
        }
    )
    table["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    return table


@pytest.fixture
def counting(archive):
    """A counter, the position as a key, and the queries that were asked."""
    service, asked = TAPService(archive.url + "/tap"), []
    transport = make_transport(service)

    def ask(adql, rows):
        asked.append(adql)
        return transport.ask(adql, maxrec=rows + 1)[0]

    keys, _ = choose_keys(Schema(lambda adql: ask(adql, 1000)).columns("stars"), hint="ra")
    asked.clear()
    return Counter(ask, parse_select("SELECT * FROM stars")), keys[0], asked


def test_recount_is_one_request_for_three(counting, stars):
    counter, key, asked = counting
    make_plan(counter, [key], 500)
    separate = (
        counter.key_statistics(key),
        counter.same_histograms(),
        counter.sums(["ra", "flux", "number"]),
    )
    asked.clear()
    statistics, same, sums = counter.recount(key, ["ra", "flux", "number"], separate[0])
    assert len(asked) == 1
    assert (statistics, same) == separate[:2]
    assert statistics[:2] == (ROWS, int((~stars["ra"].mask).sum()))
    assert_sums(sums, stars)


def assert_sums(sums, stars):
    """Those of each bin, of which there are many; rows without a key are in one of their own."""
    assert sum(sums.rows) == ROWS
    assert sums.rows[sums.index.index(None)] == stars["ra"].mask.sum()
    assert len(sums.index) > 100
    places = bin_places((np.ma.getdata(stars["ra"]), stars["ra"].mask), sums)
    for name, values in zip(("ra", "flux", "number"), sums.values, strict=True):
        data, mask = np.ma.getdata(stars[name]), np.ma.getmaskarray(np.ma.asarray(stars[name]))
        assert sum(value or 0 for value in values) == pytest.approx(data[~mask].sum(), rel=1e-12)
        assert sum_error(data, mask, values, places) == 0
        row = np.flatnonzero(~mask)[700]
        nudged = data.copy()
        nudged[row] += (
            np.maximum(1, abs(nudged[row]) // 10**6).astype(data.dtype)
            if data.dtype.kind == "i"
            else nudged[row] * 1e-9
        )
        assert sum_error(nudged, mask, values, places) > 0


def test_recount_without_a_histogram(counting, stars):
    counter, key, asked = counting
    before = counter.key_statistics(key)
    asked.clear()
    statistics, same, sums = counter.recount(key, ["ra", "flux", "number"], before)
    assert len(asked) == 1
    assert (statistics, same) == (before, True)
    assert_sums(sums, stars)
    assert counter.recount(key, [], before) is None  # nothing to gain


def test_recount_sees_another_histogram(counting):
    counter, key, _ = counting
    make_plan(counter, [key], 500)
    (asked,) = counter._histograms
    counter._histograms[asked][0] += 1
    assert counter.recount(key, [], None)[1] is False
    assert counter.recount(key, [], None)[1] is True  # it is taken as it is now


def test_histogram_that_was_asked_ahead_is_used_once(counting):
    counter, key, asked = counting
    ask_ahead(counter, key, None)
    statistics = counter.key_statistics(key)
    asked.clear()
    first = make_plan(counter, [key], 500, statistics=statistics)
    assert asked == []
    assert make_plan(counter, [key], 500, statistics=statistics) == first
    assert len(asked) == 1
    assert sum(page.rows for page in first) == ROWS


@given(st.lists(st.integers(1, 9), min_size=1, max_size=200), st.integers(9, 200))
def test_pages_of_an_even_size(counts, target):
    groups = group_bins(list(enumerate(counts)), target)
    sizes = [rows for _, _, rows in groups]
    assert sum(sizes) == sum(counts)
    assert max(sizes) <= target
    assert min(sizes) >= min(max(sizes), target / 2) - 9


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.integers(0, 3)), min_size=1, max_size=12))
def test_rows_that_plainly_differ(rows):
    texts, numbers = (np.array(column) for column in zip(*rows, strict=True))
    assert all_differ([(texts, None), (numbers, None)]) == (len(set(rows)) == len(rows))
