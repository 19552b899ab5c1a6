# Licensed under a 3-clause BSD style license - see LICENSE
"""The service over HTTP, as its users see it: pyvo, astroquery.heasarc, stilts, plain HTTP."""

import gc
import gzip
import http.client
import io
import shutil
import socket
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import astropy.units as u
import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.io import votable
from astropy.table import Table
from astroquery.heasarc import HeasarcClass

from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.errors import InvalidInputError, MissingDependencyError, OutputError

# pyvo and astroquery leave responses to the garbage collector to close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
STILTS = pytest.mark.skipif(shutil.which("stilts") is None, reason="stilts is not installed")


@pytest.fixture
def tap(kind_archive):
    with requests.Session() as session:
        yield pyvo.dal.TAPService(kind_archive.url + "/tap", session=session)
    gc.collect()


# -- pyvo


def test_pyvo_reads_capabilities_and_tables(tap, every_kind):
    assert tap.maxrec == 100_000
    assert tap.hardlimit is None
    table = tap.tables["csc"]
    assert [column.name for column in table.columns] == every_kind.colnames[:-1]
    assert table.columns[1].unit == "deg"
    assert every_kind.meta["simulated"] in table.description
    assert "TAP_SCHEMA.columns" in tap.tables


def test_pyvo_sync(tap):
    assert len(tap.search("SELECT TOP 12 name FROM csc")) == 12
    with warnings.catch_warnings():  # some versions of pyvo warn about it
        warnings.simplefilter("ignore", pyvo.dal.exceptions.DALOverflowWarning)
        cut = tap.search("SELECT name FROM csc", maxrec=5)
    assert len(cut) == 5
    assert [info.value for info in cut.votable.resources[0].infos][-1] == "OVERFLOW"
    with pytest.raises(pyvo.dal.DALQueryError, match='column "nothing" does not exist'):
        tap.search("SELECT nothing FROM csc")


def test_pyvo_async(tap):
    job = tap.submit_job("SELECT TOP 12 name, ra FROM csc")
    assert job.phase == "PENDING"
    job.execution_duration = 100
    assert int(float(str(job.execution_duration))) == 100
    job.run().wait(phases=["COMPLETED"], timeout=20)
    assert len(job.fetch_result()) == 12
    job.delete()
    with pytest.raises(pyvo.dal.DALServiceError):
        job.phase  # noqa: B018
    with pytest.raises(pyvo.dal.DALQueryError, match="nothing"):
        tap.run_async("SELECT nothing FROM csc")


@pytest.mark.parametrize("serialization", ["tabledata", "binary", "binary2"])
def test_pyvo_uploads(tap, every_kind, serialization):
    mine = Table(
        {
            "id": np.arange(3, dtype=np.int32),
            "label": ["a", "bb", "ccc"],
            "ra": every_kind["ra"][:3],
        }
    )
    buffer = io.BytesIO()
    votable.writeto(votable.from_table(mine), buffer, tabledata_format=serialization)
    buffer.seek(0)
    found = tap.run_sync(
        "SELECT u.label, u.ra, c.name FROM TAP_UPLOAD.mine AS u JOIN csc AS c ON u.id = c.count "
        "ORDER BY u.id",
        uploads={"mine": buffer},
    ).to_table()
    assert list(found["u_label"]) == ["a", "bb", "ccc"]
    assert list(found["c_name"]) == list(every_kind["name"][:3])
    np.testing.assert_array_equal(found["u_ra"], mine["ra"])


