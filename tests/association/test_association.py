# Licensed under a 3-clause BSD style license - see LICENSE
"""associate_tables on skies of known truth, on real catalogues, and on small tables by hand."""

import numpy as np
import pytest
from association_skies import departures, draw_sky, is_true
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from astroquery_cfx import Fermi4FGL, associate_tables
from astroquery_cfx.archive.sky import simulated_sky
from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.files import read_table


@pytest.fixture(scope="module")
def sky():
    return draw_sky(5, num_fields=1500)


def check_calibration(table):
    true, has_true = is_true(table)
    best = np.asarray(table["rank"]) == 1
    for found in (departures(table["p_i"], true), departures(table["p_any"][best], has_true[best])):
        assert len(found) >= 3
        assert max(excess for _, excess in found.values()) < 2.5, found


def test_probabilities_mean_what_they_say(sky):
    left, right, fields = sky
    check_calibration(associate_tables(left, right, fields=fields, flux="flux"))


def test_probabilities_of_positions_alone(sky):
    left, right, fields = sky
    check_calibration(associate_tables(left, right, fields=fields))


def test_probabilities_of_a_region_add_up(sky):
    left, right, fields = sky
    table = associate_tables(left, right, fields=fields, flux="flux")
    sources, place = np.unique(np.asarray(table["source"]), return_inverse=True)
    total = np.bincount(place, np.asarray(table["p_i"]))
    np.testing.assert_allclose(total[place], np.asarray(table["p_any"]), rtol=1e-12)
    assert np.all(total < 1)
    assert np.bincount(place, np.asarray(table["rank"]) == 1).tolist() == [1] * len(sources)


def test_row_order_does_not_matter(sky):
    left, right, fields = sky
    rng = np.random.default_rng(1)
    one = associate_tables(left, right, fields=fields, flux="flux")
    other = associate_tables(
        left[rng.permutation(len(left))],
        right[rng.permutation(len(right))],
        fields=fields[rng.permutation(len(fields))],
        flux="flux",
    )
    keys = ["source", "ra", "dec"]
    one.sort(keys)
    other.sort(keys)
    assert one["source"].tolist() == other["source"].tolist()
    for name in ("separation", "field_density", "p_i", "p_any"):
        np.testing.assert_allclose(
            np.asarray(one[name]), np.asarray(other[name]), rtol=1e-9, atol=1e-15
        )
    for name in ("rank", "confused"):
        assert one[name].tolist() == other[name].tolist()


def test_real_counterparts(shared_data):
    """More of the 130 known counterparts are right than of the nearest and of the brightest."""
    left = Table.read(shared_data / "csc_real_sample.fits")
    right = Table.read(shared_data / "fermi" / "gll_psc_v35.fit.gz", hdu=1)
    table = associate_tables(
        left,
        right,
        left_coordinates=("ra", "dec"),
        flux="b_flux_ap",
        right_coordinates=("RAJ2000", "DEJ2000"),
    )
    assert table.meta["association"]["known_counterparts"] == 130
    assert table.meta["association"]["right_without_region"] == 90
    known = SkyCoord(
        *(table[f"{name}_Counterpart"].filled(np.nan) for name in ("RA", "DEC")), unit="deg"
    )
    table["near"] = known.separation(SkyCoord(table["ra"], table["dec"], unit="deg")) < 3 * u.arcsec
    assert len(np.unique(table["Source_Name"][table["near"]])) == 130
    flux = -np.ma.filled(np.ma.asarray(table["b_flux_ap"].value).astype(float), -1.0)
    right_of = {}
    for name, order in (
        ("rank", table["rank"]),
        ("nearest", table["separation"]),
        ("brightest", np.where(np.isfinite(flux), flux, 1.0)),
    ):
        rows = np.lexsort((np.asarray(order), np.asarray(table["Source_Name"]).astype(str)))
        _, first = np.unique(np.asarray(table["Source_Name"]).astype(str)[rows], return_index=True)
        right_of[name] = int(np.sum(table["near"][rows[first]]))
    assert right_of["nearest"] >= 103
    assert right_of["brightest"] >= 117
    assert right_of["rank"] > max(118, right_of["nearest"], right_of["brightest"]), right_of


