# Licensed under a 3-clause BSD style license - see LICENSE
"""The simulated sky, against the numbers of the real one and against astropy's own coordinates."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, SkyOffsetFrame
from astropy.io.votable import parse
from scipy import stats

from astroquery_cfx.archive.sky import draw_sky
from astroquery_cfx.archive.sky.population import iau_names
from astroquery_cfx.archive.sky.fields import share_out
from astroquery_cfx.fermi import Fermi4FGL
from astroquery_cfx.fermi.shipped import shipped_catalog

NAME = re.compile(r"2CXO J(\d\d)(\d\d)(\d\d\.\d)([+-])(\d\d)(\d\d)(\d\d)([A-Z]?)")
SMALL = {"sources": 3_000, "observations": 300}
FULL = {"sources": 407_806, "observations": 29_162}


@pytest.fixture(scope="module")
def small():
    return draw_sky(**SMALL, seed=3387)


@pytest.fixture(scope="module")
def full():
    return draw_sky(**FULL, seed=3387)


@pytest.fixture(scope="module")
def fermi():
    return Fermi4FGL.get_catalog(path=shipped_catalog())


@pytest.fixture(scope="module")
def fermi_positions(fermi):
    return SkyCoord(
        np.asarray(fermi["GLON"]) * u.deg, np.asarray(fermi["GLAT"]) * u.deg, frame="galactic"
    )


def positions(table):
    known = ~np.ma.getmaskarray(table["ra"])
    return SkyCoord(np.asarray(table["ra"])[known] * u.deg, np.asarray(table["dec"])[known] * u.deg)


def counts_of(column):
    return dict(
        zip(*(part.tolist() for part in np.unique(column, return_counts=True)), strict=True)
    )


def within_share(value, real, share):
    return real * (1 - share) <= value <= real * (1 + share)


def archived_fields(chanmaster):
    return positions(chanmaster[chanmaster["status"] == "archived"])


# --- the observations


def test_observations_have_the_statuses_and_detectors_of_the_real_log(full):
    log = full["chanmaster"]
    assert counts_of(log["status"]) == {
        "archived": 27_122,
        "unobserved": 1_161,
        "observed": 631,
        "untriggered": 230,
        "scheduled": 18,
    }
    assert counts_of(log["detector"][log["status"] == "archived"]) == {
        "ACIS-S": 14_848,
        "ACIS-I": 8_600,
        "HRC-I": 2_005,
        "HRC-S": 1_669,
    }
    assert set(log["grating"]) == {"NONE", "HETG", "LETG"}
    assert len(set(log["obsid"].tolist())) == len(log)


def test_some_observations_have_no_position_no_exposure_or_no_date(full):
    log = full["chanmaster"]
    lost = log[np.ma.getmaskarray(log["ra"])]
    assert len(lost) == 9
    assert lost[lost["obsid"] == 29_852]["name"].tolist() == ["SIM GW Transient"]
    assert np.ma.getmaskarray(lost["dec"]).all()
    assert not (lost["status"] == "archived").any()
    assert 20 < (log["exposure"] == 0).sum() < 500
    assert (log["exposure"][log["status"] == "unobserved"] > 0).mean() > 0.9  # requested, not spent
    undated = np.ma.getmaskarray(log["time"])
    assert set(log["status"][undated]) == {"unobserved", "untriggered"}
    assert log["time"].min() >= 51_400


def test_observations_come_in_order_of_declination_as_the_archive_gave_them(full):
    dec = full["chanmaster"]["dec"]
    known = ~np.ma.getmaskarray(dec)
    assert (np.diff(np.asarray(dec)[known]) >= 0).all()
    assert not known[known.sum() :].any()


def test_no_target_pretends_to_be_a_real_observation(full):
    assert np.char.startswith(full["chanmaster"]["name"], "SIM ").all()
    assert np.char.startswith(full["chanmaster"]["pi"], "SIM ").all()


@pytest.mark.parametrize(
    ("place", "radius", "at_least"),
    [
        (SkyCoord(266.417, -29.008, unit="deg"), 0.1, 100),  # Galactic Centre
        (SkyCoord(53.12, -27.81, unit="deg"), 0.1, 90),  # Chandra Deep Field South
        (SkyCoord(150.12, 2.2, unit="deg"), 0.9, 100),  # COSMOS
        (SkyCoord(10.68, 41.27, unit="deg"), 1.1, 150),  # M31
    ],
)
def test_the_favourite_fields_are_looked_at_often(full, place, radius, at_least):
    assert (positions(full["chanmaster"]).separation(place) < radius * u.deg).sum() >= at_least


def test_the_rest_of_the_log_is_isotropic(full):
    log = full["chanmaster"]
    rest = log[np.char.startswith(log["name"], "SIM SKY ")]
    assert len(rest) > 10_000
    _, first = np.unique(rest["name"], return_index=True)
    z = np.sin(np.radians(np.asarray(rest["dec"][first])))
    assert stats.kstest(z, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert stats.kstest(np.asarray(rest["ra"][first]), stats.uniform(0, 360).cdf).pvalue > 1e-3


# --- the sources


@pytest.mark.parametrize("size", ["small", "full"])
def test_every_source_lies_in_an_archived_field(size, request):
    sky = request.getfixturevalue(size)
    fields = archived_fields(sky["chanmaster"])
    _, separation, _ = positions(sky["csc"]).match_to_catalog_sky(fields)
    assert separation.max() < 8.2 * u.arcmin  # 8 arcmin, and a measured position scatters
    assert (separation > 8 * u.arcmin).sum() <= 3


@pytest.mark.parametrize("size", ["small", "full"])
def test_names_are_truncated_positions_in_order(size, request):
    csc = request.getfixturevalue(size)["csc"]
    names = csc["name"].tolist()
    assert names == sorted(set(names))
    for name, ra, dec in zip(names, csc["ra"].tolist(), csc["dec"].tolist(), strict=True):
        h, m, s, sign, d, arcmin, arcsec, _ = NAME.fullmatch(name).groups()
        assert 0 <= (ra / 15 - int(h) - int(m) / 60 - float(s) / 3600) * 3600 + 1e-6 < 0.1 + 2e-6
        assert (
            0
            <= (abs(dec) - int(d) - int(arcmin) / 60 - int(arcsec) / 3600) * 3600 + 1e-6
            < 1 + 2e-6
        )
        assert (dec < 0) == (sign == "-")


def test_names_that_collide_get_letters(full):
    names = full["csc"]["name"]
    lettered = [name for name in names.tolist() if len(name) == 22]
    assert lettered
    stems = {}
    for name in lettered:
        stems.setdefault(name[:21], []).append(name[21])
    assert all(
        letters == list("ABCDEFGH"[: len(letters)]) and len(letters) > 1
        for letters in stems.values()
    )


def test_names_of_hard_positions():
    names, order = iau_names([359.99999, 0.0, 0.0, 0.0], [-0.0001, -89.99999, 0.0, 45.0])
    assert names.tolist() == [
        "2CXO J000000.0+000000",
        "2CXO J000000.0+450000",
        "2CXO J000000.0-895959",
        "2CXO J235959.9-000000",
    ]
    assert order.tolist() == [2, 3, 1, 0]


def test_galactic_coordinates_are_those_of_the_position(small):
    csc = small["csc"]
    galactic = positions(csc).galactic
    stored = SkyCoord(l=csc["lii"], b=csc["bii"], frame="galactic")
    assert galactic.separation(stored).max() < 1e-6 * u.arcsec


def test_fluxes_are_like_the_real_ones(full):
    flux = full["csc"]["b_flux_ap"]
    positive = flux.compressed()[flux.compressed() > 0]
    assert len(flux) == 407_806
    assert len(positive) == 343_779
    assert 1.3e-18 < positive.min() < 2e-18
    assert 3e-10 < positive.max() < 1.4e-9
    assert within_share(positive.mean(), 6.578420406e-14, 0.3)


@pytest.mark.parametrize("size", ["small", "full"])
def test_hrc_only_sources_have_no_flux_and_the_rest_has(size, request):
    csc = request.getfixturevalue(size)["csc"]
    dark = csc["acis_num"] == 0
    assert 0.005 < dark.mean() < 0.1
    assert (csc["hrc_num"][dark] > 0).all()
    for name in (
        "b_flux_ap",
        "b_flux_ap_lo",
        "b_flux_ap_hi",
        "m_flux_ap",
        "m_flux_ap_lo",
        "m_flux_ap_hi",
    ):
        assert (np.ma.getmaskarray(csc[name]) == dark).all()
    assert np.ma.getmaskarray(csc["hardness_ratio_hs"])[dark].all()
    assert within_share(
        (csc["b_flux_ap"].filled(-1) == 0).mean() + dark.mean(), 1 - 343_779 / 407_806, 0.02
    )


def test_numbers_of_observations_are_counted_in_the_log(small):
    log, csc = small["chanmaster"], small["csc"]
    log = log[(log["status"] == "archived") & (log["exposure"] > 0)]
    for column, prefix in (("acis_num", "ACIS"), ("hrc_num", "HRC")):
        fields = positions(log[np.char.startswith(log["detector"], prefix)])
        index, _, _, _ = fields.search_around_sky(positions(csc), 8 * u.arcmin)
        assert np.abs(np.bincount(index, minlength=len(csc)) - csc[column]).sum() == 0


def test_limits_enclose_the_flux(full):
    csc = full["csc"][full["csc"]["acis_num"] > 0]
    for band in "bm":
        flux = np.asarray(csc[f"{band}_flux_ap"])
        low, high = (
            np.asarray(csc[f"{band}_flux_ap_lo"], float),
            np.asarray(csc[f"{band}_flux_ap_hi"], float),
        )
        assert (low <= flux * (1 + 1e-6)).all()
        assert (high > flux * (1 - 1e-6)).all()
        assert (high > 0).all()
        assert (low >= 0).all()


def test_error_ellipses_grow_off_axis_and_shrink_with_signal(full):
    csc = full["csc"]
    _, separation, _ = positions(csc).match_to_catalog_sky(archived_fields(full["chanmaster"]))
    radius, off_axis = np.asarray(csc["error_ellipse_r0"]), separation.arcmin
    faint = csc["significance"] < 5
    assert (csc["error_ellipse_r1"] <= csc["error_ellipse_r0"]).all()
    assert np.median(radius[off_axis > 6]) > 1.5 * np.median(radius[off_axis < 2])
    assert np.median(radius[faint]) > 1.5 * np.median(radius[csc["significance"] > 20])
    assert radius.min() >= 0.29
    assert radius.max() < 12


def test_numbers_follow_exposure(full):
    log, csc = full["chanmaster"], full["csc"]
    lonely = log[
        (log["status"] == "archived")
        & np.char.startswith(log["name"], "SIM SKY ")
        & np.char.startswith(log["detector"], "ACIS")
    ]
    _, first, count = np.unique(lonely["name"], return_index=True, return_counts=True)
    once = lonely[first[count == 1]][:1_000]
    index, _, _, _ = positions(csc).search_around_sky(positions(once), 8 * u.arcmin)
    correlation = stats.spearmanr(
        np.bincount(index, minlength=len(once)), once["exposure"]
    ).statistic
    assert correlation > 0.6


def test_flags_are_letters(small):
    for name in ("var_flag", "conf_flag", "extent_flag", "sat_src_flag", "pileup_flag"):
        assert set(small["csc"][name]) <= {"T", "F"}


def test_columns_are_described_as_in_the_recorded_answer(small, shared_data):
    recorded = parse(shared_data / "heasarc-recorded" / "m87.vot").get_first_table().fields
    kinds = {"double": "f8", "float": "f4", "short": "i2", "char": "U"}
    units = {None: None, "deg": u.deg, "arcsec": u.arcsec, "erg/s/cm^2": u.erg / u.s / u.cm**2}
    seen = 0
    for field in recorded:
        if field.name == "match_dist":
            continue
        column = small["csc"][field.name]
        assert column.dtype.str.lstrip("<|>").startswith(kinds[field.datatype]), field.name
        assert column.unit == units[None if field.unit is None else str(field.unit)], field.name
        assert column.meta["ucd"] == field.ucd
        assert column.description == field.description
        seen += 1
    assert seen == 19


# --- the truth


def test_counterparts_in_the_fields_are_among_the_sources(full, fermi):
    csc = full["csc"]
    known = np.flatnonzero(np.isfinite(np.ma.filled(fermi["RA_Counterpart"].astype(float), np.nan)))
    counterparts = SkyCoord(
        np.asarray(fermi["RA_Counterpart"])[known] * u.deg,
        np.asarray(fermi["DEC_Counterpart"])[known] * u.deg,
    )
    log = full["chanmaster"]
    used = log[(log["status"] == "archived") & (log["exposure"] > 0)]
    _, separation, _ = counterparts.match_to_catalog_sky(positions(used))
    inside = separation < 6 * u.arcmin
    assert inside.sum() > 400
    truth = csc[csc["__truth"] != ""]
    named = np.isin(np.asarray(fermi["Source_Name"])[known], np.asarray(truth["__truth"]))
    _, nearest, _ = counterparts.match_to_catalog_sky(positions(truth))
    # A counterpart that two 4FGL sources share is named once, and is there for both.
    assert (nearest[inside] < 15 * u.arcsec).all()
    assert named[inside].mean() > 0.97
    assert len(set(truth["__truth"].tolist())) == len(truth)


def test_measured_positions_scatter_by_the_chandra_error(full, fermi):
    truth = full["csc"][full["csc"]["__truth"] != ""]
    row = {name: place for place, name in enumerate(fermi["Source_Name"].tolist())}
    rows = np.array([row[name] for name in truth["__truth"].tolist()])
    ra = np.ma.filled(np.ma.asarray(fermi["RA_Counterpart"]), np.nan)[rows].astype(float)
    dec = np.ma.filled(np.ma.asarray(fermi["DEC_Counterpart"]), np.nan)[rows].astype(float)
    known = np.isfinite(ra)
    true = SkyCoord(ra[known] * u.deg, dec[known] * u.deg)
    chandra = truth[known]
    frame = SkyOffsetFrame(origin=true, rotation=np.asarray(chandra["error_ellipse_angle"]) * u.deg)
    offset = positions(chandra).transform_to(frame)
    scaled = np.hypot(
        offset.lat.arcsec / np.asarray(chandra["error_ellipse_r0"]),
        offset.lon.arcsec / np.asarray(chandra["error_ellipse_r1"]),
    )
    assert stats.kstest(scaled, stats.rayleigh(scale=1 / 2.4477).cdf).pvalue > 1e-3


def test_drawn_counterparts_follow_the_rayleigh_law_of_their_ellipse(full, fermi):
    truth = full["csc"][full["csc"]["__truth"] != ""]
    row = {name: place for place, name in enumerate(fermi["Source_Name"].tolist())}
    rows = np.array([row[name] for name in truth["__truth"].tolist()])
    drawn = ~np.isfinite(np.ma.filled(fermi["RA_Counterpart"].astype(float), np.nan)[rows])
    assert drawn.sum() > 50
    lonely = fermi[rows[drawn]]
    frame = SkyOffsetFrame(
        origin=SkyCoord(
            np.asarray(lonely["RAJ2000"]) * u.deg, np.asarray(lonely["DEJ2000"]) * u.deg
        ),
        rotation=np.asarray(lonely["Conf_95_PosAng"]) * u.deg,
    )
    offset = positions(truth[drawn]).transform_to(frame)
    scaled = np.hypot(
        offset.lat.deg / np.asarray(lonely["Conf_95_SemiMajor"]),
        offset.lon.deg / np.asarray(lonely["Conf_95_SemiMinor"]),
    )
    assert stats.kstest(scaled, stats.rayleigh(scale=1 / 2.4477).cdf).pvalue > 1e-3


def test_blazars_are_brighter_in_x_rays_than_pulsars(full, fermi):
    truth = full["csc"][(full["csc"]["__truth"] != "") & (full["csc"]["acis_num"] > 0)]
    row = {name: place for place, name in enumerate(fermi["Source_Name"].tolist())}
    source = fermi[[row[name] for name in truth["__truth"].tolist()]]
    ratio = np.log10(np.asarray(truth["b_flux_ap"]) / np.asarray(source["Energy_Flux100"]))
    code = np.char.lower(np.ma.filled(source["CLASS1"], "").astype(str))
    medians = {kind: np.median(ratio[code == kind]) for kind in ("bll", "fsrq", "psr")}
    assert medians["bll"] > medians["fsrq"] > medians["psr"] + 0.5


# --- the job's numbers


def test_the_job_gets_numbers_near_the_real_ones(full, fermi_positions):
    csc = full["csc"]
    galactic = positions(csc).galactic
    plane = galactic[(np.abs(galactic.b) <= 10 * u.deg) & (csc["b_flux_ap"].filled(-1) > 0)]
    assert within_share(len(plane), 100_896, 0.05)
    matched, _, _, _ = plane.search_around_sky(fermi_positions, 0.1 * u.deg)
    assert within_share(len(matched), 19_771, 0.3)
    number = np.bincount(matched, minlength=len(fermi_positions))
    assert within_share((number > 0).sum(), 383, 0.3)
    centre = fermi_positions.separation(SkyCoord(0, 0, unit="deg", frame="galactic")) < 1 * u.deg
    assert number[centre].max() > 1_000
    assert number.argmax() in np.flatnonzero(centre)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_job_gets_them_whatever_the_seed(seed, fermi_positions):
    csc = draw_sky(**FULL, seed=seed)["csc"]
    plane = csc[(np.abs(csc["bii"]) <= 10) & (csc["b_flux_ap"].filled(-1) > 0)]
    assert within_share(len(plane), 100_896, 0.1)
    matched, _, _, _ = positions(plane).galactic.search_around_sky(fermi_positions, 0.1 * u.deg)
    assert 19_771 / 2 < len(matched) < 19_771 * 2
    assert 383 / 2 < len(set(matched.tolist())) < 383 * 2


# --- seeds and sizes


@pytest.mark.parametrize("table", ["csc", "chanmaster"])
def test_the_same_seed_gives_the_same_sky_and_another_one_another(small, table):
    again, other = draw_sky(**SMALL, seed=3387)[table], draw_sky(**SMALL, seed=3388)[table]
    for name in again.colnames:
        np.testing.assert_array_equal(
            np.ma.getmaskarray(again[name]), np.ma.getmaskarray(small[table][name])
        )
        np.testing.assert_array_equal(
            np.ma.compressed(again[name]), np.ma.compressed(small[table][name])
        )
    assert len(other) == len(again)
    assert not (np.asarray(other["dec"]) == np.asarray(again["dec"])).any()


def test_a_small_sky_is_a_fair_sample(small):
    csc, log = small["csc"], small["chanmaster"]
    assert counts_of(log["status"])["archived"] == round(300 * 27_122 / 29_162)
    positive = csc["b_flux_ap"].filled(-1) > 0
    assert positive.sum() == round(3_000 * 343_779 / 407_806)
    assert within_share((np.abs(csc["bii"][positive]) <= 10).mean(), 100_896 / 343_779, 0.2)
    assert (csc["__truth"] != "").sum() > 10


@pytest.mark.parametrize(
    ("sources", "observations"), [(1, 1), (7, 1), (2, 40), (40, 3), (500, 30_000)]
)
def test_any_size_can_be_made(sources, observations):
    sky = draw_sky(sources=sources, observations=observations, seed=5)
    assert len(sky["csc"]) == sources
    assert len(sky["chanmaster"]) == observations
    assert len(set(sky["csc"]["name"].tolist())) == sources


def test_whole_numbers_are_shared_out_exactly():
    assert share_out(7, [1, 1, 1]).sum() == 7
    assert share_out(0, [1, 2]).tolist() == [0, 0]
    assert share_out(29_162, [27_122, 1_161, 631, 230, 18]).tolist() == [
        27_122,
        1_161,
        631,
        230,
        18,
    ]
