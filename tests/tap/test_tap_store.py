# Licensed under a 3-clause BSD style license - see LICENSE
"""What is kept on disk: resumed after a kill, shared by processes, never believed when damaged."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import requests
from astropy.table import Table
from astroquery.exceptions import InputWarning
from fault_proxy import FaultProxy
from pyvo.dal import TAPService

from astroquery_cfx import OutputError, ServiceUnavailableError, conf
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import clear_cache, complete_query
from astroquery_cfx.tap.binary import Field
from astroquery_cfx.tap.schema import Key
from astroquery_cfx.tap.store import KeptPage, cache_folder, open_store
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
    with requests.Session() as session:
        transport = replace(make_transport(service, session), retries=0, pause=lambda _: None)
        return complete_query(
            service, QUERY, transport=transport, page_rows=500, cache=True, **options
        )


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


def make_older(path, days):
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))


@pytest.mark.parametrize(
    ("age", "cache_days", "serves"),
    [(0.9, 7.0, True), (1.1, 7.0, False), (0.4, 0.5, True), (0.6, 0.5, False)],
)
def test_pages_of_an_interrupted_call_expire(proxy, stars, folder, age, cache_days, serves):
    """After a day, or after ``conf.cache_days`` if that is less, they are fetched again."""
    proxy.reset(["none"] * 7 + ["http_503"])
    with pytest.raises(ServiceUnavailableError):
        ask(proxy)
    pages = list(folder.glob("*/*/*.page"))
    make_older(pages[0], age)
    proxy.reset()
    with conf.set_temp("cache_days", cache_days):
        table = ask(proxy)
    assert_whole(table, stars)
    kept = sum(page["attempts"] == 0 for page in table.meta["completeness"]["pages"])
    assert kept == len(pages) - (not serves)


@pytest.mark.parametrize(
    ("saved", "serves"), [(6.9, True), (7.1, False), (-0.1, False)], ids=["young", "old", "future"]
)
def test_results_expire(proxy, folder, saved, serves):
    """After ``conf.cache_days``; what was saved in the future was saved by a wrong clock."""
    proxy.reset()
    ask(proxy)
    (record,) = folder.glob("*/*/result.json")
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"saved": content["saved"] - saved * 86_400}))
    proxy.reset()
    with conf.set_temp("cache_days", 7.0):
        ask(proxy)
    assert bool(page_queries(proxy)) is not serves


def test_result_of_another_format_is_not_used(proxy, folder):
    proxy.reset()
    ask(proxy)
    (record,) = folder.glob("*/*/result.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 0}))
    proxy.reset()
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
    complete_query(TAPService(proxy.url), QUERY, page_rows=500, cache=False)
    assert not folder.exists()


@contextmanager
def full_disk(room):
    """No file may grow beyond these bytes, which stands for a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_is_full_from_the_start(proxy, folder):
    """An error, not a warning as for a folder that is not ours: the user can make room."""
    with full_disk(0), pytest.raises(OutputError, match="could not be written"):
        ask(proxy)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(proxy, stars, folder):
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    proxy.reset()
    with pytest.warns(InputWarning, match="cannot be written"):
        assert_whole(ask(proxy), stars)


def test_folder_that_cannot_be(proxy, stars, tmp_path):
    """A cache that cannot be written: a warning, and the result. A file in the way stops root."""
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
    """A clear error, and nothing half written."""
    proxy.reset()
    with full_disk(3000), pytest.raises(OutputError, match="cache=False"):
        ask(proxy)
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
    rows, *first, attempts = out.split()
    assert int(rows) == ROWS
    assert first == ["star", "00000"]
    assert 0 < int(attempts) <= ROWS // 100 - kept


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
    make_older(store.service / "limit.json", 6.9)
    assert store.limit() == 20_000
    make_older(store.service / "limit.json", 7.1)
    assert store.limit() is None
    for nonsense in ("nonsense", "0", "-5", "[5]", '"5"'):
        (store.service / "limit.json").write_text(nonsense)
        assert store.limit() is None
    assert open_store("http://127.0.0.1:2/tap", "SELECT 1").limit() is None


# -- the store by itself

STORE = "http://127.0.0.1:1/tap"
COLUMNS = [
    (np.array([1.5, np.nan, -0.0]), np.array([False, True, False])),
    (np.arange(3, dtype=">i4"), None),
    (np.array(["a", "", "ü"]), None),
    (np.arange(18, dtype="u1").reshape(3, 2, 3), np.arange(18).reshape(3, 2, 3) % 5 == 0),
    (np.array([b"x", b"yz", b""]), None),
    (np.array([True, False, True]), None),
    (np.array([1j, 2, 3]), None),
    (np.arange(24.0).reshape(3, 8)[:, ::2], None),
]


def kept_page(columns, condition="ra < 5", rows=3):
    fields = [Field(f"c{i}", "double", unit="deg") for i in range(len(columns))]
    return KeptPage(condition, rows, columns, "f00d", fields, [("QUERY_STATUS", "OK")])


@pytest.mark.parametrize("columns", [COLUMNS, [(np.zeros(0), None)], []], ids=["all", "none", "no"])
def test_page_reads_back_as_it_was(folder, columns):
    page = kept_page(columns)
    open_store(STORE, "SELECT 1").save_page(page)
    again = open_store(STORE, "SELECT 1").load_page("ra < 5", 3)
    assert (again.condition, again.rows, again.sha256) == ("ra < 5", 3, "f00d")
    assert again.fields == page.fields
    assert again.infos == page.infos
    assert len(again.columns) == len(columns)
    for (data, mask), (theirs, hidden) in zip(again.columns, columns, strict=True):
        assert data.dtype == theirs.dtype
        np.testing.assert_array_equal(data, theirs)
        assert (mask is None) is (hidden is None)
        assert mask is None or mask.tolist() == hidden.tolist()
        assert data.flags.writeable


