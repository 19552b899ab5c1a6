# Licensed under a 3-clause BSD style license - see LICENSE
"""Sources by position, name, class and column; and what is answered to bad questions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from astroquery.exceptions import NoResultsWarning

from astroquery_cfx import Fermi4FGL, Fermi4FGLClass, InvalidInputError
from astroquery_cfx.fermi import shipped_catalog

SHIPPED = shipped_catalog()


@pytest.fixture(scope="module")
def raw():
    """The shipped sources by astropy's reader."""
    with fits.open(SHIPPED) as hdus:
        return np.array(hdus[1].data)


@pytest.fixture(scope="module")
def dr4(shared_data):
    return shared_data / "fermi" / "gll_psc_v35.fit.gz"


def haversine(ra1, dec1, ra2, dec2):
    """Separation in degrees, by another formula than astropy's."""
    ra1, dec1, ra2, dec2 = map(np.radians, (ra1, dec1, ra2, dec2))
    h = np.sin((dec2 - dec1) / 2) ** 2 + np.cos(dec1) * np.cos(dec2) * np.sin((ra2 - ra1) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(h)))


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(83.6, 22.0, 5), (0.01, 60, 3), (359.99, -70, 4), (10, 89, 6)]
)
def test_region_is_all_within_nearest_first(raw, ra, dec, radius):
    table = Fermi4FGL.query_region(SkyCoord(ra, dec, unit="deg"), radius * u.deg, path=SHIPPED)
    separation = haversine(ra, dec, raw["RAJ2000"].astype(float), raw["DEJ2000"].astype(float))
    expected = raw["Source_Name"][separation <= radius].astype(str)
    assert len(expected) > 3
    assert sorted(table["Source_Name"].tolist()) == sorted(expected.tolist())
    assert np.all(np.diff(table["separation"]) >= 0)
    assert table["separation"].unit == u.deg


def test_region_takes_other_frames_and_text():
    crab = SkyCoord(83.633, 22.014, unit="deg")
    names = Fermi4FGL.query_region(crab, "0.2 deg", path=SHIPPED)["Source_Name"].tolist()
    assert (
        Fermi4FGL.query_region(crab.galactic, 12 * u.arcmin, path=SHIPPED)["Source_Name"].tolist()
        == names
    )
    assert len(names) == 3


def test_an_empty_region_is_an_empty_table_with_a_warning():
    with pytest.warns(NoResultsWarning, match="DR4 has no source within"):
        table = Fermi4FGL.query_region(SkyCoord(0, 0, unit="deg"), 1 * u.arcsec, path=SHIPPED)
    assert len(table) == 0
    assert {"Source_Name", "separation"} <= set(table.colnames)
    assert table["RAJ2000"].unit == u.deg


@pytest.mark.parametrize(
    "radius",
    [
        0.1,
        1,
        np.float64(0.1),
        -1 * u.deg,
        181 * u.deg,
        np.nan * u.deg,
        1 * u.m,
        [1, 2] * u.deg,
        "wide",
        None,
    ],
)
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(InvalidInputError, match=r"give (it a unit, )?e\.g\. 0\.1\*u\.deg"):
        Fermi4FGL.query_region(SkyCoord(0, 0, unit="deg"), radius, path=SHIPPED)


@pytest.mark.parametrize(
    "position", [SkyCoord([1, 2], [3, 4], unit="deg"), SkyCoord(np.nan, 0, unit="deg"), 5, None]
)
def test_a_position_that_is_none_is_refused(position):
    with pytest.raises(InvalidInputError, match="position"):
        Fermi4FGL.query_region(position, 1 * u.deg, path=SHIPPED)


@pytest.mark.parametrize(
    "name",
    [
        "4FGL J1256.1-0547",
        "J1256.1-0547",
        "4fglj1256.1-0547",
        "3C 279",
        "3c279",
        "3EG J1255-0549",
        "3FGL J1256.1-0547",
        "  3C  279 ",
    ],
)
def test_a_source_has_many_names(dr4, name):
    assert Fermi4FGL.query_object(name, path=dr4)["Source_Name"].tolist() == ["4FGL J1256.1-0547"]


def test_all_that_bear_a_name_are_found(dr4):
    found = Fermi4FGL.query_object("crab nebula", path=dr4)["Source_Name"].tolist()
    assert found == ["4FGL J0534.5+2201i", "4FGL J0534.5+2201s"]
    everything = Fermi4FGL.query_object("Crab", path=dr4)  # the name in TeVCat
    assert len(everything) >= 2


