# Licensed under a 3-clause BSD style license - see LICENSE
"""CSCPlane on a running archive: complete results, no ignored filter, astroquery's methods."""

import warnings

import astropy.units as u
import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astroquery.exceptions import InvalidQueryError, NoResultsWarning, RemoteServiceError
from astroquery.heasarc import Heasarc, HeasarcClass
from astroquery.query import BaseQuery, BaseVOQuery

from astroquery_cfx import (
    CSCPlane,
    CSCPlaneClass,
    InvalidInputError,
    ServiceError,
    __version__,
    conf,
)
from astroquery_cfx.archive import Behaviour, EmbeddedArchive
from astroquery_cfx.tap import clear_cache

CENTER = SkyCoord(266.4, -29.0, unit="deg")


@pytest.fixture(scope="module")
def client(small_archive):
    return CSCPlaneClass(vo_url=small_archive.url)


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path):
    with conf.set_temp("cache_folder", str(tmp_path / "cache")):
        yield


@pytest.fixture(scope="module")
def sources(client):
    return client.query_sources(
        columns=["name", "ra", "dec", "lii", "bii", "b_flux_ap"], cache=False
    )


@pytest.fixture
def heasarc(small_archive, monkeypatch):
    """astroquery's own client, on the same archive."""
    plain = Heasarc()
    monkeypatch.setattr(type(plain), "VO_URL", small_archive.url)
    return plain


@pytest.mark.parametrize("kind", [HeasarcClass, BaseQuery, BaseVOQuery])
def test_is_a_client_of_astroquery(kind):
    assert isinstance(CSCPlane, kind)


def test_catalogues_are_described_as_in_astroquery(client, heasarc):
    assert set(client.list_catalogs()["name"]) >= {"csc", "chanmaster"}
    for name in ("csc", "chanmaster"):
        for ours, theirs in (
            (client.list_columns(name), heasarc.list_columns(name)),
            (client.list_columns(name, full=True), heasarc.list_columns(name, full=True)),
        ):
            assert ours["name"].tolist() == theirs["name"].tolist()
        assert client.get_default_radius(name) == heasarc.get_default_radius(name)
        standard = client.query_table(name, get_query_payload=True)
        region = client.query_region(CENTER, 1 * u.deg, catalog=name, get_query_payload=True)
        theirs = heasarc.query_region(
            CENTER, radius=1 * u.deg, catalog=name, get_query_payload=True
        )
        assert select_list(region) == select_list(theirs)
        assert select_list(standard) == select_list(theirs)[:-1]
    with pytest.raises(InvalidInputError, match=r"no default radius for nothing.*radius=0\.1"):
        client.get_default_radius("nothing")


def select_list(adql):
    names = adql.removeprefix("SELECT ").partition(" FROM ")[0]
    return [name.strip().strip('"') for name in names.split(",")]


