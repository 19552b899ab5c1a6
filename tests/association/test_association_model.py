# Licensed under a 3-clause BSD style license - see LICENSE
"""The model that is learned from candidates: against loops by hand and skies of known truth."""

from dataclasses import replace

import numpy as np
import pytest
from association_skies import at_offsets, draw_sky
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table, vstack

from astroquery_cfx import ErrorEllipse, associate_tables
from astroquery_cfx.association.candidates import find_candidates
from astroquery_cfx.association.model import judge, learn
from astroquery_cfx.association.options import AssociationOptions


def with_templates(right, number):
    """The first right sources are extended, with discs of 0.1 deg as templates."""
    right = right.copy()
    for name in ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng"):
        right[name][:number] = np.nan * u.deg
    right["Region_Kind"] = np.where(np.arange(len(right)) < number, "template", "ellipse")
    for name in ("Region_SemiMajor", "Region_SemiMinor"):
        right[name] = np.full(len(right), 0.1) * u.deg
    right["Region_PosAng"] = np.zeros(len(right)) * u.deg
    return right


def learned(left, right, fields, **options):
    inputs = AssociationOptions(fields=fields, **options).read(left, right)
    candidates = find_candidates(inputs)
    return inputs, candidates, learn(inputs, candidates)


@pytest.fixture(scope="module")
def sky():
    """40 extended sources, and 360 located ones, of which half have known counterparts."""
    left, right, fields = draw_sky(31, num_fields=400)
    right = with_templates(right, 40)
    left["flux"][::9] = np.nan * left["flux"].unit
    return left, right, fields


@pytest.fixture(scope="module")
def with_flux(sky):
    return learned(*sky, flux="flux", folds=4)


@pytest.mark.parametrize("number", [19, 20, 150])
def test_few_extended_sources_share_the_prior_of_the_others(number):
    """From 20 with candidates on they have one of their own: here without any counterpart."""
    left, right, fields = draw_sky(32, num_fields=300, density=2000.0)
    left = left[~np.isin(left["truth"], right["source"][:number])]
    right = with_templates(right, number)
    meta = associate_tables(left, right, fields=fields, flux="flux").meta["association"]
    assert meta["right_extended"] == number
    names = ("share", "share_exponent", "share_density_exponent")
    same = [meta[name] == meta[f"extended_{name}"] for name in names]
    assert all(same) == (number < 20)
    if number == 150:
        assert meta["extended_share"] < 0.75 * meta["share"]


def test_extended_sources_without_candidates_are_not_counted():
    left, right, fields = draw_sky(33, num_fields=200)
    right = with_templates(right, 30)
    right["RAJ2000"][:15] += 180 * u.deg  # where nothing was observed
    meta = associate_tables(left, right, fields=fields).meta["association"]
    assert meta["right_extended"] == 30
    assert meta["extended_share"] == meta["share"]


def test_known_counterparts_are_the_nearest_within_their_errors():
    """At least 3 arcsec, or the 95% error of the left source; as many folds as asked for."""
    number = 12
    right_ra, right_dec = np.linspace(10, 120, number), np.linspace(-60, 60, number)
    true_ra, true_dec = at_offsets(
        right_ra, right_dec, np.full(number, 0.01), np.full(number, 40.0)
    )
    offset = np.array([0, 1, 2.9, 0, 1, 2, 2.9, 2.9, 2.9, 8, 2, 2.9])  # arcsec, the first 8 secure
    error = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 10, 1, 1.0])
    ra, dec = at_offsets(true_ra, true_dec, offset / 3600, np.full(number, 200.0))
    # Beside the last: another, twice as far; and one that is a little too far for a match.
    far_ra, far_dec = at_offsets(
        true_ra[-2:], true_dec[-2:], np.array([3.2, 5.8]) / 3600, np.zeros(2)
    )
    left = QTable(
        {
            "ra": np.append(far_ra, ra) * u.deg,
            "dec": np.append(far_dec, dec) * u.deg,
            "error_ellipse_r0": np.append([1.0, 1.0], error) * u.arcsec,
            "flux": np.full(number + 2, 1e-14),
        }
    )
    right = QTable({"ra": right_ra * u.deg, "dec": right_dec * u.deg})
    positions = SkyCoord(true_ra, true_dec, unit="deg")
    options = {"flux": "flux", "folds": 5, "ellipse": ErrorEllipse(0.03 * u.deg)}
    _, _, model = learned(left, right, None, training=positions, **options)
    assert model.known.tolist() == list(range(2, number + 2))
    assert model.source == "known counterparts"
    assert model.fold.tolist() == [-1, -1, *(np.arange(number) % 5)]  # in the order of ra
    assert model.right_fold.tolist() == (np.arange(number) % 5).tolist()
    # With offsets of 3.1 arcsec, or fewer than ten, they are not known.
    moved = SkyCoord(
        *at_offsets(true_ra, true_dec, np.full(number, 20 / 3600), np.zeros(number)), unit="deg"
    )
    _, _, model = learned(left, right, None, training=moved, **options)
    assert (model.source, set(model.known)) == ("expectation-maximisation", {-1})
    for known, source in ((9, "expectation-maximisation"), (10, "known counterparts")):
        some = SkyCoord(np.where(np.arange(number) < known, true_ra, 300), true_dec, unit="deg")
        _, _, model = learned(left, right, None, training=some, **options)
        assert model.source == source
        assert np.sum(model.fold >= 0) == (known if known == 10 else 0)


