# Licensed under a 3-clause BSD style license - see LICENSE
"""CSCPlane against a running archive: complete, nothing dropped in silence, astroquery's methods kept."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery.exceptions import InvalidQueryError, NoResultsWarning, RemoteServiceError
from astroquery.heasarc import Heasarc, HeasarcClass
from astroquery.query import BaseQuery, BaseVOQuery

from astroquery_cfx import CSCPlane, CSCPlaneClass, InvalidInputError, ServiceError, conf
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


def test_is_astroquery(client):
    assert isinstance(CSCPlane, HeasarcClass | BaseQuery | BaseVOQuery)
    assert set(client.list_catalogs()["name"]) >= {"csc", "chanmaster"}
    assert "b_flux_ap" in client.list_columns("csc")["name"]
    assert client.get_default_radius("csc").unit == u.arcmin


def test_whole_tables(client, sources):
    observations = client.query_observations()
    assert observations.colnames == ["obsid", "ra", "dec", "exposure", "detector", "time", "name"]
    assert len(observations) == 300
    assert len(sources) == len(set(sources["name"])) == 3000
    assert sources["ra"].unit == u.deg
    assert sources["b_flux_ap"].description
    assert sources["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert "imulated" in sources.meta["simulated"]
    record = sources.meta["completeness"]
    assert record["rows"] == record["rows_before"] == record["rows_after"] == 3000
    assert record["service"].endswith("/tap")


def test_plane_is_cut_from_positions(client, sources):
    plane = client.query_plane(5 * u.deg)
    b = SkyCoord(sources["ra"], sources["dec"], unit="deg").galactic.b.deg
    assert set(plane["name"]) == set(sources["name"][np.abs(b) <= 5])
    assert plane.colnames == ["name", "ra", "dec", "b_flux_ap"]
    assert client.query_plane("5d", columns=["name"]).colnames == ["name"]
    assert len(client.query_plane(90 * u.deg)) == len(sources)


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
        {"spatial": "box", "width": 2 * u.deg},
        {
            "spatial": "polygon",
            "polygon": [(260.0, -35.0), (275.0, -35.0), (275.0, -20.0), (260.0, -20.0)],
        },
        {"spatial": "all-sky"},
    ],
)
def test_regions_as_astroquery_writes_them(client, small_archive, region, monkeypatch):
    plain = Heasarc()
    monkeypatch.setattr(type(plain), "VO_URL", small_archive.url)
    theirs = (
        plain.query_region(CENTER, catalog="csc", columns="name,ra,dec", **region)
        if region.get("spatial") != "polygon"
        else None
    )
    ours = client.query_region(CENTER, catalog="csc", columns="name,ra,dec", **region)
    if theirs is None:
        inside = client.query_table(
            "csc", columns=["name"], column_filters={"ra": (260, 275), "dec": (-36, -19)}
        )
        assert 0 < len(ours) <= len(inside)
    else:
        assert sorted(ours["name"]) == sorted(theirs["name"])


def test_region_has_what_locate_data_needs(client):
    near = client.query_region(CENTER, 1 * u.deg, add_offset=True)
    assert "__row" in near.colnames
    separation = CENTER.separation(SkyCoord(near["ra"], near["dec"], unit="deg"))
    np.testing.assert_allclose(near["search_offset"].quantity.to_value(u.deg), separation.deg)
    with pytest.raises(InvalidInputError):
        client.locate_data(None)


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


def test_empty_result(client):
    with pytest.warns(NoResultsWarning):
        table = client.query_sources(column_filters={"b_flux_ap": (">", 1)})
    assert table.colnames == ["name", "ra", "dec", "b_flux_ap"]
    assert len(table) == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda c: c.query_region(CENTER, 0.1), "give it a unit"),
        (lambda c: c.query_region(CENTER, -1 * u.deg), "between 0 and 180"),
        (lambda c: c.query_region(CENTER, np.nan * u.deg), "between 0 and 180"),
        (lambda c: c.query_region(CENTER, 1 * u.s), "no angle"),
        (lambda c: c.query_region(SkyCoord(np.nan, 1, unit="deg"), 1 * u.deg), "NaN"),
        (lambda c: c.query_region(SkyCoord([1, 2], [1, 2], unit="deg"), 1 * u.deg), "2 positions"),
        (lambda c: c.query_region(12, 1 * u.deg), "no position"),
        (lambda c: c.query_region(CENTER, 1 * u.deg, spatial="ring"), "cone"),
        (lambda c: c.query_region(None, 1 * u.deg), "coordinates"),
        (lambda c: c.query_region(spatial="polygon", polygon=[(1, 2)]), "three corners"),
        (lambda c: c.query_plane(10), "give it a unit"),
        (lambda c: c.query_plane(95 * u.deg), "between 0 and 90"),
        (lambda c: c.query_sources(min_flux=1e-14), "has no unit"),
        (lambda c: c.query_sources(min_flux=1 * u.Jy), "no energy flux"),
        (lambda c: c.query_sources(columns=[]), "empty"),
        (lambda c: c.query_sources(column_filters={"ra": ("~", 3)}), "not understood"),
        (lambda c: c.query_sources(column_filters={"ra": np.nan}), "finite"),
        (lambda c: c.query_sources(column_filters={"ra": 3 * u.deg}), "unit"),
        (lambda c: c.query_sources(column_filters=["ra > 3"]), "give a dict"),
        (lambda c: c.query_sources(maxrec=-1), "maxrec"),
        (lambda c: c.query_table(None), "no name of a catalog"),
        (lambda c: c.query_tap(""), "empty"),
        (lambda c: c.query_tap("SELECT (name FROM csc"), "parentheses"),
        (lambda c: c.query_tap("DROP TABLE csc"), "not a query"),
    ],
)
def test_wrong_input(client, wrong, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        wrong(client)
    assert isinstance(caught.value, InvalidQueryError)


def test_unknown_names(client):
    with pytest.raises(
        ServiceError, match=r'column "b_flux" does not exist.*did you mean.*b_flux_ap'
    ) as caught:
        client.query_sources(columns=["name", "b_flux"])
    assert isinstance(caught.value, RemoteServiceError)
    with pytest.raises(ServiceError, match=r"chanmastr.*chanmaster"):
        client.query_table("chanmastr")


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


def test_configuration_is_read_at_the_call(small_archive):
    client = CSCPlaneClass()
    with conf.set_temp("vo_url", small_archive.url):
        assert len(client.query_observations(columns=["obsid"])) == 300
    assert conf.vo_url == client.VO_URL


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
    assert list(mine.parent.rglob("*.parquet")) or len(list(mine.parent.rglob("*"))) > 3
    client.clear_cache()
    clear_cache()
    assert list(mine.parent.rglob("*.*")) == [mine]
