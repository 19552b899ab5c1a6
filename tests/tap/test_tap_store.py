# Licensed under a 3-clause BSD style license - see LICENSE
"""What is kept on disk: resumed after a kill, shared by processes, never believed when damaged."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from astroquery.exceptions import InputWarning
from fault_proxy import FaultProxy
from pyvo.dal import TAPService

from astroquery_cfx import OutputError, ServiceUnavailableError, conf
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import clear_cache, complete_query
from astroquery_cfx.tap.store import cache_folder, open_store
from astroquery_cfx.tap.transport import make_transport

ROWS = 4000
QUERY = "SELECT name, ra, dec FROM stars"
CLIENT = """
import sys
from pyvo.dal import TAPService
from astroquery_cfx import conf
from astroquery_cfx.tap import complete_query
conf.cache_folder, conf.parallel_pages = sys.argv[2], 2
table = complete_query(TAPService(sys.argv[1]), sys.argv[3], page_rows=200, cache=True)
pages = table.meta["completeness"]["pages"]
print(len(table), sorted(table["name"])[0], sum(page["attempts"] for page in pages))
"""


@pytest.fixture(scope="module")
def stars():
    random = np.random.default_rng(7)
    table = Table(
        {
            "name": [f"star {i:05d}" for i in range(ROWS)],
            "ra": random.uniform(0, 360, ROWS),
            "dec": random.uniform(-90, 90, ROWS),
        }
    )
    table["name"].meta["ucd"] = "meta.id;meta.main"
    table["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    return table


@pytest.fixture(scope="module")
def proxy(stars):
    with EmbeddedArchive({"stars": stars}) as archive, FaultProxy(archive.url + "/tap") as between:
        yield between


@pytest.fixture
def folder(tmp_path):
    with conf.set_temp("cache_folder", str(tmp_path / "cache")), conf.set_temp("parallel_pages", 1):
        yield cache_folder()


def ask(proxy, **options):
    service = TAPService(proxy.url)
    transport = replace(make_transport(service), retries=0, pause=lambda _: None)
    try:
        return complete_query(
            service, QUERY, transport=transport, page_rows=500, cache=True, **options
        )
    finally:
        service._session.close()


def page_queries(proxy):
    return [
        query for query in proxy.queries if query.startswith("SELECT TOP") and "cfx_" not in query
    ]


def assert_whole(table, stars):
    assert sorted(table["name"]) == sorted(stars["name"])
    by_name = dict(
        zip(table["name"].tolist(), zip(table["ra"], table["dec"], strict=True), strict=True)
    )
    assert all(by_name[row["name"]] == (row["ra"], row["dec"]) for row in stars)


def test_second_call_asks_once(proxy, stars, folder):
    proxy.reset()
    first = ask(proxy)
    asked = len(proxy.queries)
    second = ask(proxy)
    assert len(proxy.queries) == asked + 1  # the count
    assert_whole(second, stars)
    assert second.colnames == first.colnames
    assert all((second[name] == first[name]).all() for name in first.colnames)
    assert second["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert second.meta["completeness"] == first.meta["completeness"]
    assert not list(folder.glob("*/*/*.page"))
    assert len(list(folder.glob("*/*/*.parquet"))) == 1


def test_resume_after_an_error(proxy, stars, folder):
    proxy.reset(["none"] * 6 + ["http_503"])
    with pytest.raises(ServiceUnavailableError):
        ask(proxy)
    done = len(list(folder.glob("*/*/*.page")))
    assert done >= 2
    proxy.reset()
    table = ask(proxy)
    assert_whole(table, stars)
    pages = table.meta["completeness"]["pages"]
    assert len(page_queries(proxy)) == len(pages) - done
    assert sum(page["attempts"] == 0 for page in pages) == done


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-9] + b"\x01" + content[-8:],
        lambda content: b"not a page at all",
        lambda content: content.replace(b"page 1", b"page 0", 1),
    ],
    ids=["cut", "half", "empty", "bit", "foreign", "older"],
)
def test_damaged_pages_are_fetched_again(proxy, stars, folder, damage):
    proxy.reset(["none"] * 7 + ["http_503"])
    with pytest.raises(ServiceUnavailableError):
        ask(proxy)
    pages = sorted(folder.glob("*/*/*.page"))
    pages[0].write_bytes(damage(pages[0].read_bytes()))
    proxy.reset()
    table = ask(proxy)
    assert_whole(table, stars)
    kept = sum(page["attempts"] == 0 for page in table.meta["completeness"]["pages"])
    assert kept == len(pages) - 1


@pytest.mark.parametrize("name", ["*.parquet", "result.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PAR1 and nothing"])
def test_damaged_result_is_fetched_again(proxy, stars, folder, name, content):
    proxy.reset()
    ask(proxy)
    for path in folder.glob(f"*/*/{name}"):
        path.write_bytes(content)
    proxy.reset()
    assert_whole(ask(proxy), stars)
    assert page_queries(proxy)


def test_result_of_another_archive_is_not_used(proxy, folder):
    proxy.reset()
    ask(proxy)
    other = Table(
        {
            "name": [f"other {i}" for i in range(ROWS)],
            "ra": np.linspace(0, 359, ROWS),
            "dec": np.zeros(ROWS),
        }
    )
    with EmbeddedArchive({"stars": other}) as archive:
        proxy.upstreams.append(archive.url + "/tap")
        proxy.version = 1
        try:
            assert set(ask(proxy)["name"]) == set(other["name"])
        finally:
            proxy.version = proxy.upstreams.index(proxy.upstreams[0])
            proxy.upstreams.pop()


def test_age_limit(proxy, folder):
    proxy.reset()
    ask(proxy)
    proxy.reset()
    with conf.set_temp("cache_days", 0.0):
        ask(proxy)
    assert page_queries(proxy)


def test_clear_cache(proxy, folder):
    proxy.reset()
    ask(proxy)
    clear_cache("http://example.org/tap")
    assert list(folder.glob("*/*/*.parquet"))
    clear_cache(proxy.url)
    assert not list(folder.glob("*/*/*.parquet"))
    clear_cache()
    assert not folder.exists()


def test_no_cache_leaves_nothing(proxy, folder):
    service = TAPService(proxy.url)
    complete_query(service, QUERY, page_rows=500, cache=False)
    service._session.close()
    assert not folder.exists()


def test_folder_that_cannot_be(proxy, stars, tmp_path):
    """A read-only cache: the result comes all the same, with a warning. A file in the way stops root, too."""
    (tmp_path / "file").write_text("in the way")
    proxy.reset()
    with (
        conf.set_temp("cache_folder", str(tmp_path / "file" / "cache")),
        conf.set_temp("parallel_pages", 1),
        pytest.warns(InputWarning, match="cannot be written"),
    ):
        table = ask(proxy)
    assert_whole(table, stars)


def test_full_disk(proxy, folder):
    """No room for a page: a clear error, nothing half written. A limit on file sizes stands for the disk."""
    proxy.reset()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(OutputError, match="cache=False"):
            ask(proxy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    left = [path.name for path in folder.rglob("*") if path.is_file()]
    assert not [
        name for name in left if name.endswith((".page", ".parquet")) or name.startswith(".aside")
    ]


def start_client(proxy, folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, proxy.url, str(folder.parent.parent), QUERY],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def test_killed_and_resumed(proxy, stars, folder):
    proxy.reset(["none"] * 8 + ["stall"] * 100)
    client = start_client(proxy, folder)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*/*/*.page"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    kept = len(list(folder.glob("*/*/*.page")))
    assert kept >= 3
    proxy.reset()
    client = start_client(proxy, folder)
    out, error = client.communicate(timeout=120)
    assert client.returncode == 0, error
    rows, first, attempts = (
        out.rsplit(maxsplit=1)[0].split(maxsplit=1)[0],
        "star 00000",
        int(out.split()[-1]),
    )
    assert int(rows) == ROWS
    assert first in out
    assert 0 < attempts <= ROWS // 100 - kept


@pytest.mark.slow
def test_two_processes_share_the_cache(proxy, folder):
    proxy.reset()
    clients = [start_client(proxy, folder) for _ in range(2)]
    for client in clients:
        out, error = client.communicate(timeout=120)
        assert client.returncode == 0, error
        assert out.split()[0] == str(ROWS)


def test_limit_is_remembered(folder):
    store = open_store("http://127.0.0.1:1/tap", "SELECT 1")
    assert store.limit() is None
    store.keep_limit(20_000)
    assert open_store("http://127.0.0.1:1/tap", "SELECT 2").limit() == 20_000
    (store.service / "limit.json").write_text("nonsense")
    assert store.limit() is None