def test_whole_tables(client, sources):
    observations = client.query_observations()
    assert observations.colnames == ["obsid", "ra", "dec", "exposure", "detector", "time", "name"]
    assert len(observations) == 300
    assert len(sources) == len(set(sources["name"])) == 3000
    assert sources["ra"].unit == u.deg
    assert sources["b_flux_ap"].description
    assert sources["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert "imulated" in sources.meta["simulated"]
    catalogs = [table.meta["catalog"] for table in (observations, sources)]
    assert catalogs == ["chanmaster", "csc"]  # where locate_data looks for their data
    record = sources.meta["completeness"]
    assert record["rows"] == record["rows_before"] == record["rows_after"] == 3000
    assert record["service"].endswith("/tap")


def test_plane_is_cut_from_positions(client, sources):
    plane = client.query_plane(5 * u.deg)
    b = SkyCoord(sources["ra"], sources["dec"], unit="deg").galactic.b.deg
    near = np.abs(b) <= 5
    assert set(plane["name"]) == set(sources["name"][near])
    assert plane.colnames == ["name", "ra", "dec", "b_flux_ap"]
    assert plane.meta["catalog"] == "csc"
    record = plane.meta["completeness"]
    assert record["cut"] == (
        f"abs(b) <= 5.0 deg from ra, dec: {near.sum()} of {record['rows']} rows"
    )
    assert client.query_plane("5d", columns=["name"])["name"].tolist() == plane["name"].tolist()
    assert client.query_plane("5d", columns="DEC,name").colnames == ["DEC", "name"]
    # Neither is the position, whatever it is called.
    payload = client.query_plane("5d", columns="RA AS x, csc.dec", get_query_payload=True)
    assert payload.startswith("SELECT RA AS x, csc.dec, ra FROM csc WHERE")
    assert client.query_plane(5 * u.deg, maxrec=7)["name"].tolist() == plane["name"][:7].tolist()
    assert len(client.query_plane(90 * u.deg)) == len(sources)
    everything = client.query_plane(5 * u.deg, columns="*")
    assert set(everything["name"]) == set(plane["name"])
    assert everything.colnames.count("ra") == 1


def test_plane_has_the_sources_whose_rounded_latitude_lies_outside():
    b = np.array([4.9999, 5.0001, -4.9999, -5.0001, 0.0])
    position = SkyCoord(l=np.arange(5.0), b=b, unit="deg", frame="galactic").icrs
    unknown = [0, 0, 0, 0, 1]
    table = Table(
        {
            "name": ["in", "out", "in, south", "out, south", "no position"],
            "ra": MaskedColumn(position.ra.deg, unit="deg", mask=unknown),
            "dec": MaskedColumn(position.dec.deg, unit="deg", mask=unknown),
            "bii": [5.004, 4.996, -5.004, -4.996, 0.0] * u.deg,
            "b_flux_ap": np.ones(5),
        }
    )
    with EmbeddedArchive({"csc": table}) as archive:
        client = CSCPlaneClass(vo_url=archive.url)
        assert sorted(client.query_plane(5 * u.deg)["name"]) == ["in", "in, south"]
        with pytest.warns(NoResultsWarning) as caught:
            assert len(client.query_plane(0 * u.deg)) == 0
    assert len(caught) == 1


def test_filters(client, sources):
    flux = np.ma.filled(np.ma.asarray(sources["b_flux_ap"]), np.nan)
    limit = float(np.nanmedian(flux))
    bright = client.query_sources(min_flux=limit * u.erg / u.s / u.cm**2)
    assert len(bright) == np.sum(flux >= limit)
    same = client.query_sources(
        column_filters={"b_flux_ap": (">=", np.float64(limit)), "dec": (-90, 90)}
    )
    assert len(same) == len(bright)
    one = client.query_table(
        "csc", columns="name, ra", column_filters={"name": str(sources["name"][7])}
    )
    assert one["name"].tolist() == [sources["name"][7]]
    few = client.query_table(
        "csc", columns=["name"], column_filters={"name": list(sources["name"][:3])}
    )
    assert set(few["name"]) == set(sources["name"][:3])
    unequal = client.query_table(
        "csc", columns="name", column_filters={"name": ("!=", str(sources["name"][7]))}
    )
    assert len(unequal) == len(sources) - 1
    nothing = client.query_sources(column_filters={"b_flux_ap": None})
    assert len(nothing) == np.isnan(flux).sum()


@pytest.mark.parametrize(
    "region",
    [
        {"radius": 2 * u.deg},
        {"radius": "2d"},
        {"spatial": "CONE", "radius": "2d"},
        {"spatial": "box", "width": 2 * u.deg},
        {"spatial": "box", "width": 200 * u.deg},
        {"spatial": "all-sky"},
    ],
)
def test_regions_as_astroquery_writes_them(client, heasarc, region):
    ours = client.query_region(CENTER, catalog="csc", columns="name,ra,dec", **region)
    theirs = heasarc.query_region(CENTER, catalog="csc", columns="name,ra,dec", **region)
    assert len(ours) > 0
    assert sorted(ours["name"]) == sorted(theirs["name"])


def test_cone_is_what_astropy_separates(client, sources):
    near = CENTER.separation(SkyCoord(sources["ra"], sources["dec"], unit="deg")) <= 2 * u.deg
    cone = client.query_region(CENTER.galactic, 2 * u.deg, columns=["name"])
    assert 0 < len(cone) < len(sources)
    assert set(cone["name"]) == set(sources["name"][near])
    assert len(client.query_region(CENTER, 180 * u.deg, columns=["name"])) == len(sources)
    assert cone.meta["catalog"] == "csc"


CORNERS = [(260.0, -35.0), (275.0, -35.0), (275.0, -20.0), (260.0, -20.0)]


@pytest.mark.filterwarnings("ignore:Coordinate string")
@pytest.mark.parametrize(
    "corners",
    [
        CORNERS,
        [[*corner] for corner in CORNERS],
        [SkyCoord(*corner, unit="deg") for corner in CORNERS],
        [f"{ra}d {dec}d" for ra, dec in CORNERS],
        [(ra * u.deg, dec * u.deg) for ra, dec in CORNERS],
        [(f"{ra}d", f"{dec}d") for ra, dec in CORNERS],
    ],
    ids=["degrees", "lists", "SkyCoord", "text", "Quantity", "pairs of text"],
)
def test_polygon_has_great_circles_for_sides(client, sources, corners):
    polygon = client.query_region(spatial="polygon", polygon=corners, columns=["name"])
    ra, dec = np.radians(CORNERS).T
    corner = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]).T
    point = SkyCoord(sources["ra"], sources["dec"], unit="deg").cartesian.xyz.value
    side = np.cross(corner, np.roll(corner, -1, axis=0))  # the pole of each great circle
    inside = (side @ point * (side @ corner.sum(axis=0))[:, None] > 0).all(axis=0)
    assert 0 < len(polygon) < len(sources)
    assert set(polygon["name"]) == set(sources["name"][inside])