@pytest.mark.parametrize(
    "boundary", ["plain", '"<<<------MULTIPART-BOUNDARY------>>>"', '"with blank:and?marks"']
)
def test_forms_of_any_boundary(kind_archive, boundary):
    """STILTS puts its boundary in angle brackets, which RFC 2046 does not forbid in quotes."""
    given, query = boundary.strip('"'), "SELECT TOP 3 name FROM csc"
    fields = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query, "FORMAT": "csv"}
    body = "".join(
        f'--{given}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    form = f"{body}--{given}--\r\n"
    answer = requests.post(kind_archive.url + "/tap/sync", form, headers=kind, timeout=10)
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 4


def test_uploads_to_jobs(tap):
    mine = Table({"id": [1, 2]})
    assert len(tap.run_async("SELECT * FROM TAP_UPLOAD.mine", uploads={"mine": mine})) == 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Table({"id": np.zeros(50_001, dtype=np.int16)}), "at most 50000"),
        (Table({"a-b": [1]}), "syntax error"),
    ],
)
def test_uploads_that_are_refused(tap, table, words):
    with pytest.raises(pyvo.dal.DALQueryError, match=words):
        tap.run_sync("SELECT COUNT(*) FROM TAP_UPLOAD.mine", uploads={"mine": table})


# -- astroquery.heasarc


@pytest.fixture
def heasarc(kind_archive):
    client = HeasarcClass()
    client.VO_URL = kind_archive.url
    yield client
    client._session.close()
    gc.collect()


def test_heasarc_lists(heasarc):
    assert {"csc", "fields"} <= set(heasarc.list_catalogs()["name"])
    assert not any("TAP" in name for name in heasarc.list_catalogs()["name"])
    assert list(heasarc.list_columns("csc")["name"]) == [
        "name",
        "ra",
        "dec",
        "b_flux_ap",
        "b_flux_ap_lo",
    ]
    assert len(heasarc.list_columns("csc", full=True)) == 12
    assert heasarc.get_default_radius("csc") == 1 * u.arcmin


def test_heasarc_regions(heasarc, every_kind):
    centre, sky = SkyCoord(40, 20, unit="deg"), SkyCoord(every_kind["ra"], every_kind["dec"])
    cone = heasarc.query_region(centre, catalog="csc", radius=15 * u.deg, add_offset=True)
    assert sorted(cone["name"]) == sorted(every_kind["name"][sky.separation(centre) < 15 * u.deg])
    assert np.max(cone["search_offset"]) < 15
    assert "__row" in cone.colnames
    corners = [(30, 10), (50, 10), (50, 30), (30, 30)]
    polygon = heasarc.query_region(
        catalog="csc",
        spatial="polygon",
        polygon=[SkyCoord(*corner, unit="deg") for corner in corners],
    )
    box = heasarc.query_region(centre, catalog="csc", spatial="box", width=20 * u.deg)
    assert 0 < len(box) < len(cone)
    assert 0 < len(polygon) < len(cone)
    assert len(heasarc.query_region(catalog="csc", spatial="all-sky", columns="*")) == 5000


@pytest.mark.slow
def test_plain_heasarc_shows_the_fault():
    with EmbeddedArchive() as archive:
        client = HeasarcClass()
        client.VO_URL = archive.url
        first, second = (
            client.query_region(catalog="csc", spatial="all-sky", columns="name") for _ in range(2)
        )
        assert len(first) == len(second) == 100_000
        assert set(first["name"]) != set(second["name"])
        full = client.query_tap("SELECT TOP 9999999 name FROM csc").to_table()
        assert len(set(full["name"])) == 407_806
        assert client.query_tap("SELECT COUNT(*) FROM fermilpsc").to_table()["count"][0] == 7195


# -- stilts


def run_stilts(*words):
    return subprocess.run(
        ["stilts", *words], capture_output=True, text=True, timeout=120, check=False
    )


@STILTS
@pytest.mark.parametrize("sync", ["true", "false"])
def test_stilts_tapquery(kind_archive, sync, tmp_path):
    done = run_stilts(
        "tapquery",
        f"tapurl={kind_archive.url}/tap",
        f"sync={sync}",
        *(["poll=200"] if sync == "false" else []),
        "adql=SELECT TOP 77 name, ra FROM csc WHERE dec > 0",
        f"out={tmp_path / 'out.fits'}",
    )
    assert done.returncode == 0, done.stderr
    assert len(Table.read(tmp_path / "out.fits")) == 77


