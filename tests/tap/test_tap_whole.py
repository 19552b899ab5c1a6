# Licensed under a 3-clause BSD style license - see LICENSE
"""Queries that can only be fetched in one piece: complete, or an error."""

import numpy as np
import pytest
from astropy.table import Table
from fault_proxy import FaultProxy
from pyvo.dal import TAPService

from astroquery_cfx import (
    ArchiveChangedError,
    IncompleteResultError,
    ServiceError,
    ServiceUnavailableError,
    conf,
)
from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.tap import complete_query

ROWS = 1200


def make_stars(rows):
    number = np.arange(rows)
    return Table(
        {"id": number, "ra": (number * 37 % 1200) / 4, "kind": [f"k{i % 7}" for i in number]}
    )


@pytest.fixture(scope="module")
def proxy():
    limited = Behaviour(default_limit=600, hard_limit=1000)  # 600 without TOP, 1000 with it
    with (
        EmbeddedArchive({"stars": make_stars(ROWS)}, behaviour=limited) as first,
        EmbeddedArchive({"stars": make_stars(ROWS + 1)}, behaviour=limited) as second,
        FaultProxy(first.url + "/tap", second.url + "/tap") as between,
    ):
        yield between


def ask(proxy, query, faults=(), **options):
    proxy.reset(faults)
    return complete_query(TAPService(proxy.url), query, **options)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT kind, COUNT(*) AS n FROM stars GROUP BY kind", 7),
        ("SELECT DISTINCT kind FROM stars", 7),
        ("SELECT DISTINCT id FROM stars WHERE id < 800", 800),
        ("SELECT id FROM stars WHERE id < 20 UNION SELECT id FROM stars WHERE id > 1099", 120),
        ("SELECT id FROM stars WHERE id < 980 ORDER BY ra", 980),
        ("SELECT MAX(id) AS most FROM stars", 1),
        ("SELECT TOP 9 id FROM stars ORDER BY ra", 9),
        ("SELECT TOP 999 id FROM stars WHERE id < 60 ORDER BY ra", 60),
        ("SELECT DISTINCT kind FROM stars WHERE id < 0", 0),
    ],
)
def test_all_rows_in_one_request(proxy, query, rows):
    table = ask(proxy, query)
    proof = table.meta["completeness"]
    assert len(table) == proof["rows"] == proof["rows_before"] == proof["rows_after"] == rows
    assert proof["complete"]
    assert proof["pages"][0]["rows"] == rows
    assert proof["notes"][0].startswith("fetched in one request because it ")


def test_order_is_that_of_the_query_or_the_same_each_time(proxy):
    ordered = ask(proxy, "SELECT id, ra FROM stars WHERE id < 150 ORDER BY ra DESC")
    assert ordered["ra"].tolist() == sorted(ordered["ra"], reverse=True)
    distinct = ask(proxy, "SELECT DISTINCT kind, id FROM stars WHERE id < 20")
    assert distinct["kind"].tolist() == sorted(distinct["kind"])


def test_first_rows(proxy):
    table = ask(proxy, "SELECT DISTINCT kind FROM stars", maxrec=3)
    assert table["kind"].tolist() == ["k0", "k1", "k2"]
    assert not table.meta["completeness"]["complete"]


def test_more_rows_than_the_service_gives(proxy):
    with pytest.raises(
        IncompleteResultError, match=r"1000 rows came instead of 1200\. .*it has ORDER BY"
    ):
        ask(proxy, "SELECT id FROM stars ORDER BY ra")


def test_archive_changes(proxy):
    query = "SELECT DISTINCT id FROM stars WHERE id > 1100"
    for faults in (["none", "change"], ["none", "none", "change"]):
        with pytest.raises(ArchiveChangedError, match="had 99 rows before and 100 after"):
            ask(proxy, query, faults)
    assert len(ask(proxy, query, ["change"])) == 100


def test_error_of_the_query_is_shown(proxy):
    with pytest.raises(ServiceError, match="nix"):
        ask(proxy, "SELECT DISTINCT nix FROM stars")


def test_rows_that_cannot_be_counted(proxy):
    with pytest.raises(IncompleteResultError, match=r"cannot be counted: .*nix.*aggregate them"):
        ask(proxy, "SELECT DISTINCT kind FROM stars", ["sql_error"])
    with conf.set_temp("retries", 0), pytest.raises(ServiceUnavailableError):
        ask(proxy, "SELECT DISTINCT kind FROM stars", ["http_503"])


def test_result_is_kept(proxy, tmp_path):
    query = "SELECT kind, COUNT(*) AS n FROM stars GROUP BY kind"
    with conf.set_temp("cache_folder", str(tmp_path)):
        first = ask(proxy, query, cache=True)
        again = ask(proxy, query, cache=True)
        assert len(proxy.queries) == 1  # the count
        assert again["n"].tolist() == first["n"].tolist()
        assert again.meta["completeness"] == first.meta["completeness"]
        one_kind_more = ask(proxy, "SELECT DISTINCT id FROM stars WHERE id > 1198", cache=True)
        changed = ask(
            proxy, "SELECT DISTINCT id FROM stars WHERE id > 1198", ["change"], cache=True
        )
    assert (len(one_kind_more), len(changed)) == (1, 2)


def test_kept_pages_of_a_table_that_lost_its_key(proxy, tmp_path):
    """The service refuses to count along the key of the kept result: everything is asked anew."""
    query = "SELECT id, ra FROM stars WHERE id < 150"
    with conf.set_temp("cache_folder", str(tmp_path)), conf.set_temp("parallel_pages", 1):
        first = ask(proxy, query, cache=True)
        assert len(ask(proxy, query, cache=True)) == 150
        assert len(proxy.queries) == 1
        again = ask(proxy, query, ["sql_error"], cache=True)
        assert len(proxy.queries) > 3
        assert again["id"].tolist() == first["id"].tolist()
        with conf.set_temp("retries", 0), pytest.raises(ServiceUnavailableError):
            ask(proxy, query, ["http_503"], cache=True)


def test_key_that_cannot_be_counted(proxy):
    """The next one is used; where the whole query is wrong, its error is shown."""
    with conf.set_temp("parallel_pages", 1):
        table = ask(proxy, "SELECT id, ra FROM stars WHERE id < 150", ["none", "sql_error"])
        assert table["id"].tolist() == sorted(table["id"])
        assert "COUNT(ra)" in proxy.queries[1]
        assert "COUNT(id)" in proxy.queries[3]
        assert "id is no unique key" in table.meta["completeness"]["notes"][0]
        with pytest.raises(ServiceError, match="nix"):
            ask(proxy, "SELECT id, nix FROM stars WHERE id < 150")