def test_region_has_what_locate_data_needs(client):
    near = client.query_region(CENTER, 1 * u.deg, add_offset=True)
    assert "__row" in near.colnames
    separation = CENTER.separation(SkyCoord(near["ra"], near["dec"], unit="deg"))
    assert len(near) > 10
    assert near["search_offset"].unit == u.arcmin
    np.testing.assert_allclose(near["search_offset"].quantity.to_value(u.deg), separation.deg)
    assert "search_offset" not in client.query_region(CENTER, 1 * u.deg).colnames
    with pytest.raises(InvalidInputError, match="add them to columns"):
        client.query_region(CENTER, 1 * u.deg, columns=["name", "ra"], add_offset=True)
    box = client.query_region(CENTER, spatial="box", width=1 * u.deg, add_offset=True)
    assert "search_offset" not in box.colnames


def test_locate_data_finds_the_table_of_the_result(client, monkeypatch):
    asked = []
    monkeypatch.setattr(
        HeasarcClass, "locate_data", lambda self, rows, catalog: asked.append((rows, catalog))
    )
    near = client.query_region(CENTER, 1 * u.deg, catalog="chanmaster")
    elsewhere = CSCPlaneClass(vo_url=client.VO_URL, table_names={"csc": "cfx.csc"})
    for one, rows, options in (
        (client, near, {}),
        (client, near[:1], {"catalog_name": "csc"}),
        (elsewhere, near[:1], {"catalog_name": "csc"}),
    ):
        one.locate_data(rows, **options)
    assert [catalog for _, catalog in asked] == ["chanmaster", "csc", "cfx.csc"]
    assert asked[0][0] is near
    with pytest.raises(InvalidInputError, match="no rows"):
        client.locate_data(None)
    with pytest.raises(InvalidInputError, match="does not name its catalog"):
        client.locate_data(Table({"__row": [1]}))