@STILTS
@pytest.mark.slow
def test_stilts_taplint(small_archive):
    done = run_stilts("taplint", f"tapurl={small_archive.url}/tap", "report=E")
    complaints = [line for line in done.stdout.splitlines() if line.startswith("E-")]
    # HEASARC's own column names, and uploads by URL, which a service on loopback has no use for
    allowed = ("reserved word 'time'", "reserved word 'pi'", "reserved word 'value'", "upload-http")
    assert "Totals" in done.stdout
    assert [line for line in complaints if not any(words in line for words in allowed)] == []


# -- HTTP


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"REQUEST": "doQuery", "LANG": "ADQL"}, 400, "QUERY is missing"),
        ({"QUERY": "SELECT 1 AS a", "FORMAT": "docx"}, 400, "format docx is not supported"),
        ({"QUERY": "SELECT 1 AS a", "MAXREC": "-1"}, 400, "MAXREC -1"),
        ({"QUERY": "SELECT 1 AS a", "MAXREC": "many"}, 400, "MAXREC many"),
        ({"QUERY": "SELECT 1 AS a", "LANG": "SQL"}, 400, "LANG SQL"),
        (
            {"QUERY": "SELECT 1 AS a", "UPLOAD": "x,http://example.org/x"},
            400,
            "part of the request",
        ),
        ({"query": "SELECT 1 AS a", "lang": "adql"}, 200, 'value="OK"'),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters(kind_archive, method, parameters, status, words):
    where = {"params": parameters} if method == "GET" else {"data": parameters}
    answer = requests.request(method, kind_archive.url + "/tap/sync", timeout=10, **where)
    assert answer.status_code == status
    assert words in answer.text


def test_unknown_paths(kind_archive):
    for path in ("/tap/nothing", "/tap/sync/more", "/tap/async/7", "/../..", "/tap/_sync"):
        assert requests.get(kind_archive.url + path, timeout=10).status_code == 404


def test_one_connection_serves_many_requests(kind_archive):
    split = urlsplit(kind_archive.url)
    connection = http.client.HTTPConnection(split.hostname, split.port, timeout=10)
    connection.connect()
    opened = connection.sock
    for method, path in (
        ("GET", "availability"),
        ("HEAD", "availability"),
        ("GET", "nothing"),
        ("GET", "sync?QUERY=SELECT+TOP+9999+*+FROM+csc"),
        ("GET", "capabilities"),
    ):
        connection.request(method, f"{split.path}/tap/{path}")
        connection.getresponse().read()
    assert connection.sock is opened
    connection.close()


def test_http_1_0_gets_the_same_body(kind_archive):
    split = urlsplit(kind_archive.url)
    path = f"{split.path}/tap/sync?QUERY=SELECT+TOP+9999+*+FROM+csc+ORDER+BY+name"
    with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    body = b"".join(pieces).partition(b"\r\n\r\n")[2]
    assert body == requests.get(f"http://{split.netloc}{path}", timeout=10).content
    assert len(body) > 300_000


@pytest.mark.parametrize("query", ["SELECT TOP 3 name FROM cfx.csc", "SELECT * FROM cfx.csc"])
def test_gzip_only_if_asked_for(every_kind, query):
    with EmbeddedArchive({"csc": every_kind}, behaviour=Behaviour.dachs()) as archive:
        plain, packed = (
            requests.get(
                archive.url + "/tap/sync",
                params={"QUERY": query},
                stream=True,
                timeout=10,
                headers={"Accept-Encoding": encoding},
            )
            for encoding in ("identity", "gzip")
        )
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content


def test_many_clients_at_a_time(tap):
    def count(number):
        return int(tap.search(f"SELECT COUNT(*) AS n FROM csc WHERE count <= {number}")["n"][0])

    with ThreadPoolExecutor(12) as pool:
        counts = list(pool.map(count, range(100)))
    assert counts == [sum(k % 7 != 3 for k in range(number + 1)) for number in range(100)]


# -- the archive


