# Licensed under a 3-clause BSD style license - see LICENSE
"""The steps of the job, one by one, on tables small enough to work out by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io.votable.ucd import UCDWords
from astropy.table import MaskedColumn, Table

from astroquery_cfx import (
    Fermi4FGL,
    InvalidInputError,
    associate_tables,
    calibrate_association,
)
from astroquery_cfx.arrays import to_floats
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.reproduce import (
    class_shares,
    flux_statistics,
    galactic_coordinates,
    group_table,
    match_plane,
    matched_table,
    select_classes,
    select_observed,
    select_plane,
    select_positive,
    separations_table,
)
from astroquery_cfx.reproduce.steps import associations_tables

FLUX = u.erg / u.s / u.cm**2


def test_only_observations_with_both_coordinates_are_selected():
    ra = MaskedColumn([1.0, 2.0, np.nan, 4.0, 5.0], mask=[0, 1, 0, 0, 0])
    dec = MaskedColumn([1.0, 2.0, 3.0, np.nan, 5.0], mask=[0, 0, 0, 0, 1])
    chosen = select_observed(Table({"obsid": range(5), "ra": ra, "dec": dec}))
    assert chosen["obsid"].tolist() == [0]


def test_fluxes_of_zero_and_none_are_not_positive():
    flux = MaskedColumn([1e-20, 0.0, -1e-14, np.nan, 1e-14], mask=[0, 0, 0, 0, 1], unit=FLUX)
    assert len(select_positive(Table({"b_flux_ap": flux}))) == 1
    assert len(select_positive(Table({"b_flux_ap": flux.astype(np.float32)}))) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_the_limit_of_the_plane_is_in_the_plane(sign):
    b = sign * np.array([9.9, 10.1])
    position = SkyCoord(l=123.0, b=b, unit="deg", frame="galactic").icrs
    table = Table({"ra": position.ra.deg, "dec": position.dec.deg})
    found = np.abs(galactic_coordinates(table).b.deg)
    np.testing.assert_allclose(found, [9.9, 10.1])
    assert len(select_plane(table, found[0] * u.deg)) == 1
    assert len(select_plane(table, np.nextafter(found[0], 0) * u.deg)) == 0
    assert select_plane(table)["dec"].tolist() == table["dec"][:1].tolist()
    assert len(select_plane(table, 90 * u.deg)) == 2


def test_positions_are_found_under_other_names_and_may_be_missing():
    table = Table({"lon": [0.0, np.nan], "lat": [90.0, 0.0]})
    galactic = galactic_coordinates(table, longitude="lon", latitude="lat")
    # The north celestial pole of J2000
    assert galactic.l.deg[0] == pytest.approx(122.932, abs=1e-3)
    assert galactic.b.deg[0] == pytest.approx(27.128, abs=1e-3)
    assert np.isnan(galactic.b.deg[1])


@pytest.mark.parametrize("wrong", [10, 91 * u.deg, -1 * u.deg, np.nan * u.deg, 1 * u.s])
@pytest.mark.parametrize(
    "step",
    [
        lambda b_max: select_plane(Table({"ra": [1.0], "dec": [1.0]}), b_max),
        lambda b_max: class_shares(
            Table({"Source_Name": ["A"], "GLAT": [0.0], "CLASS1": [""]}),
            Table({"fermi_name": ["A"]}),
            b_max,
        ),
    ],
    ids=["select_plane", "class_shares"],
)
def test_the_plane_is_an_angle(step, wrong):
    with pytest.raises(InvalidInputError, match="The b_max "):
        step(wrong)


def test_statistics_of_fluxes():
    flux = Table({"b_flux_ap": MaskedColumn([3.0, 1.0, 8.0], unit="W / m2")})
    expected = {"count": 3, "min": 1.0, "max": 8.0, "mean": 4.0, "unit": "W / m2"}
    assert flux_statistics(flux) == expected
    none = flux_statistics(Table({"b_flux_ap": np.array([], dtype=float)}))
    assert none == {"count": 0, "min": None, "max": None, "mean": None, "unit": "erg / (s cm2)"}


def test_classes_in_any_case_and_padded():
    codes = MaskedColumn([b"PSR  ", b"psr", b"msp", b"bll", b"psr"], mask=[0, 0, 0, 0, 1])
    table = Table({"CLASS1": codes, "number": range(5)})
    chosen = select_classes(table, " psr", "MSP", column="CLASS1")
    assert chosen["number"].tolist() == [0, 1, 2]
    assert len(select_classes(table, column="CLASS1")) == 0
    assert len(select_classes(table[:0], "psr", column="CLASS1")) == 0


@pytest.fixture
def fermi():
    """Three Fermi sources: with an ellipse that lies east-west, without one, and far away."""
    return Table(
        {
            "Source_Name": [b"F1   ", b"F2   ", b"F3   "],
            "GLON": np.array([10.0, 10.5, 200.0], dtype=np.float32),
            "GLAT": [0.0, 0.0, 50.0],
            "Conf_95_SemiMajor": MaskedColumn([6.0, 0.0, 6.0], mask=[0, 1, 0], unit="arcmin"),
            "Conf_95_SemiMinor": [0.05, np.nan, 0.05] * u.deg,
            "Conf_95_PosAng": [90.0, np.nan, 0.0],
            "Energy_Flux100": [1e-12, 2e-12, 3e-12] * u.erg / u.s / u.cm**2,
            "CLASS1": MaskedColumn([b"psr", b"   ", b"bll"], mask=[0, 0, 0]),
        }
    )


@pytest.fixture
def sources():
    """One source due north of F1, one due east of it, one west of F2, and one near neither."""
    center = SkyCoord(l=[10.0, 10.0, 10.5, 30.0], b=0.0, unit="deg", frame="galactic").icrs
    position = center.directional_offset_by([0, 90, 270, 0] * u.deg, [0.03, 0.08, 0.04, 0] * u.deg)
    return Table(
        {
            "name": ["north", "east", "west", "alone"],
            "ra": position.ra.deg,
            "dec": position.dec.deg,
            "b_flux_ap": MaskedColumn(
                [1e-17, 2e-17, 3e-17, 4e-17], mask=[0, 1, 0, 0], unit="W / m2"
            ),
        }
    )


def test_pairs_with_offsets_in_units_of_the_ellipse(sources, fermi):
    pairs = match_plane(sources, fermi, 0.1 * u.deg)
    assert pairs["csc_name"].tolist() == ["north", "east", "west"]
    assert pairs["fermi_name"].tolist() == ["F1", "F1", "F2"]
    np.testing.assert_allclose(pairs["separation"], [0.03, 0.08, 0.04], rtol=1e-6)
    # North is that of the equator, whatever the positions are given in.
    angle = (pairs["position_angle"] + 180) % 360 - 180
    np.testing.assert_allclose(angle, [0, 90, -90], atol=1e-3)
    # 0.03 deg over the minor axis of 0.05 deg; 0.08 deg over the major axis of 0.1 deg
    np.testing.assert_allclose(pairs["offset_95"][:2], [0.6, 0.8], rtol=1e-5)
    assert np.ma.getmaskarray(pairs["offset_95"]).tolist() == [False, False, True]
    np.testing.assert_allclose(pairs["csc_flux"], [1e-14, np.nan, 3e-14])
    back = SkyCoord(l=pairs["csc_l"], b=pairs["csc_b"], unit="deg", frame="galactic").icrs
    np.testing.assert_allclose(back.ra.deg, sources["ra"][:3])
    np.testing.assert_allclose(back.dec.deg, sources["dec"][:3])
    np.testing.assert_allclose(pairs["fermi_r95"], [0.1, 0.1, np.nan])
    assert pairs["fermi_flux"].tolist() == [1e-12, 1e-12, 2e-12]
    assert pairs["fermi_class"].filled("-").tolist() == ["psr", "psr", "-"]
    units = {name: pairs[name].unit for name in pairs.colnames}
    assert units["csc_flux"] == units["fermi_flux"] == FLUX
    degrees = ["csc_l", "csc_b", "fermi_l", "fermi_b", "fermi_r95", "fermi_r95_angle", "separation"]
    assert {units[name] for name in degrees} == {u.deg}
    for column in pairs.itercols():
        for word in column.meta["ucd"].split(";"):
            assert UCDWords().is_primary(word) or UCDWords().is_secondary(word), column.name
        assert column.description
    assert match_plane(sources, fermi)["csc_name"].tolist() == ["north", "east", "west"]
    assert len(match_plane(sources, fermi, 0.05 * u.deg)) == 2


def test_a_pair_says_whichever_side_is_simulated(sources, fermi):
    assert "simulated" not in match_plane(sources, fermi).meta
    sources.meta["simulated"] = "By dice."
    assert match_plane(sources, fermi).meta["simulated"] == "By dice."
    fermi.meta["simulated"] = "By coin."
    pairs = match_plane(sources, fermi)
    assert pairs.meta["simulated"] == "By dice. By coin."
    assert class_shares(fermi, pairs).meta["simulated"] == "By coin. By dice. By coin."
    fermi.meta["simulated"] = "By dice."
    assert match_plane(sources, fermi).meta["simulated"] == "By dice."


def test_a_catalogue_without_its_columns_is_named(sources, fermi):
    del fermi["Conf_95_PosAng"]
    with pytest.raises(InvalidInputError, match=r"Fermi catalogue has no column 'Conf_95_PosAng'"):
        match_plane(sources, fermi)
    sources["b_flux_ap"].unit = "Jy"
    with pytest.raises(InvalidInputError, match=r"'b_flux_ap' of the Chandra table is in Jy"):
        match_plane(sources, fermi)


def test_tables_of_pairs(sources, fermi):
    pairs = match_plane(sources, fermi)
    columns = "csc_name csc_l csc_b csc_flux fermi_name fermi_l fermi_b fermi_r95 fermi_flux"
    assert matched_table(pairs).colnames == [*columns.split(), "fermi_class", "separation"]
    assert separations_table(pairs).colnames == [
        "csc_name",
        "fermi_name",
        "separation",
        "position_angle",
        "offset_95",
    ]
    grouped = group_table(pairs)
    assert grouped["fermi_name"].tolist() == ["F1", "F2"]
    assert grouped["num_csc_matches"].tolist() == [2, 1]
    assert [names.tolist() for names in grouped["csc_name"]] == [["north", "east"], ["west"]]


def test_groups_are_in_order_of_longitude_latitude_and_name():
    places = [(20.0, 1.0, "A"), (10.0, 2.0, "B"), (10.0, 1.0, "D"), (10.0, 1.0, "C")]
    lon, lat, name = (np.array(column) for column in zip(*places, strict=True))
    position = SkyCoord(l=lon, b=lat, unit="deg", frame="galactic").icrs
    sources = Table({"name": name, "ra": position.ra.deg, "dec": position.dec.deg})
    sources["b_flux_ap"] = 1e-14
    fermi = Table({"Source_Name": name, "GLON": lon, "GLAT": lat, "CLASS1": ["psr"] * 4})
    for axis in ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng", "Energy_Flux100"):
        fermi[axis] = 0.05
    grouped = group_table(match_plane(sources, fermi))
    assert grouped["fermi_name"].tolist() == ["C", "D", "B", "A"]


def test_shares_of_classes():
    fermi = Table(
        {
            "Source_Name": ["A", "B", "C", "D", "E", "F"],
            "GLAT": [0, 10, -10, 3, 4, 10.1],
            "CLASS1": MaskedColumn(
                ["PSR", "bll", "unk", "", "new", "psr"], mask=[0, 0, 0, 1, 0, 0]
            ),
        }
    )
    shares = class_shares(fermi, Table({"fermi_name": ["A", "A", "D", "F"]}), 10 * u.deg)
    assert shares["group"].tolist() == ["Galactic", "extragalactic", "unknown", "unassociated"]
    assert shares["num_plane"].tolist() == [1, 1, 2, 1]
    assert shares["num_matched"].tolist() == [1, 0, 0, 1]
    assert shares["share_plane"].tolist() == [0.2, 0.2, 0.4, 0.2]
    assert shares["share_matched"].tolist() == [0.5, 0, 0, 0.5]
    assert class_shares(fermi, Table({"fermi_name": ["A"]}))["num_plane"].sum() == 5
    narrow = class_shares(fermi, Table({"fermi_name": ["F"]}), 9.999 * u.deg)
    assert narrow["num_plane"].tolist() == [1, 0, 1, 1]
    assert narrow["share_matched"].tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def crowded():
    """Real Fermi sources near Vela, some of them extended, and drawn Chandra sources and fields."""
    fermi = Fermi4FGL.get_catalog(path=shipped_catalog())
    position = SkyCoord(fermi["RAJ2000"], fermi["DEJ2000"])
    near = position.separation(SkyCoord(128.5, -45.5, unit="deg")) < 10 * u.deg
    right, position = fermi[near], position[near]
    rng = np.random.default_rng(3)
    number = 100 * len(right)
    place = position[np.repeat(np.arange(len(right)), 100)].directional_offset_by(
        rng.uniform(0, 360, number) * u.deg, 0.3 * np.sqrt(rng.uniform(0, 1, number)) * u.deg
    )
    ra, dec, flux = place.ra.deg, place.dec.deg, 10 ** rng.normal(-15, 0.3, number)
    counterpart = SkyCoord(right["RA_Counterpart"], right["DEC_Counterpart"], unit="deg")
    known = np.isfinite(to_floats(counterpart.ra.deg))
    for row in np.flatnonzero(known):  # one bright source of each hundred
        ra[100 * row], dec[100 * row] = counterpart.ra.deg[row], counterpart.dec.deg[row]
        flux[100 * row] = 1e-11
    left = Table({"name": [f"C{row}" for row in range(number)], "ra": ra, "dec": dec})
    left["ra"].unit = left["dec"].unit = "deg"
    left["error_ellipse_r0"] = rng.uniform(0.5, 5, number) * u.arcsec
    left["b_flux_ap"] = flux * FLUX
    left["other"] = 1
    # The Chandra sources of one Fermi source are faint, and all at the edge of its region.
    alone = np.flatnonzero(~known & (right["Region_Kind"] == "ellipse"))[0]
    edge = position[alone].directional_offset_by(
        right["Conf_95_PosAng"][alone] * u.deg, 1.4 * right["Conf_95_SemiMajor"][alone] * u.deg
    )
    of_it = slice(100 * alone, 100 * alone + 100)
    left["ra"][of_it], left["dec"][of_it] = edge.ra.deg, edge.dec.deg
    left["b_flux_ap"][of_it] = 1e-18
    fields = Table({"ra": ra[::20], "dec": dec[::20]}, units=("deg", "deg"))
    return left, fields, right


def test_associations_are_the_probable_candidates(crowded):
    left, fields, right = crowded
    table, calibration = associations_tables(left, fields, right)
    options = {
        "left_coordinates": ("ra", "dec"),
        "right_coordinates": ("RAJ2000", "DEJ2000"),
        "fields": fields["ra", "dec"],
        "flux": "b_flux_ap",
    }
    every = associate_tables(left, right, **options)
    kept = every[(every["p_i"] >= 0.001) | (every["rank"] == 1)]
    assert len(set(every["Source_Name"])) < len(kept) < len(every)
    assert np.any(kept["p_i"] < 0.001)
    assert table["csc_name"].tolist() == kept["name"].tolist()
    assert table["fermi_name"].tolist() == kept["Source_Name"].tolist()
    assert table["p_i"].tolist() == kept["p_i"].tolist()
    assert table.colnames[:10] == [
        "csc_name",
        "csc_ra",
        "csc_dec",
        "error_ellipse_r0",
        "csc_flux",
        "fermi_name",
        "fermi_ra",
        "fermi_dec",
        "fermi_class",
        "fermi_association",
    ]
    used = ("Conf", "Region", "RA_", "DEC_", "other")
    assert not [name for name in table.colnames if name.startswith(used)]
    assert set(table["extended"]) == {True, False}
    # Without what the sources say of their errors and extents, the probabilities are others.
    for one, other in (
        (left, right[right.colnames[:-4]]),
        (left[["name", "ra", "dec", "b_flux_ap"]], right),
    ):
        assert not np.array_equal(associations_tables(one, fields, other)[0]["p_i"], table["p_i"])
    assert table.meta["association"]["least_p_i"] == 0.001
    expected = calibrate_association(left, right, shifts=(2.0, 3.0), angles=4, **options)
    assert calibration.colnames == expected.colnames
    assert calibration["reliability"].tolist() == expected["reliability"].tolist()


def test_without_ellipses_or_candidates_there_are_no_associations(crowded):
    left, fields, right = crowded
    without = right.copy()
    del without["Conf_95_SemiMinor"]
    away = left.copy()
    away["dec"] += 40
    for one, other in ((left, without), (away, right)):
        table, calibration = associations_tables(one, fields, other)
        assert len(table) == len(calibration) == 0


def test_associations_without_other_fields_are_not_calibrated(crowded):
    left, fields, right = crowded
    with pytest.raises(InvalidInputError):
        calibrate_association(left, right[:1], fields=fields[55:56], flux="b_flux_ap")
    table, calibration = associations_tables(left, fields[55:56], right[:1])
    assert len(table) > 0
    assert len(calibration) == 0