def test_any_adql(client):
    table = client.query_tap("SELECT detector, COUNT(*) AS n FROM chanmaster GROUP BY detector")
    assert table["n"].sum() == 300
    mine = Table({"label": ["a", "b"], "mra": [266.4, 10.0], "mdec": [-29.0, 0.0]})
    joined = client.query_tap(
        "SELECT u.label, c.name FROM TAP_UPLOAD.mine AS u, csc AS c WHERE 1=CONTAINS("
        "POINT('ICRS', c.ra, c.dec), CIRCLE('ICRS', u.mra, u.mdec, 1.0))",
        uploads={"mine": mine},
    )
    assert len(joined) == len(client.query_region(CENTER, 1 * u.deg))


def test_first_rows(client, sources):
    some = client.query_sources(maxrec=10)
    again = client.query_sources(maxrec=10, cache=False)
    assert len(some) == 10
    assert some["name"].tolist() == again["name"].tolist() == sources["name"][:10].tolist()
    assert some.meta["completeness"]["maxrec"] == 10
    assert not some.meta["completeness"]["complete"]


@pytest.mark.parametrize(
    "query",
    [
        lambda c: c.query_sources(column_filters={"b_flux_ap": (">", 1)}),
        lambda c: c.query_observations(column_filters={"obsid": -1}),
        lambda c: c.query_plane(column_filters={"b_flux_ap": (">", 1)}),
        lambda c: c.query_table("csc", columns=["name"], column_filters={"name": "none"}),
        lambda c: c.query_region(SkyCoord(0, 0, unit="deg"), 1e-6 * u.deg),
        lambda c: c.query_tap("SELECT name FROM csc WHERE b_flux_ap > 1"),
    ],
)
def test_empty_result_warns_once_and_points_at_the_caller(client, query):
    with pytest.warns(NoResultsWarning, match="No matching rows") as caught:
        table = query(client)
    assert len(table) == 0
    assert table.colnames
    assert [warning.filename for warning in caught] == [__file__]