def test_page_is_found_by_what_it_holds(folder):
    store = open_store(STORE, "SELECT 1")
    store.save_page(kept_page(COLUMNS))
    assert store.load_page("ra < 6", 3) is None
    assert store.load_page("ra < 5", 4) is None
    assert open_store(STORE, "SELECT 2").load_page("ra < 5", 3) is None
    (path,) = store.folder.glob("*.page")
    path.write_bytes(kept_page(COLUMNS, "ra > 5").to_bytes())  # a whole page, of other rows
    assert store.load_page("ra < 5", 3) is None
    assert not path.exists()


def test_page_of_objects_is_not_kept(folder):
    store = open_store(STORE, "SELECT 1")
    store.save_page(kept_page([(np.array([[1], None, [2]], dtype=object), None)]))
    assert not list(store.folder.glob("*.page"))


def test_each_query_has_a_folder_of_its_own(folder):
    queries = [
        (STORE, "SELECT 1"),
        (STORE, "SELECT 2"),
        (STORE, "SELECT 1", {"t": b"1"}),
        (STORE, "SELECT 1", {"t": b"2"}),
        (STORE, "SELECT 1", {"u": b"2"}),
        (STORE, "SELECT 1", None, 5),
        (STORE + "2", "SELECT 1"),
    ]
    assert len({open_store(*query).folder for query in queries}) == len(queries)
    again = open_store(STORE + "?", "SELECT 1", {})
    assert again.folder == open_store(*queries[0]).folder
    assert (again.folder / "used").read_text() == "SELECT 1"


def test_what_is_removed_with_the_pages(folder):
    """Pages, and what a killed process left long ago; what is half written now is another's."""
    store = open_store(STORE, "SELECT 1")
    names = ["a.page", ".aside-1-old.page", ".aside-1-new.page", "a.parquet", "a.job"]
    for name in names:
        (store.folder / name).write_bytes(b"")
    make_older(store.folder / ".aside-1-old.page", 1.1 / 24)
    make_older(store.folder / ".aside-1-new.page", 0.9 / 24)
    store.drop_pages()
    assert [name for name in names if (store.folder / name).exists()] == names[2:]


def test_result_takes_the_place_of_pages_and_older_results(folder):
    store = open_store(STORE, "SELECT 1")
    store.save_page(kept_page(COLUMNS))
    for name, minutes in (("old", 1.1), ("young", 0.9)):  # which another process may be reading
        (store.folder / f"{name}.parquet").write_bytes(b"")
        make_older(store.folder / f"{name}.parquet", minutes / 1440)
    lead = Key("ra", "ra", "float", span=(0.0, 360.0))
    store.save_result(Table({"a": [1, 2]}, meta={"b": "c"}), (2, 1.5), lead)
    assert not list(store.folder.glob("*.page"))
    assert not (store.folder / "old.parquet").exists()
    assert (store.folder / "young.parquet").exists()
    table, counted = store.load_result()
    assert table["a"].tolist() == [1, 2]
    assert table.meta == {"b": "c"}
    assert counted == "(2, 1.5)"
    assert store.lead().expression == "ra"
    store.save_result(Table({"a": [3]}), (1,))
    assert store.load_result()[0]["a"].tolist() == [3]
    assert store.lead() is None


def test_result_that_is_not_what_was_saved_is_removed(folder):
    """A Parquet file that can be read, and is another one."""
    store = open_store(STORE, "SELECT 1")
    store.save_result(Table({"a": [1]}), (1,))
    (path,) = store.folder.glob("*.parquet")
    other = open_store(STORE, "SELECT 2")
    other.save_result(Table({"a": [2]}), (1,))
    (foreign,) = other.folder.glob("*.parquet")
    path.write_bytes(foreign.read_bytes())
    assert store.load_result() == (None, "")
    assert not path.exists()


@pytest.mark.parametrize("value", [1j, {"a": 1}], ids=["complex", "dict"])
def test_result_of_a_kind_that_parquet_does_not_hold(folder, value):
    store = open_store(STORE, "SELECT 1")
    store.save_result(Table({"z": np.array([value])}), (1,))
    assert store.load_result() == (None, "")
    assert sorted(path.name for path in store.folder.iterdir()) == ["used"]


def test_jobs_are_written_down(folder):
    book = open_store(STORE, "SELECT 1").job_book()
    assert book.find("name") is None
    book.keep("name", "http://127.0.0.1:1/tap/async/1")
    again = open_store(STORE, "SELECT 1").job_book()
    assert again.find("name") == "http://127.0.0.1:1/tap/async/1"
    assert again.find("another") is None
    again.drop("name")
    again.drop("name")
    assert book.find("name") is None


def test_cache_stays_in_a_folder_of_its_own(tmp_path, monkeypatch):
    """What else lies in the folder that a user names is never removed."""
    (tmp_path / "precious").write_text("")
    with conf.set_temp("cache_folder", str(tmp_path)):
        store = open_store(STORE, "SELECT 1")
        assert store.folder.is_relative_to(cache_folder())
        clear_cache()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["precious"]
    assert not store.folder.exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    with conf.set_temp("cache_folder", "~/cache"):
        assert cache_folder().is_relative_to(tmp_path / "cache")
