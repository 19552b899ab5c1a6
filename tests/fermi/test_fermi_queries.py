# Licensed under a 3-clause BSD style license - see LICENSE
"""Sources by position, name, class and column; and the errors for invalid questions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from astroquery.exceptions import InputWarning, NoResultsWarning

from astroquery_cfx import Fermi4FGL, Fermi4FGLClass, InvalidInputError
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.releases import find_release, find_version

SHIPPED = shipped_catalog()


@pytest.fixture(scope="module")
def raw():
    """The shipped sources by astropy's reader."""
    with fits.open(SHIPPED) as hdus:
        return np.array(hdus[1].data)


def haversine(ra1, dec1, ra2, dec2):
    """Separation in degrees, by another formula than astropy's."""
    ra1, dec1, ra2, dec2 = map(np.radians, (ra1, dec1, ra2, dec2))
    h = np.sin((dec2 - dec1) / 2) ** 2 + np.cos(dec1) * np.cos(dec2) * np.sin((ra2 - ra1) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(h)))


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(83.6, 22.0, 5), (0.01, 60, 3), (359.99, -70, 4), (10, 89, 6)]
)
def test_a_region_has_all_sources_within_nearest_first(raw, ra, dec, radius):
    table = Fermi4FGL.query_region(SkyCoord(ra, dec, unit="deg"), radius * u.deg, path=SHIPPED)
    separation = haversine(ra, dec, raw["RAJ2000"].astype(float), raw["DEJ2000"].astype(float))
    expected = raw["Source_Name"][separation <= radius].astype(str)
    assert len(expected) > 3
    assert sorted(table["Source_Name"].tolist()) == sorted(expected.tolist())
    assert np.all(np.diff(table["separation"]) >= 0)
    assert table["separation"].unit == u.deg
    distances = dict(zip(raw["Source_Name"].astype(str), separation, strict=True))
    expected = [distances[name] for name in table["Source_Name"]]
    assert table["separation"].tolist() == pytest.approx(expected, abs=1e-9)


def test_a_region_may_be_in_another_frame_or_a_text():
    crab = SkyCoord(83.633, 22.014, unit="deg")
    names = Fermi4FGL.query_region(crab, "0.2 deg", path=SHIPPED)["Source_Name"].tolist()
    assert (
        Fermi4FGL.query_region(crab.galactic, 12 * u.arcmin, path=SHIPPED)["Source_Name"].tolist()
        == names
    )
    assert len(names) == 3
    with pytest.warns(InputWarning, match="interpreted as an ICRS coordinate"):
        text = Fermi4FGL.query_region("05h34m31.92s +22d00m50.4s", "0.2 deg", path=SHIPPED)
    assert text["Source_Name"].tolist() == names


def test_the_radius_reaches_from_0_to_180_deg(raw):
    whole = Fermi4FGL.query_region(SkyCoord(0, 0, unit="deg"), 180 * u.deg, path=SHIPPED)
    assert len(whole) == 7195
    first = SkyCoord(float(raw["RAJ2000"][0]), float(raw["DEJ2000"][0]), unit="deg")
    own = Fermi4FGL.query_region(first, 0 * u.deg, path=SHIPPED)
    assert own["Source_Name"].tolist() == [raw["Source_Name"][0].decode()]
    assert own["separation"].tolist() == [0]


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
def test_an_invalid_radius_is_refused(radius):
    with pytest.raises(InvalidInputError, match=r"The radius .*Remedy: give "):
        Fermi4FGL.query_region(SkyCoord(0, 0, unit="deg"), radius, path=SHIPPED)


@pytest.mark.parametrize(
    "position",
    [
        SkyCoord([1, 2], [3, 4], unit="deg"),
        SkyCoord(np.nan, 0, unit="deg"),
        SkyCoord(0, np.nan, unit="deg"),
        "05h34m",
        5,
        None,
    ],
)
def test_an_invalid_position_is_refused(position):
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