def test_a_result_with_rows_does_not_warn(client):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoResultsWarning)
        assert len(client.query_plane(5 * u.deg, columns=["name"])) > 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda c: c.query_region(CENTER, 0.1), "has no unit"),
        (lambda c: c.query_region(CENTER, -1 * u.deg), "between 0 and 180"),
        (lambda c: c.query_region(CENTER, np.nan * u.deg), "between 0 and 180"),
        (lambda c: c.query_region(CENTER, 1 * u.s), "not an angle"),
        (lambda c: c.query_region(SkyCoord(np.nan, 1, unit="deg"), 1 * u.deg), "NaN"),
        (lambda c: c.query_region(SkyCoord([1, 2], [1, 2], unit="deg"), 1 * u.deg), "2 positions"),
        (lambda c: c.query_region(12, 1 * u.deg), "12 is not a position"),
        (lambda c: c.query_region([1, 2], 1 * u.deg), "not a position"),
        (lambda c: c.query_region(CENTER, 1 * u.deg, spatial="ring"), "cone"),
        (lambda c: c.query_region(CENTER, 1 * u.deg, spatial=3), "'3' is not a kind of region"),
        (lambda c: c.query_region(None, 1 * u.deg), "A cone needs coordinates"),
        (lambda c: c.query_region(CENTER, spatial="box"), "A box needs a width"),
        (lambda c: c.query_region(CENTER, spatial="box", width=361 * u.deg), "between 0 and 360"),
        (lambda c: c.query_region(spatial="polygon"), "three corners"),
        (lambda c: c.query_region(spatial="polygon", polygon="1d 2d"), "three corners"),
        (lambda c: c.query_region(spatial="polygon", polygon=[(1, 2), (3, 4)]), "three corners"),
        (
            lambda c: c.query_region(spatial="polygon", polygon=[(1, 2), (3, 4), (1, 95)]),
            r"\(1, 95\) is not a corner",
        ),
        (
            lambda c: c.query_region(spatial="polygon", polygon=[(1, 2), (3, 4), 5]),
            "5 is not a position",
        ),
        (lambda c: c.query_plane(10), "has no unit"),
        (lambda c: c.query_plane(95 * u.deg), "between 0 and 90"),
        (lambda c: c.query_sources(min_flux=1e-14), "1e-14 is not an energy flux"),
        (lambda c: c.query_sources(min_flux=1 * u.Jy), "not an energy flux"),
        (lambda c: c.query_sources(min_flux=[1, 2] * u.erg / u.s / u.cm**2), "one finite value"),
        (lambda c: c.query_sources(min_flux=np.nan * u.erg / u.s / u.cm**2), "one finite value"),
        (lambda c: c.query_sources(columns=[]), "No columns"),
        (lambda c: c.query_sources(columns=" "), "No columns"),
        (lambda c: c.query_sources(column_filters={"ra": ("~", 3)}), "not understood"),
        (lambda c: c.query_sources(column_filters={"ra": np.nan}), "finite"),
        (lambda c: c.query_sources(column_filters={"ra": 3 * u.deg}), "ra has a unit"),
        (lambda c: c.query_sources(column_filters={"ra": (">", 3 * u.deg)}), "ra has a unit"),
        (lambda c: c.query_sources(column_filters=["ra > 3"]), "give a dict"),
        (lambda c: c.query_sources(maxrec=-1), "maxrec"),
        (lambda c: c.query_plane(maxrec=-1), "maxrec"),
        (lambda c: c.query_table(None), "None is not the name of a catalog"),
        (lambda c: c.query_table(" "), "not the name of a catalog"),
        (lambda c: c.query_region(CENTER, catalog=7), "7 is not the name of a catalog"),
        (lambda c: c.query_tap(""), "empty"),
        (lambda c: c.query_tap("SELECT (name FROM csc"), "parentheses"),
        (lambda c: c.query_tap("DROP TABLE csc"), "not a query"),
    ],
)
def test_wrong_input(client, wrong, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        wrong(client)
    assert isinstance(caught.value, InvalidQueryError)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            lambda c: c.query_sources(columns=["name", "b_flux"]),
            r'column "b_flux" does not exist.*did you mean.*b_flux_ap',
        ),
        (lambda c: c.query_sources(columns=["name", "qqqq"]), r"qqqq.*see list_columns"),
        (lambda c: c.query_table("chanmastr"), "no table chanmastr; did you mean chanmaster"),
        (
            lambda c: c.query_table("qqqqqqqq", columns=["a"]),
            r"there is no table qqqqqqqq; list_catalogs\(\) names them all",
        ),
        (lambda c: c.query_tap("SELECT b_flux FROM csc, chanmaster"), r"b_flux.*does not exist"),
    ],
)
def test_unknown_names(client, query, words):
    with pytest.raises(ServiceError, match=words) as caught:
        query(client)
    assert isinstance(caught.value, RemoteServiceError)
    assert "did you mean name" not in str(caught.value)  # name is there: it is not the culprit


@pytest.mark.filterwarnings("ignore:Coordinate string")
def test_payload_needs_no_service():
    client = CSCPlaneClass(vo_url="http://127.0.0.1:1/none")
    adql = client.query_plane(10 * u.deg, get_query_payload=True)
    assert adql == "SELECT name, ra, dec, b_flux_ap FROM csc WHERE (bii BETWEEN -10.01 AND 10.01)"
    assert (
        client.query_observations(get_query_payload=True)
        == 'SELECT obsid, ra, dec, exposure, detector, "time", name FROM chanmaster'
    )
    quoted = client.query_sources(column_filters={"name": "Barnard's star"}, get_query_payload=True)
    assert quoted.endswith("WHERE (name = 'Barnard''s star')")
    star = client.query_plane(10 * u.deg, columns="*", get_query_payload=True)
    assert star == "SELECT * FROM csc WHERE (bii BETWEEN -10.01 AND 10.01)"
    flux = client.query_sources(
        columns="COUNT(*) AS n, time", min_flux=1e-14 * u.W / u.m**2, get_query_payload=True
    )
    assert flux == 'SELECT COUNT(*) AS n, "time" FROM csc WHERE (b_flux_ap >= 1e-11)'
    region = client.query_region(
        "10d -20d", "36s", catalog="a.b", columns=["x"], get_query_payload=True
    )
    circle = "CIRCLE('ICRS',10.0,-20.0,0.01)"
    assert region == f"SELECT x FROM a.b WHERE (CONTAINS(POINT('ICRS',ra,dec),{circle})=1)"