def test_the_4fgl_name_finds_the_source_in_fl16y(shared_data):
    path = shared_data / "fermi" / "gll_psc_v41.fit.gz"
    found = Fermi4FGL.query_object("4FGL J1256.1-0547", path=path)
    assert found["ASSOC1"].tolist() == ["3C 279"]
    assert found["Source_Name"][0].startswith("FL16Y J1256.1")
    assert Fermi4FGL.query_object(found["Source_Name"][0][6:], path=path)["ASSOC1"].tolist() == [
        "3C 279"
    ]


def test_a_name_that_nothing_bears_gives_the_nearest():
    with pytest.warns(NoResultsWarning, match=r"no source of the name 'Crab Nebla'; .*Crab Nebula"):
        table = Fermi4FGL.query_object("Crab Nebla", path=SHIPPED)
    assert len(table) == 0
    with pytest.warns(NoResultsWarning, match=r"4FGL J1256\.1-0547"):
        Fermi4FGL.query_object("J1256.2-0547", path=SHIPPED)


def test_an_empty_name_is_refused():
    with pytest.raises(InvalidInputError, match="name is empty"):
        Fermi4FGL.query_object("  ", path=SHIPPED)


def test_classes_are_counted_as_in_the_file(raw):
    codes = np.char.strip(raw["CLASS1"]).astype(str)
    both = Fermi4FGL.query_class("PSR", "msp", path=SHIPPED)
    assert len(both) == np.isin(np.char.lower(codes), ["psr", "msp"]).sum() == 320
    assert (
        len(Fermi4FGL.query_class("psr", identified=True, path=SHIPPED)) == (codes == "PSR").sum()
    )
    assert (
        len(Fermi4FGL.query_class("psr", identified=False, path=SHIPPED)) == (codes == "psr").sum()
    )
    assert len(Fermi4FGL.query_class("", path=SHIPPED)) == (codes == "").sum() == 2423


def test_a_class_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match=r"no class 'pulsar'.*psr"):
        Fermi4FGL.query_class("pulsar", path=SHIPPED)
    with pytest.raises(InvalidInputError, match="No class"):
        Fermi4FGL.query_class(path=SHIPPED)


def test_a_known_class_without_sources_is_an_empty_table():
    with pytest.warns(NoResultsWarning, match="of class 'css'"):
        table = Fermi4FGL.query_class("css", identified=True, path=SHIPPED)
    assert len(table) == 0


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"Signif_Avg": (">", 100)}, lambda t: t["Signif_Avg"] > 100),
        ({"GLAT": (-10, 10)}, lambda t: np.abs(t["GLAT"]) <= 10),
        ({"GLAT": (-600 * u.arcmin, 10 * u.deg)}, lambda t: np.abs(t["GLAT"]) <= 10),
        ({"CLASS1": ["PSR", "MSP"]}, lambda t: np.isin(t["CLASS1"], [b"PSR", b"MSP"])),
        (
            {"CLASS1": ("!=", "bll"), "DataRelease": 4},
            lambda t: (
                (np.char.strip(t["CLASS1"]) != b"")
                & (np.char.strip(t["CLASS1"]) != b"bll")
                & (t["DataRelease"] == 4)
            ),
        ),
        ({"Conf_95_SemiMajor": None}, lambda t: np.isnan(t["Conf_95_SemiMajor"])),
        (
            {"Energy_Flux100": (">=", 1e-10 * u.erg / u.s / u.cm**2)},
            lambda t: t["Energy_Flux100"] >= 1e-10,
        ),
    ],
)
def test_column_filters(raw, filters, expected):
    table = Fermi4FGL.get_catalog(path=SHIPPED, column_filters=filters, columns=["Source_Name"])
    names = raw["Source_Name"][expected(raw)].astype(str)
    assert 0 < len(names) < 7195
    assert table["Source_Name"].tolist() == [name.strip() for name in names]


@pytest.mark.parametrize(
    "filters",
    [
        {"GLAT": ("about", 3)},
        {"GLAT": "north"},
        {"CLASS1": 3},
        {"b": 3},
        {"GLAT": (1, 2, 3)},
        {"GLAT": (">", 3 * u.kg)},
        ["GLAT"],
    ],
)
def test_a_filter_that_is_none_is_refused(filters):
    with pytest.raises(InvalidInputError):
        Fermi4FGL.get_catalog(path=SHIPPED, column_filters=filters)