def test_all_sources_of_a_name_are_found(dr4):
    found = Fermi4FGL.query_object("crab nebula", path=dr4)["Source_Name"].tolist()
    assert found == ["4FGL J0534.5+2201i", "4FGL J0534.5+2201s"]
    everything = Fermi4FGL.query_object("Crab", path=dr4)  # the name in TeVCat
    assert everything["Source_Name"].tolist() == found


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("ASSOC2", None),
        ("ASSOC_TEV", None),
        ("ASSOC_4FGL", None),
        ("ASSOC_FGL", None),
        ("ASSOC_FHL", None),
        ("ASSOC_GAM1", None),
        ("ASSOC_GAM2", None),
        ("ASSOC_GAM3", None),
        ("Extended_Source_Name", "Cygnus Loop"),
    ],
)
def test_names_of_each_column_are_found(dr4, column, name):
    with fits.open(dr4) as hdus:
        entries = np.char.strip(hdus[1].data[column])
        own = np.char.strip(hdus[1].data["Source_Name"])
    name = name or entries[entries != ""][0]
    assert name in entries
    found = Fermi4FGL.query_object(name, path=dr4)["Source_Name"]
    assert set(own[entries == name]) <= set(found)


def test_the_4fgl_name_finds_the_source_in_fl16y(shared_data):
    path = shared_data / "fermi" / "gll_psc_v41.fit.gz"
    found = Fermi4FGL.query_object("4FGL J1256.1-0547", path=path)
    assert found["ASSOC1"].tolist() == ["3C 279"]
    assert found["Source_Name"][0].startswith("FL16Y J1256.1")
    assert Fermi4FGL.query_object(found["Source_Name"][0][6:], path=path)["ASSOC1"].tolist() == [
        "3C 279"
    ]


def test_an_unknown_name_gives_the_nearest():
    with pytest.warns(NoResultsWarning, match=r"no source of the name 'Crab Nebla'; .*Crab Nebula"):
        table = Fermi4FGL.query_object("Crab Nebla", path=SHIPPED)
    assert len(table) == 0
    with pytest.warns(NoResultsWarning, match=r"nearest names are (4FGL J[\d.+-]+(, )?){3}$"):
        Fermi4FGL.query_object("J1256.2-0547", path=SHIPPED)
    with pytest.warns(NoResultsWarning, match=r"no source of the name '\?\?'\.$"):
        Fermi4FGL.query_object("??", path=SHIPPED)


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
    young = Fermi4FGL.query_class(" Psr ", path=SHIPPED)
    assert len(young) == np.isin(codes, ["PSR", "psr"]).sum()


def test_an_unknown_class_is_refused():
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
        ({"DataRelease": (">", 3)}, lambda t: t["DataRelease"] > 3),
        ({"DataRelease": (" >= ", 3)}, lambda t: t["DataRelease"] >= 3),
        ({"DataRelease": ("<", 3)}, lambda t: t["DataRelease"] < 3),
        ({"DataRelease": ("<=", 3)}, lambda t: t["DataRelease"] <= 3),
        ({"DataRelease": ("=", 3)}, lambda t: t["DataRelease"] == 3),
        ({"DataRelease": ("<>", 3)}, lambda t: t["DataRelease"] != 3),
        ({"DataRelease": (2, 3)}, lambda t: np.isin(t["DataRelease"], [2, 3])),
        ({"DataRelease": {1, 4}}, lambda t: np.isin(t["DataRelease"], [1, 4])),
        ({"DataRelease": np.array([1, 4])}, lambda t: np.isin(t["DataRelease"], [1, 4])),
        ({"CLASS1": "psr"}, lambda t: np.char.strip(t["CLASS1"]) == b"psr"),
        ({"CLASS1": ("<", "a")}, lambda t: np.char.isupper(np.char.strip(t["CLASS1"]))),
        ({"CLASS1": None}, lambda t: np.char.strip(t["CLASS1"]) == b""),
        (
            {"Conf_95_SemiMajor": ("!=", 0.1)},
            lambda t: np.isfinite(t["Conf_95_SemiMajor"]) & (t["Conf_95_SemiMajor"] != 0.1),
        ),
        ({"GLAT": (-10, 10)}, lambda t: np.abs(t["GLAT"]) <= 10),
        ({"Conf_95_PosAng": 0.5 * u.deg}, lambda t: t["Conf_95_PosAng"] == np.float32(0.5)),
        ({"DataRelease": [2, 3] * u.one}, lambda t: np.isin(t["DataRelease"], [2, 3])),
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
    ("filters", "words"),
    [
        ({"GLAT": ("about", 3)}, "not understood"),
        ({"GLAT": (1, 2, 3)}, "not understood"),
        ({"GLAT": (">", 1, 3)}, "not understood"),
        ({"GLAT": "north"}, "give a number or a Quantity"),
        ({"GLAT": (1, "2")}, "give a number or a Quantity"),
        ({"CLASS1": 3}, "give text"),
        ({"CLASS1": ["psr", 3]}, "give text"),
        ({"b": 3}, "no column 'b'"),
        ({"GLAT": (">", 3 * u.kg)}, "does not convert to deg"),
        ({"Signif_Avg": 3 * u.deg}, "does not convert to a number without a unit"),
        (["GLAT"], "column_filters is a list"),
    ],
)
def test_an_invalid_filter_is_refused(filters, words):
    with pytest.raises(InvalidInputError, match=words):
        Fermi4FGL.get_catalog(path=SHIPPED, column_filters=filters)