def test_regions_are_judged_without_their_counterparts(with_flux):
    """Or, if they have no known one, without the nearest of others among their candidates."""
    _, candidates, model = with_flux
    has_own = model.known >= 0
    assert has_own.sum() > 50
    assert np.array_equal(model.right_fold[has_own], model.fold[model.known[has_own]])
    for j in np.flatnonzero(~has_own):
        others = candidates.left[candidates.right == j]
        others = others[model.fold[others] >= 0]
        assert model.right_fold[j] == (model.fold[others[0]] if len(others) else -1)
    assert set(model.fold.tolist()) == {-1, 0, 1, 2, 3}


def test_an_alien_counterpart_sets_the_fold():
    """Two neighbours without known counterparts of their own: the nearer known source counts."""
    left, right, fields = draw_sky(34, num_fields=60)
    known = np.flatnonzero(np.isfinite(right["RA_Counterpart"]))
    extra = right[known[:2]].copy()
    extra["RAJ2000"] += 0.005 * u.deg
    extra["RA_Counterpart"][:] = np.nan * u.deg
    for name in ("Conf_95_SemiMajor", "Conf_95_SemiMinor"):
        extra[name] = 0.3 * u.deg
    right = vstack([right, extra])
    _, candidates, model = learned(left, right, fields, flux="flux", folds=7)
    assert model.known[-2:].tolist() == [-1, -1]
    for j in (60, 61):
        nearest = candidates.left[candidates.right == j]
        nearest = nearest[model.fold[nearest] >= 0][0]
        assert model.right_fold[j] == model.fold[nearest] >= 0


def expected_ratios(candidates, model):
    """The likelihood ratios by the formulas, region by region."""
    ratios, brighter = np.zeros(len(candidates.left)), np.zeros(len(candidates.left))
    for j in range(len(candidates.coverage)):
        pairs = np.flatnonzero(candidates.right == j)
        if not len(pairs):
            continue
        near = candidates.near_left[candidates.near_right == j]
        left, fold = candidates.left[pairs], model.right_fold[j]
        field = candidates.local_density[j] * (1 - model.weight[near].sum() / (len(near) + 1))
        wide = np.exp(-(candidates.offset[pairs] ** 2) / 8) / 4
        narrow = np.exp(-(candidates.offset[pairs] ** 2) / 2)
        ratio = candidates.density[pairs] / field
        if not candidates.extended[j]:
            ratio = ratio * ((1 - model.tail) * narrow + model.tail * wide) / narrow
        if len(model.crowding) > 1:
            crowding = np.exp(model.crowding[fold] * candidates.log_crowding[pairs])
            ratio = ratio * crowding / crowding.mean()
        field = np.full(len(pairs), field)
        if model.flux_ratio is not None:
            level = np.full(len(pairs), candidates.level[j])
            by_flux, share = model.flux_ratio.of_sources(left, level, np.full(len(pairs), fold))
            ratio, field = ratio * by_flux, field * share
        if not candidates.extended[j]:
            of_field = ratio * (1 - model.weight[left])
            number = of_field.sum() ** 2 / (of_field**2).sum()
            times = of_field.sum() / max(candidates.coverage[j], 1 / 256)
            ratio = ratio / ((100 + number * times) / (100 + number))
        ratios[pairs], brighter[pairs] = ratio, field
    return ratios, brighter


def test_likelihood_ratios(sky, with_flux):
    _, candidates, model = with_flux
    assert len(model.crowding) == 5
    assert candidates.extended[candidates.right].any()
    found = model.likelihood_ratios(candidates)
    for one, expected in zip(found, expected_ratios(candidates, model), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-9)
    _, candidates, model = learned(*sky)
    found = model.likelihood_ratios(candidates)
    for one, expected in zip(found, expected_ratios(candidates, model), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-9)
    first = replace(model, weight=None)  # before anything is known of the candidates
    _, brighter = first.likelihood_ratios(candidates)
    np.testing.assert_array_equal(brighter, candidates.local_density[candidates.right])