def test_start_and_stop(fields):
    archive = EmbeddedArchive({"fields": fields})
    with pytest.raises(InvalidInputError, match="not running"):
        archive.url  # noqa: B018
    for _ in range(2):
        with archive:
            url = archive.url
            assert archive.start() is archive
            with pytest.raises(OutputError, match=r"cannot listen on port \d+: .*Remedy"):
                EmbeddedArchive({"fields": fields}, port=urlsplit(url).port).start()
            with requests.Session() as session:  # a connection that stays open keeps nothing alive
                assert session.get(url + "/tap/availability", timeout=10).status_code == 200
                archive.stop()
        archive.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(url + "/tap/availability", timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of sockets")
def test_it_listens_on_loopback_only(kind_archive):
    split = urlsplit(kind_archive.url)
    assert split.hostname == "127.0.0.1"
    sockets = [
        line.split()
        for version in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{version}").read_text().splitlines()[1:]
    ]
    listening = [local for _, local, _, state, *_ in sockets if state == "0A"]
    port = f"{split.port:04X}"
    assert [local for local in listening if local.endswith(":" + port)] == [f"0100007F:{port}"]


@pytest.mark.parametrize("name", ["a b", "", "TAP_SCHEMA.x", "metainfo", "a;b", "__x", 5])
def test_invalid_names_of_tables(name):
    with pytest.raises(InvalidInputError, match="not a valid name for a table"):
        EmbeddedArchive({name: Table({"a": [1]})})


@pytest.mark.parametrize("port", [-1, 70_000, "x"])
def test_invalid_ports(port):
    with pytest.raises(InvalidInputError, match="is not a port"):
        EmbeddedArchive({}, port=port)


def test_something_that_is_not_a_table():
    archive = EmbeddedArchive({"a": [1, 2]})
    with pytest.raises(InvalidInputError, match="A table was expected, or a path"):
        archive.start()


@pytest.mark.parametrize("missing", ["duckdb", "sqlglot"])
def test_missing_engine_is_named(monkeypatch, missing):
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(
        MissingDependencyError, match=rf'{missing}.*pip install "astroquery_cfx\[archive\]"'
    ):
        EmbeddedArchive({})


@pytest.mark.parametrize("ending", ["fits", "ecsv", "csv", "vot", "parquet"])
def test_tables_from_files(tmp_path, fields, ending):
    from astroquery_cfx.files import write_table

    fields = fields.copy()
    fields["ra"].unit = "deg"
    write_table(fields, tmp_path / f"fields.{ending}")
    with EmbeddedArchive({"Fields": tmp_path / f"fields.{ending}"}) as archive:
        found = (
            pyvo.dal.TAPService(archive.url + "/tap")
            .search("SELECT * FROM fields ORDER BY __row")
            .to_table()
        )
    for name in fields.colnames:
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(fields[name]))
    assert found["ra"].unit == ("deg" if ending != "csv" else None)


def test_responses_can_be_intercepted(fields):
    seen = []

    def spoil(request, response):
        seen.append(request.parameters.get("QUERY"))
        response.pieces = [b"<html>The service is down.</html>"]
        response.content_type = "text/html"
        return response

    with EmbeddedArchive({"fields": fields}, intercept=spoil) as archive:
        answer = requests.get(
            archive.url + "/tap/sync", params={"QUERY": "SELECT 1 AS a"}, timeout=10
        )
    assert answer.text == "<html>The service is down.</html>"
    assert seen == [["SELECT 1 AS a"]]


def test_fermilpsc_is_the_real_catalogue(small_archive):
    tap = pyvo.dal.TAPService(small_archive.url + "/tap")
    crab = tap.search(
        "SELECT * FROM fermilpsc WHERE assoc_name LIKE 'PSR J0534+2200' "
        "OR name LIKE '4FGL J0534.5+220%'"
    )
    assert len(crab) >= 3
    assert all(abs(row["ra"] - 83.63) < 0.05 for row in crab)
    assert tap.tables["fermilpsc"].columns[8].unit == "deg"
    assert "imulated" not in tap.tables["fermilpsc"].description