def test_columns_with_several_values_per_source_are_not_filtered(dr4):
    with pytest.raises(InvalidInputError, match="Flux_Band has more than one value per source"):
        Fermi4FGL.get_catalog(path=dr4, column_filters={"Flux_Band": (">", 1)})


def test_a_filter_may_select_nothing():
    with pytest.warns(
        NoResultsWarning, match="DR4 has no source that passes the filters"
    ) as warned:
        table = Fermi4FGL.get_catalog(path=SHIPPED, column_filters={"CLASS1": []})
    assert warned[0].filename == __file__
    assert len(table) == 0
    assert len(table.colnames) == 34


def test_filters_narrow_other_queries():
    galactic = Fermi4FGL.query_class("psr", path=SHIPPED, column_filters={"GLAT": (-2, 2)})
    assert 0 < len(galactic) < len(Fermi4FGL.query_class("psr", path=SHIPPED))
    assert np.all(np.abs(galactic["GLAT"]) <= 2)
    crab = SkyCoord(83.633, 22.014, unit="deg")
    around = Fermi4FGL.query_region(crab, 20 * u.deg, path=SHIPPED)
    bright = {"Signif_Avg": (">", 10)}
    some = Fermi4FGL.query_region(crab, 20 * u.deg, path=SHIPPED, column_filters=bright)
    expected = around[around["Signif_Avg"] > 10]
    assert 3 < len(expected) < len(around)
    assert some["Source_Name"].tolist() == expected["Source_Name"].tolist()
    assert some["separation"].tolist() == expected["separation"].tolist()
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
    assert table.colnames[0] == "position"
    some = Fermi4FGL.get_catalog(path=SHIPPED, quantities=True, column_filters={"DataRelease": 4})
    assert np.array_equal(some["position"].ra.deg, some["RAJ2000"].value.astype(float))
    assert np.array_equal(some["position"].dec.deg, some["DEJ2000"].value.astype(float))


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


@pytest.mark.parametrize(
    ("name", "release"),
    [("dr2", "DR2"), (" 4FGL-DR3", "DR3"), ("V35", "DR4"), ("gll_psc_v41.fit", "FL16Y")],
)
def test_names_of_a_release(name, release):
    assert find_release(name).name == release


def test_4fgl_alone_is_the_first_release():
    assert find_release("4fgl").file == "gll_psc_v22.fit"
    assert find_version("v20")[0].name == "DR1"
    assert find_version("v29")[0].name == "DR3"
    assert find_version("v1") == (None, None)


def test_it_is_a_class_of_astroquery():
    from astroquery.query import BaseQuery

    assert issubclass(Fermi4FGLClass, BaseQuery)
    assert isinstance(Fermi4FGL(), Fermi4FGLClass)
    assert "astroquery" in Fermi4FGL._session.headers["User-Agent"]