def test_configuration_is_read_at_the_call(small_archive):
    client = CSCPlaneClass()
    with conf.set_temp("vo_url", small_archive.url + "/"):
        assert len(client.query_observations(columns=["obsid"])) == 300
        assert client.get_default_radius("csc") == 1 * u.arcmin
        assert small_archive.url == client.VO_URL
    assert conf.vo_url == client.VO_URL
    assert CSCPlaneClass(vo_url="https://example.org/vox/").VO_URL == "https://example.org/vox"
    with conf.set_temp("timeout", 7.0):
        assert client.timeout == 7.0
    table = Table({"name": ["a"], "obsid": [1]})
    with EmbeddedArchive({"other": table}) as archive, conf.set_temp("vo_url", archive.url):
        assert client.query_table("other").colnames == ["name", "obsid"]


def test_another_session_is_used_from_the_next_call_on(small_archive):
    client = CSCPlaneClass(vo_url=small_archive.url + "/")
    assert small_archive.url == client.VO_URL
    first = client.tap
    assert client.tap is first
    session = requests.Session()
    sent = []
    session.hooks["response"].append(lambda response, **_: sent.append(response.request.body))
    client._set_session(session)  # HeasarcClass offers no other way
    assert len(client.query_observations(columns=["obsid"], cache=False)) == 300
    assert client.get_default_radius("csc") == 1 * u.arcmin
    for table in ("FROM+chanmaster", "TAP_SCHEMA.columns", "FROM+metainfo"):
        assert any(table in str(body) for body in sent), table


def test_requests_name_the_package(client, small_archive):
    agents = []
    client.tap  # noqa: B018 - makes the service
    hook = lambda response, **_: agents.append(response.request.headers["User-Agent"])  # noqa: E731
    client._session.hooks["response"].append(hook)
    try:
        client.query_observations(columns=["obsid"], maxrec=1, cache=False)
    finally:
        client._session.hooks["response"].remove(hook)
    assert agents
    ours = f"astroquery_cfx/{__version__} pyVO/{pyvo.__version__}"
    assert set(agents) == {f"{ours} python-requests/{requests.__version__}"}


def test_service_with_other_names(sources):
    table = Table(sources[["name", "ra", "dec", "b_flux_ap"]], copy=True)
    with EmbeddedArchive({"csc": table}, behaviour=Behaviour.dachs()) as archive:
        client = CSCPlaneClass(vo_url=archive.url, table_names={"csc": "cfx.csc"})
        assert len(client.query_sources()) == len(table)
        assert len(client.query_table("csc")) == len(table)
        with pytest.raises(InvalidInputError, match="no default radius"):
            client.query_region(CENTER)


def test_clear_cache_removes_what_is_kept_and_nothing_else(client, tmp_path):
    mine = tmp_path / "cache" / "notes.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("not of the package")
    client.query_sources(maxrec=5)
    kept = [path for path in mine.parent.rglob("*") if path.is_file() and path != mine]
    assert any(path.stat().st_size > 0 for path in kept)
    with EmbeddedArchive({"other": Table({"obsid": [1, 2]})}) as archive:
        other = CSCPlaneClass(vo_url=archive.url)
        other.query_table("other", columns=["obsid"])
        of_other = [path for path in mine.parent.rglob("*") if path.is_file()]
        client.clear_cache()
        assert not any(path.exists() for path in kept if path.suffix)
        assert {path for path in of_other if path.exists()} > {mine}
        other.clear_cache()
    clear_cache()
    assert list(mine.parent.rglob("*.*")) == [mine]