def by_hand(**changes):
    left = QTable(
        {"name": ["a", "b", "c"], "ra": [10.0, 10.05, 10.3] * u.deg, "dec": [0.0, 0.0, 0.1] * u.deg}
    )
    right = QTable(
        {
            "source": ["j"],
            "ra": [10.01] * u.deg,
            "dec": [0.0] * u.deg,
            "Conf_95_SemiMajor": [0.05] * u.deg,
            "Conf_95_SemiMinor": [0.04] * u.deg,
            "Conf_95_PosAng": [0.0] * u.deg,
        }
    )
    for name, value in changes.items():
        right[name] = value
    return left, right


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"Conf_95_SemiMinor": [0.06] * u.deg}, {}, "."),
        ({"Conf_95_PosAng": [np.nan] * u.deg}, {}, "."),
        ({"Conf_95_SemiMajor": [0.05]}, {}, "."),
        ({}, {"flux": "nothing"}, "no column 'nothing'"),
        ({}, {"left_error": "name"}, "one number per row"),
        ({}, {"folds": 1}, "folds"),
        ({}, {"field_radius": 8}, "field_radius 8 has no unit"),
        ({}, {"fields": 3}, "neither positions nor a table"),
        ({}, {"region_containment": 99}, "containment"),
    ],
)
def test_bad_input(changes, options, message):
    with pytest.raises(InvalidInputError, match=message):
        associate_tables(*by_hand(**changes), **options)


def test_no_candidates():
    left, right = by_hand(ra=[200.0] * u.deg)
    table = associate_tables(left, right)
    assert len(table) == 0
    assert table.meta["association"]["right_with_candidates"] == 0


def test_an_empty_side():
    left, right = by_hand()
    assert len(associate_tables(left[:0], right)) == 0
    assert len(associate_tables(left, right[:0])) == 0


def test_probabilities_without_fields(sky):
    left, right, _ = sky
    check_calibration(associate_tables(left, right, flux="flux"))


def test_columns_and_counts():
    """One located source, one extended, one without a region, and one that was not observed."""
    left = QTable(
        {
            "ra": [10.0, 10.05, 10.3, np.nan, 20.0, 20.1] * u.deg,
            "dec": [0.0, 0.0, 0.1, 0.0, 0.0, 0.0] * u.deg,
        }
    )
    nan = np.nan
    right = QTable(
        {
            "ra": [10.01, 20.0, 30.0, 40.0] * u.deg,
            "dec": [0.0, 0.0, 0.0, 0.0] * u.deg,
            "Conf_95_SemiMajor": [0.05, nan, nan, 0.05] * u.deg,
            "Conf_95_SemiMinor": [0.04, nan, nan, 0.05] * u.deg,
            "Conf_95_PosAng": [90.0, nan, nan, 0.0] * u.deg,
            "Region_Kind": ["ellipse", "template", "ellipse", "ellipse"],
            "Region_SemiMajor": [nan, 0.2, nan, nan] * u.deg,
            "Region_SemiMinor": [nan, 0.2, nan, nan] * u.deg,
            "Region_PosAng": [nan, 0.0, nan, nan] * u.deg,
        }
    )
    table = associate_tables(left, right)
    np.testing.assert_allclose(table["separation"].value, [0.01, 0.04, 0, 0.1], atol=1e-12)
    assert table["extended"].tolist() == [False, False, True, True]
    assert table["offset_95"].mask.tolist() == [False, False, True, True]
    np.testing.assert_allclose(table["offset_95"][:2], [0.2, 0.8], rtol=1e-9)
    area = np.pi * 0.05 * 0.04 / (-2 * np.log(0.05))
    density = [*(np.exp(np.log(0.05) * np.array([0.2, 0.8]) ** 2) / (2 * area))]
    density += [1 / (np.pi * 0.2**2)] * 2
    expected = np.log10(4 * np.pi * np.degrees(1) ** 2 * np.array(density))
    np.testing.assert_allclose(table["bayes_factor"], expected, rtol=1e-9)
    assert table["field_density"].unit == u.deg**-2
    assert table["coverage"][:2].tolist() == [table["coverage"][0]] * 2
    # Without fluxes all field sources are as bright; some of them are counterparts.
    chance = 1 - np.exp(-np.pi * 0.04**2 * table["field_density"][1].value)
    assert 0 < table["chance_probability"][1] < chance
    found = table.meta["association"]
    counts = {
        "left_rows": 6,
        "left_without_position": 1,
        "right_rows": 4,
        "right_without_region": 1,
        "right_extended": 1,
        "right_observed": 2,
        "right_with_candidates": 2,
        "candidates": 4,
        "known_counterparts": 0,
        "prior": "none",
        "crowding_exponent": 0.0,
        "fields": None,
        "left_error": None,
        "flux": None,
        "folds": 10,
        "neighbours": 24,
        "region_containment": 0.999,
    }
    assert {name: found[name] for name in counts} == counts
    assert found["field_radius"] == pytest.approx(8 / 60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"density": 1500.0}, {"ellipse_scale": 1.5}, {"inside": False}]
)
def test_probabilities_on_other_skies(changes):
    left, right, fields = draw_sky(8, num_fields=2500, **changes)
    check_calibration(associate_tables(left, right, fields=fields, flux="flux"))


