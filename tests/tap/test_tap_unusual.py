# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables and queries that are out of the ordinary: mostly NULL keys, arrays, keys that are none, WITH."""

import io

import numpy as np
import pytest
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table
from pyvo.dal import TAPService

from astroquery_cfx import IncompleteResultError, ServiceError, conf
from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.tap import complete_query
from astroquery_cfx.tap.adql import parse_select
from astroquery_cfx.tap.assemble import digest, key_order
from astroquery_cfx.tap.counting import Counter
from astroquery_cfx.tap.schema import Key
from astroquery_cfx.tap.store import open_store
from astroquery_cfx.tap.transport import make_transport
from astroquery_cfx.tap.votable import read_answer

ROWS = 1300


@pytest.fixture(scope="module")
def sparse():
    """Four of five keys are NULL, of the first and of the next."""
    number = np.arange(ROWS)
    return Table(
        {
            "ra": MaskedColumn(number * 0.25, mask=number % 5 > 0),
            "dec": MaskedColumn(number % 180 - 90.0, mask=number % 10 < 8),
            "flag": (number % 7).astype("i2"),
            "id": number.astype("i8") + 2**53 + 1,
        }
    )


@pytest.fixture(scope="module")
def archive(sparse):
    sparse["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    sparse["dec"].meta["ucd"] = "pos.eq.dec;meta.main"
    behaviour = Behaviour(hard_limit=700)
    with EmbeddedArchive({"sparse": sparse}, behaviour=behaviour) as running:
        yield running


@pytest.fixture
def service(archive):
    return TAPService(archive.url + "/tap")


@pytest.mark.parametrize("items", ["*", "id", "ra, flag", "flag + 1 AS more, id"])
def test_most_keys_are_null(service, sparse, items):
    """The few rows that have a key fit in one page, which must not take those in that have none."""
    table = complete_query(service, f"SELECT {items} FROM sparse", page_rows=400)
    proof = table.meta["completeness"]
    assert len(table) == proof["rows_after"] == ROWS
    assert "ra IS NOT NULL" in [page["where"] for page in proof["pages"]]
    if "id" in table.colnames:
        assert sorted(table["id"].tolist()) == sparse["id"].tolist()


def test_keys_beyond_doubles(service, sparse):
    """Where doubles cannot tell bins apart, the sums of all rows are compared instead of those of bins."""
    asked = []
    transport = make_transport(service)

    class Listening:
        def ask(self, adql, **options):
            asked.append(adql)
            return transport.ask(adql, **options)

    query = "SELECT id, flag FROM sparse"
    table = complete_query(service, query, key="id", page_rows=400, transport=Listening())
    assert sorted(table["id"].tolist()) == sparse["id"].tolist()
    assert len(table.meta["completeness"]["pages"]) > 3
    assert [adql for adql in asked if "SUM(flag * 1.0)" in adql and "GROUP BY" not in adql]


def test_sums_of_whole_numbers_have_room(service):
    """DaCHS cannot write the sum of a column of shorts that is no short."""
    notes = complete_query(service, "SELECT ra, flag FROM sparse").meta["completeness"]["notes"]
    assert "the sums of ra, flag are those of the service" in notes


def test_with_is_counted():
    asked = []

    def ask(adql, _):
        asked.append(adql)
        return read_answer([as_votable(Table({"cfx_rows": [7]}))])

    adql = "WITH u AS (SELECT a FROM t) SELECT a FROM u"
    assert Counter(ask, parse_select(adql)).count_statement(adql) == 7
    (counting,) = asked
    assert counting.startswith(
        "WITH u AS (SELECT a FROM t) SELECT COUNT(*) AS cfx_rows FROM (SELECT a "
    )


@pytest.mark.parametrize("count", [np.ma.masked, -1, 0.5, np.inf, "many"], ids=str)
@pytest.mark.parametrize(
    "ask",
    [
        lambda counter: counter.count(),
        lambda counter: counter.key_statistics(Key("a", "a", "float")),
        lambda counter: counter.histogram(Key("a", "a", "float"), "", 0, 9),
    ],
    ids=["rows", "key", "histogram"],
)
def test_counts_that_are_none(count, ask):
    """COUNT gives whole numbers: all else is no answer, whatever stands beside it."""
    kind = {"U": "U4", "f": "f8"}.get(np.asarray(count).dtype.kind, "i4")
    column = MaskedColumn(
        np.array([0 if count is np.ma.masked else count], dtype=kind), mask=count is np.ma.masked
    )

    def answer(adql, _):
        names = [word for word in adql.replace(",", " ").split() if word.startswith("cfx_")]
        return read_answer(
            [
                as_votable(
                    Table(
                        {
                            name: column if name in ("cfx_rows", "cfx_known") else [1.0]
                            for name in names
                        }
                    )
                )
            ]
        )

    with pytest.raises(IncompleteResultError, match="whole numbers"):
        ask(Counter(answer, parse_select("SELECT a FROM t")))


def as_votable(table):
    out = io.BytesIO()
    from_table(table).to_xml(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "edge", [np.array([[1.0, 2.0]]), np.array(["2020-01-01"])], ids=["array", "text"]
)
def test_column_that_is_no_number_is_no_key(edge):
    answer = Table({"cfx_rows": [9], "cfx_known": [9], "cfx_low": edge, "cfx_high": edge})
    counter = Counter(lambda *_: read_answer([as_votable(answer)]), parse_select("SELECT * FROM t"))
    with pytest.raises(ServiceError, match="cannot be a key"):
        counter.key_statistics(Key("arr", "arr", "float"))


def lists(*cells):
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return column


def test_order_and_digest_of_arrays():
    """Ties are broken by arrays, too, and every element of a long one counts."""
    keys = np.array([1.0, 1.0, 0.0, 1.0])
    values = [2.0, 3.0], [2.0, np.nan], [], [2.0, 3.0]
    cells = lists(*(np.ma.masked_invalid(np.array(value)) for value in values))
    for shuffled in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        order = key_order([(keys[shuffled], None), (cells[shuffled], None)], 0)
        assert [str(cells[shuffled][row]) for row in order] == [
            "[]",
            "[2.0 3.0]",
            "[2.0 3.0]",
            "[2.0 --]",
        ]
    long = np.arange(5000.0)
    other = long.copy()
    other[2500] += 1e-9
    assert digest([(lists(long), None)]) == digest([(lists(long.copy()), None)])
    assert digest([(lists(long), None)]) != digest([(lists(other), None)])


def test_masked_elements_are_not_lost_in_the_cache(tmp_path):
    """A Parquet file would keep what lies under the mask: such a result is not kept."""
    with conf.set_temp("cache_folder", str(tmp_path)):
        store = open_store("http://127.0.0.1:1/tap", "SELECT 1")
        store.save_result(Table({"a": lists(np.array([1, 2]), np.array([3]))}), (2,))
        table, counted = store.load_result()
        assert [cell.tolist() for cell in table["a"]] == [[1, 2], [3]]
        assert counted == "(2,)"
        store = open_store("http://127.0.0.1:1/tap", "SELECT 2")
        store.save_result(
            Table({"a": lists(np.ma.MaskedArray([1, 2], [True, False]), np.array([3]))}), (2,)
        )
        assert store.load_result() == (None, "")