def test_filters_narrow_other_queries():
    galactic = Fermi4FGL.query_class("psr", path=SHIPPED, column_filters={"GLAT": (-2, 2)})
    assert 0 < len(galactic) < len(Fermi4FGL.query_class("psr", path=SHIPPED))
    with pytest.warns(NoResultsWarning):
        assert (
            len(Fermi4FGL.query_object("3C 279", path=SHIPPED, column_filters={"GLAT": (-2, 2)}))
            == 0
        )


def test_quantities_and_positions_on_request():
    table = Fermi4FGL.get_catalog(
        path=SHIPPED, quantities=True, columns=["Source_Name", "Conf_95_SemiMajor"]
    )
    assert isinstance(table, QTable)
    assert isinstance(table["position"], SkyCoord)
    assert float(table["Conf_95_SemiMajor"][0].to_value(u.arcmin)) == pytest.approx(3.15, abs=0.01)
    assert table["Conf_95_SemiMajor"].mask.sum() == 90
    assert table.meta["release"] == "DR4"


def test_extended_sources_have_the_region_of_their_template():
    table = Fermi4FGL.get_catalog(path=SHIPPED)
    extended = Fermi4FGL.get_extension("extendedsources", path=SHIPPED)
    templates = table["Region_Kind"] == "template"
    assert templates.sum() == 82
    assert (
        table["Region_SemiMajor"].mask.sum() == 8
    )  # novae, the Crab, two pulsars, one without a name
    for row in table[np.asarray(templates)]:
        template = extended[extended["Source_Name"] == row["Extended_Source_Name"]][0]
        for axis in ("SemiMajor", "SemiMinor", "PosAng"):
            assert row[f"Region_{axis}"] == template[f"Model_{axis}"]
    points = table[np.asarray(table["Region_Kind"].filled("") == "ellipse")]
    assert np.array_equal(points["Region_SemiMajor"], points["Conf_95_SemiMajor"])
    assert table["Region_SemiMajor"].unit == u.deg
    some = Fermi4FGL.get_catalog(path=SHIPPED, columns=["Region_Kind", "GLON", "Region_PosAng"])
    assert some.colnames == ["Region_Kind", "GLON", "Region_PosAng"]


def test_extended_sources_join_the_cross_match(raw):
    from astropy.table import Table

    from astroquery_cfx import crossmatch_tables

    table = Fermi4FGL.get_catalog(path=SHIPPED)
    # an X-ray source 0.5 deg from the middle of the Cygnus Loop, whose template has 1.65 deg
    loop = table[int(np.flatnonzero(raw["Extended_Source_Name"] == b"Cygnus Loop")[0])]
    chandra = Table(
        {"name": ["x"], "ra": [loop["RAJ2000"]] * u.deg, "dec": [loop["DEJ2000"] + 0.5] * u.deg}
    )
    pairs = crossmatch_tables(
        chandra, table, "Region_SemiMajor", right_coordinates=("RAJ2000", "DEJ2000")
    )
    assert loop["Source_Name"] in pairs["Source_Name"].tolist()
    without = crossmatch_tables(
        chandra, table, "Conf_95_SemiMajor", right_coordinates=("RAJ2000", "DEJ2000")
    )
    assert len(without) == 0


def test_releases_are_listed():
    table = Fermi4FGL.list_releases()
    assert table["release"].tolist() == ["DR1", "DR2", "DR3", "DR4", "FL16Y"]
    assert table["rows"].tolist() == [None, 5788, None, 7195, 7224]
    assert table["size"].unit == u.byte
    assert all(len(text) == 64 for text in table["sha256"].compressed())


@pytest.mark.parametrize("release", ["DR5", "", "4", None, 4])
def test_an_unknown_release_lists_the_known_ones(release):
    with pytest.raises(InvalidInputError, match="DR1, DR2, DR3, DR4, FL16Y"):
        Fermi4FGL.get_catalog(release)


def test_it_is_a_class_of_astroquery():
    from astroquery.query import BaseQuery

    assert issubclass(Fermi4FGLClass, BaseQuery)
    assert isinstance(Fermi4FGL(), Fermi4FGLClass)
    assert "astroquery" in Fermi4FGL._session.headers["User-Agent"]