@pytest.mark.parametrize(
    ("classes", "inside"),
    [
        (("agn", "bcu", "bll", "css", "fsrq", "nlsy1", "rdg", "sey", "ssrq"), 0.949),
        (("psr", "msp"), 0.896),
    ],
    ids=["AGN", "pulsars"],
)
def test_offsets_of_real_counterparts(shared_data, classes, inside):
    """The share of the counterparts in 4FGL-DR4 that lie in the 95% ellipse of their source."""
    fermi = Table.read(shared_data / "fermi" / "gll_psc_v35.fit.gz", hdu=1)
    code = np.char.lower(np.char.strip(np.asarray(np.ma.filled(fermi["CLASS1"], "")).astype(str)))
    ra, dec, major = (
        np.ma.filled(np.ma.asarray(fermi[name]).astype(float), np.nan)
        for name in ("RA_Counterpart", "DEC_Counterpart", "Conf_95_SemiMajor")
    )
    keep = np.isin(code, classes) & np.isfinite(ra + major)
    left = QTable(
        {"truth": fermi["Source_Name"][keep], "ra": ra[keep] * u.deg, "dec": dec[keep] * u.deg}
    )
    table = associate_tables(
        left,
        fermi,
        left_coordinates=("ra", "dec"),
        region_containment=1 - 1e-9,
        right_coordinates=("RAJ2000", "DEJ2000"),
    )
    own = np.asarray(table["truth"]).astype(str) == np.asarray(table["Source_Name"]).astype(str)
    assert np.sum(np.asarray(table["offset_95"])[own] <= 1) / keep.sum() == pytest.approx(
        inside, abs=0.004
    )


def simulated(**sky):
    """The simulated sky and the real 4FGL-DR4: Chandra's sources, Fermi's, and the fields."""
    sky = simulated_sky(**sky)
    log = read_table(sky["chanmaster"])
    return (
        read_table(sky["csc"])["name", "ra", "dec", "error_ellipse_r0", "b_flux_ap", "__truth"],
        Fermi4FGL.get_catalog(path=shipped_catalog()),
        log[(log["status"] == "archived") & (log["exposure"] > 0)]["ra", "dec"],
    )


def enlarged(left, right, factor):
    """The ellipses larger, and the sources as much farther from their counterparts."""
    right = right.copy()
    place = {name: row for row, name in enumerate(np.asarray(left["__truth"]).astype(str)) if name}
    rows = np.array([place.get(name, -1) for name in np.asarray(right["Source_Name"]).astype(str)])
    has = np.flatnonzero(rows >= 0)
    true = SkyCoord(left["ra"][rows[has]], left["dec"][rows[has]], unit="deg")
    fermi = SkyCoord(right["RAJ2000"][has], right["DEJ2000"][has], unit="deg")
    moved = true.directional_offset_by(true.position_angle(fermi), factor * true.separation(fermi))
    right["RAJ2000"][has], right["DEJ2000"][has] = moved.ra.deg, moved.dec.deg
    for name in ("Conf_95_SemiMajor", "Conf_95_SemiMinor"):
        right[name] = right[name] * factor
    return right


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sources", "factor"),
    [(407_806, 1.0), (1_200_000, 1.0), (407_806, 1.5)],
    ids=["as it is", "three times as dense", "ellipses half as large again"],
)
def test_probabilities_on_the_whole_simulated_sky(sources, factor):
    """Every tenth of p_i and p_any with 100 or more lies within 0.05 of the truth."""
    left, right, fields = simulated(sources=sources)
    if factor != 1:
        right = enlarged(left, right, factor)
    table = associate_tables(
        left,
        right,
        fields=fields,
        flux="b_flux_ap",
        left_coordinates=("ra", "dec"),
        right_coordinates=("RAJ2000", "DEJ2000"),
    )
    sources, best = np.asarray(table["Source_Name"]), np.asarray(table["rank"]) == 1
    true = np.asarray(table["__truth"]) == sources
    has_true = np.isin(sources, sources[true])
    for found in (departures(table["p_i"], true), departures(table["p_any"][best], has_true[best])):
        assert len(found) >= 4
        assert max(abs(difference) for difference, _ in found.values()) < 0.05, found
    assert table["p_i"].sum() == pytest.approx(true.sum(), rel=0.07)