def test_prior_follows_coverage_and_density(with_flux):
    _, candidates, model = with_flux
    assert candidates.coverage.min() < 0.9
    about = candidates.local_density[np.isfinite(candidates.local_density)]
    assert np.mean(about <= model.densest) == pytest.approx(0.95, abs=0.005)
    model = replace(model, prior_parameters=((0.6, 0.5, 0.2), (0.3, 1.0, 0.0)))
    density = np.nan_to_num(candidates.local_density, nan=model.densest) / model.densest
    density = np.clip(density, 0.001, 1)
    coverage = np.maximum(candidates.coverage, 1 / 256)
    expected = np.where(candidates.extended, 0.3 * coverage, 0.6 * coverage**0.5 * density**0.2)
    np.testing.assert_allclose(model.prior(candidates), expected)
    far = replace(candidates, local_density=np.full(400, 1e-9))
    np.testing.assert_array_equal(model.relative_density(far), 0.001)


def test_what_is_learned_is_settled(sky, with_flux):
    """The model and the p_i of its candidates agree, and with the truth."""
    inputs, candidates, model = with_flux
    judged = judge(candidates, model)
    highest = np.zeros(len(model.weight))
    np.maximum.at(highest, candidates.left, judged.p_i)
    assert np.corrcoef(model.weight, highest)[0, 1] > 0.98
    true = (np.asarray(sky[0]["truth"]) != "")[inputs.left.rows[np.unique(candidates.left)]]
    assert judged.p_i.sum() == pytest.approx(true.sum(), rel=0.1)


def test_crowding_is_learned_where_counterparts_crowd():
    """Three more sources beside half of the counterparts, as in clusters of stars."""
    left, right, fields = draw_sky(35, num_fields=400)
    rng = np.random.default_rng(1)
    rows = np.flatnonzero((np.asarray(left["truth"]) != "") & (rng.random(len(left)) < 0.5))
    rows = np.repeat(rows, 3)
    ra, dec = at_offsets(
        left["ra"][rows].value,
        left["dec"][rows].value,
        rng.uniform(2, 8, len(rows)) / 3600,
        rng.uniform(0, 360, len(rows)),
    )
    crowd = left[rows]
    crowd["ra"], crowd["dec"] = ra * u.deg, dec * u.deg
    crowd["truth"], crowd["flux"] = "", crowd["flux"] * rng.uniform(0.01, 0.5, len(rows))
    crowded = vstack([left, crowd])
    exponents = [
        associate_tables(table, right, fields=fields, flux="flux").meta["association"][
            "crowding_exponent"
        ]
        for table in (left, crowded)
    ]
    assert exponents[1] > exponents[0] + 0.5, exponents


def test_ranks_and_confusion(with_flux):
    _, candidates, model = with_flux
    judged = judge(candidates, model)
    p_i, left, right = judged.p_i, candidates.left, candidates.right
    rank, confused = [], []
    for k in range(len(p_i)):
        rivals = np.flatnonzero(right == right[k])
        rank.append(1 + sorted(rivals, key=lambda rival: (-p_i[rival], rival)).index(k))
        several = np.sum(p_i[rivals] >= 0.1 * p_i[rivals].max()) > 1
        confused.append(several or (p_i[k] > 0.1 and np.sum(p_i[left == left[k]] > 0.1) > 1))
    assert judged.rank.tolist() == rank
    assert judged.rank.dtype == np.int32
    assert judged.confused.tolist() == confused
    assert 0.02 < np.mean(confused) < 0.9
    total = np.bincount(candidates.right, judged.p_i)[candidates.right]
    np.testing.assert_allclose(judged.p_any, total)


def test_a_source_of_two_regions_is_confused():
    """One source, the only candidate of two regions, each with a high p_i: both rows are marked."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(10, 14, 400), rng.uniform(-2, 2, 400)
    left = Table({"ra": ra, "dec": dec}, units=["deg", "deg"])
    right = Table({"ra": ra + 0.0005, "dec": dec}, units=["deg", "deg"])
    alone = associate_tables(left, right, ellipse=ErrorEllipse(0.002 * u.deg))
    assert np.mean(alone["confused"]) < 0.01
    right.add_row((ra[0] - 0.0005, dec[0]))
    both = associate_tables(left, right, ellipse=ErrorEllipse(0.002 * u.deg))
    own = np.asarray(both["left_ra"]) == ra[0]
    assert np.sum(own) == 2
    assert np.all(both["p_i"][own] > 0.1)
    assert np.all(both["confused"][own])


def test_larger_errors_are_learned_from_located_sources_alone():
    """Offsets of the counterparts three times as large as their errors say."""
    left, right, fields = draw_sky(36, num_fields=500, density=100.0)
    options = {"fields": fields, "flux": "flux"}
    tails = []
    for scale in (1, 1.6):
        for name in ("Conf_95_SemiMajor", "Conf_95_SemiMinor"):
            right[name] = right[name] / scale
        tails.append(associate_tables(left, right, **options).meta["association"]["tail"])
    assert tails[0] < 0.1
    assert tails[1] > 0.3, tails
