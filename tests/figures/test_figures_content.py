# Licensed under a 3-clause BSD style license - see LICENSE
"""What is drawn is what the tables say."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord, angular_separation
from astropy.table import Table, vstack
from astropy.wcs import WCS
from figure_tables import make_tables
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure

from astroquery_cfx import figures
from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.figures import sky


def galactic(table):
    place = SkyCoord(table["ra"], table["dec"], unit="deg").galactic
    return place.l.deg, place.b.deg


def only(ax, kind):
    found = [one for one in ax.collections if isinstance(one, kind)]
    assert len(found) == 1
    return found[0]


def wrapped(longitude):
    return (np.asarray(longitude) + 180) % 360 - 180


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def separation_deg(l1, b1, l2, b2):
    return np.degrees(angular_separation(*(np.radians(one) for one in (l1, b1, l2, b2))))


# --- all-sky maps


def test_sources_lie_where_they_are_brightest_on_top(tables):
    table = tables["sources"][np.asarray(tables["sources"]["b_flux_ap"]) > 0]
    points = only(figures.plot_sources_map(tables["sources"]), PathCollection)
    flux = points.get_array()
    assert np.all(np.diff(flux) >= 0)
    order = np.argsort(np.asarray(table["b_flux_ap"]))
    longitude, latitude = galactic(table)
    np.testing.assert_allclose(flux, np.asarray(table["b_flux_ap"])[order])
    np.testing.assert_allclose(
        np.degrees(points.get_offsets()[:, 0]), -wrapped(longitude)[order], atol=1e-9
    )
    np.testing.assert_allclose(np.degrees(points.get_offsets()[:, 1]), latitude[order], atol=1e-9)
    assert points.get_rasterized()


def test_exposures_are_in_kiloseconds(tables):
    table = tables["observations"]
    points = only(figures.plot_observations_map(table), PathCollection)
    kept = np.asarray(table["exposure"])[10:]
    np.testing.assert_allclose(points.get_array(), np.sort(kept) / 1000)


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("plot_sources_map", "sources"),
        ("plot_matches_map", "matched"),
        ("plot_observations_map", "observations"),
    ],
)
def test_longitudes_are_labelled_to_the_left(tables, name, which):
    ax = getattr(figures, name)(tables[which])
    labels = [text for text in ax.texts if text.get_gid() == "longitude"]
    assert {text.get_text() for text in labels} == {
        f"{degrees}°" for degrees in range(0, 360, 30)
    } - {"180°"}
    for text in labels:
        degrees = float(text.get_text()[:-1])
        assert np.degrees(text.get_position()[0]) == pytest.approx(-wrapped(degrees))
    assert set(ticks(ax.xaxis)) == {""}
    assert "increasing to the left" in ax.get_xlabel()


def test_colour_scale_says_where_it_ends(tables):
    ax = figures.plot_sources_map(tables["sources"])
    (bar,) = (one for one in ax.figure.axes if one is not ax)
    points = only(ax, PathCollection)
    assert points.norm.vmin > points.get_array().min()
    assert points.norm.vmax < points.get_array().max()
    assert points.colorbar.extend == "both"
    assert bar.get_xlabel() == r"0.5–7 keV energy flux [erg s$^{-1}$ cm$^{-2}$]"


def test_one_flux_has_a_colour(tables):
    one = tables["sources"][100:101]
    ax = figures.plot_sources_map(one)
    points = only(ax, PathCollection)
    assert points.norm.vmin < points.get_array()[0] < points.norm.vmax


def hammer():
    """All-sky axes whose projection matplotlib can turn back, as it cannot for Aitoff."""
    return Figure().add_subplot(projection="hammer")


def regions(ax):
    """The polygons on an all-sky map, back in Galactic degrees."""
    invert = ax.transProjection.inverted()
    for path in only(ax, PolyCollection).get_paths():
        minus_l, b = np.degrees(invert.transform(path.vertices[:-1])).T
        yield -minus_l, b


def test_regions_on_the_map_have_their_true_radius(tables):
    fermi = tables["grouped"]
    fermi = fermi[np.isfinite(np.asarray(fermi["fermi_r95"]))]
    found = np.zeros(len(fermi), dtype=int)
    for longitude, latitude in regions(figures.plot_matches_map(tables["matched"], ax=hammer())):
        apart = separation_deg(
            longitude[:, None],
            latitude[:, None],
            np.asarray(fermi["fermi_l"]),
            np.asarray(fermi["fermi_b"]),
        )
        inner = np.abs(np.abs(longitude) - 180) > 1e-6  # the others lie on the edge of the map
        error = np.abs(apart - np.asarray(fermi["fermi_r95"]))[inner].max(axis=0)
        assert error.min() < 1e-6
        found[np.argmin(error)] += 1
    np.testing.assert_array_equal(found[:3], [2, 2, 1])  # the first two lie across the edge
    assert np.all(found >= 1)


def test_region_about_a_pole_reaches_the_pole():
    ax = hammer()
    sky.draw_aitoff_circles(
        ax, np.array([40.0, 10.0]), np.array([89.5, -89.9]), np.array([2.0, 1.0])
    )
    north, south = regions(ax)
    assert north[1].max() == pytest.approx(90, abs=1e-4)
    assert south[1].min() == pytest.approx(-90, abs=1e-4)
    inner = (np.abs(north[0]) < 179) & (north[1] < 89.999)
    np.testing.assert_allclose(
        separation_deg(north[0], north[1], 40.0, 89.5)[inner], 2.0, atol=1e-3
    )


def test_circle_vertices_lie_on_the_circle():
    rng = np.random.default_rng(5)
    longitude, latitude = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    radius = rng.uniform(0.001, 5, 50)
    east, rim = sky.circle_vertices(longitude, latitude, radius)
    apart = separation_deg(longitude[:, None] + east, rim, longitude[:, None], latitude[:, None])
    np.testing.assert_allclose(apart, np.broadcast_to(radius[:, None], apart.shape), rtol=1e-9)


def test_each_matched_source_is_drawn_once(tables):
    ax = figures.plot_matches_map(vstack([tables["matched"], tables["matched"]]))
    chandra, rings = ax.lines[:2]
    assert len(chandra.get_xdata()) == len(tables["matched"])
    assert len(rings.get_xdata()) == len(tables["grouped"])
    np.testing.assert_allclose(
        np.sort(np.degrees(rings.get_xdata())), np.sort(-wrapped(tables["grouped"]["fermi_l"]))
    )


def test_closeups_show_the_most_matched_at_true_size(tables):
    ax = figures.plot_matches_map(tables["matched"])
    closeups = [one for one in ax.figure.axes if one is not ax]
    assert len(closeups) == 3
    counts = dict(
        zip(tables["grouped"]["fermi_name"], tables["grouped"]["num_csc_matches"], strict=True)
    )
    shown = [one.get_title().split("\n")[0] for one in closeups]
    assert [f"{name}\n{counts[name]} pairs" for name in shown] == [
        one.get_title() for one in closeups
    ]
    assert counts[shown[0]] == max(counts.values())
    place = SkyCoord(tables["grouped"]["fermi_l"], tables["grouped"]["fermi_b"], frame="galactic")
    for name, panel in zip(shown, closeups, strict=True):
        row = list(tables["grouped"]["fermi_name"]).index(name)
        rim = [
            panel.wcs.pixel_to_world(*path.vertices.T)
            for path in only(panel, PolyCollection).get_paths()
        ]
        radii = [one.separation(place[row]).deg for one in rim]
        r95 = np.asarray(tables["grouped"]["fermi_r95"])[row]
        assert any(np.allclose(radius, r95, rtol=1e-6) for radius in radii)


def test_symbols_grow_with_matches_and_small_ones_lie_on_top(tables):
    grouped = tables["grouped"]
    points = only(figures.plot_match_density_map(grouped), PathCollection)
    sizes = points.get_sizes()
    assert np.all(np.diff(sizes) <= 0)
    assert len(sizes) == len(grouped)
    assert len(np.unique(sizes)) == len(np.unique(grouped["num_csc_matches"]))


# --- strips


def test_strip_shows_every_source_in_its_place(tables):
    table = tables["sources"]
    longitude, latitude = galactic(table)
    drawn = (np.asarray(table["b_flux_ap"]) > 0) & (np.abs(latitude) <= 5)
    seen = {}
    for panel in figures.plot_plane_strip(table, b_max=5 * u.deg):
        points = only(panel, PathCollection)
        place = panel.wcs.pixel_to_world(*points.get_offsets().T)
        x, y = points.get_offsets().T
        assert np.all((x >= panel.get_xlim()[0]) & (x <= panel.get_xlim()[1]))
        assert np.all((y >= panel.get_ylim()[0]) & (y <= panel.get_ylim()[1]))
        seen.update(
            zip(points.get_array(), zip(place.l.deg, place.b.deg, strict=True), strict=True)
        )
    row = {flux: index for index, flux in enumerate(np.asarray(table["b_flux_ap"])) if drawn[index]}
    assert set(seen) == set(row)
    for flux, place in seen.items():
        assert separation_deg(*place, longitude[row[flux]], latitude[row[flux]]) < 1e-8


@pytest.mark.parametrize(("b_max", "panels"), [(90, 1), (15, 3), (10, 3), (1, 5)])
def test_panels_fit_the_strip_and_are_not_stretched(tables, b_max, panels):
    axes = figures.plot_plane_strip(tables["sources"], b_max=b_max * u.deg)
    assert len(axes) == panels
    axes[0].figure.draw_without_rendering()
    middles = [panel.wcs.wcs.crval[0] for panel in axes]
    assert middles == [180 - (number + 0.5) * 360 / panels for number in range(panels)]
    for panel in axes:
        box, x, y = panel.get_window_extent(), np.ptp(panel.get_xlim()), np.ptp(panel.get_ylim())
        assert box.width / x == pytest.approx(box.height / y, rel=0.01)


def test_regions_on_the_strip_are_whole_and_true(tables):
    fermi = tables["grouped"]
    fermi = fermi[np.isfinite(np.asarray(fermi["fermi_r95"]))]
    whole = np.zeros(len(fermi), dtype=int)
    for panel in figures.plot_flux_ratio_strip(tables["matched"]):
        for path in only(panel, PolyCollection).get_paths():
            x, y = path.vertices.T
            rim = panel.wcs.pixel_to_world(x, y)
            apart = separation_deg(
                rim.l.deg[:, None],
                rim.b.deg[:, None],
                np.asarray(fermi["fermi_l"]),
                np.asarray(fermi["fermi_b"]),
            )
            error = np.abs(apart - np.asarray(fermi["fermi_r95"])).max(axis=0)
            assert error.min() < 1e-7
            inside = (
                (x.min() > panel.get_xlim()[0])
                & (x.max() < panel.get_xlim()[1])
                & (y.min() > panel.get_ylim()[0])
                & (y.max() < panel.get_ylim()[1])
            )
            whole[np.argmin(error)] += inside
    assert np.all(whole >= 1)  # also those across the ends of the panels and the rim of the strip


def test_strip_draws_on_given_panels(tables):
    figure = Figure()
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
    wcs.wcs.crpix, wcs.wcs.cdelt, wcs.wcs.cunit = [900, 50], [-0.2, 0.2], ["deg", "deg"]
    panel = figure.add_subplot(projection=wcs)
    (drawn,) = figures.plot_flux_ratio_strip(tables["matched"], ax=panel)
    assert drawn is panel
    place = panel.wcs.pixel_to_world(*only(panel, PathCollection).get_offsets().T)
    nearest = (
        place[0]
        .separation(
            SkyCoord(tables["matched"]["csc_l"], tables["matched"]["csc_b"], frame="galactic")
        )
        .deg.min()
    )
    assert nearest < 1e-8
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    with pytest.raises(InvalidInputError, match="plate carree"):
        figures.plot_plane_strip(tables["sources"], ax=figure.add_subplot(projection=wcs))


@pytest.mark.parametrize(
    "b_max", [10, "ten", 1 * u.s, -1 * u.deg, 91 * u.deg, [1, 2] * u.deg, np.nan * u.deg]
)
def test_b_max_has_to_be_an_angle(tables, b_max):
    with pytest.raises(InvalidInputError, match="b_max"):
        figures.plot_plane_strip(tables["sources"], b_max=b_max)


def test_ratio_is_that_of_the_two_fluxes(tables):
    matched = tables["matched"]
    ratio = np.asarray(matched["csc_flux"]) / np.asarray(matched["fermi_flux"])
    shown = np.concatenate(
        [
            only(panel, PathCollection).get_array()
            for panel in figures.plot_flux_ratio_strip(matched)
        ]
    )
    np.testing.assert_allclose(np.unique(shown), np.unique(ratio[ratio > 0]))


# --- histograms


def test_longitude_histogram_counts_every_source(tables):
    longitude, _ = galactic(tables["sources"])
    ax = figures.plot_longitude_histogram(tables["sources"])
    counts, edges, _ = ax.patches[0].get_data()
    assert len(counts) == 36
    expected = [np.sum((wrapped(longitude) // 10) * 10 == low) for low in range(-180, 180, 10)]
    np.testing.assert_array_equal(counts, expected)
    assert ax.get_xlim() == (180, -180)
    assert ax.get_ylim()[1] > counts.max()
    assert ax.xaxis.get_major_formatter()(-30, 0) == "330"
    assert edges[0] == -180


def test_latitude_histogram_counts_every_source(tables):
    _, latitude = galactic(tables["sources"])
    ax = figures.plot_latitude_histogram(tables["sources"], bins=12)
    counts, edges, _ = ax.patches[0].get_data()
    assert counts.sum() == len(latitude)
    np.testing.assert_array_equal(counts, np.histogram(latitude, edges)[0])
    assert edges[-1] == -edges[0] >= np.abs(latitude).max()


@pytest.mark.parametrize("bins", [0, -3, 2.5, "many", None, True])
def test_bins_are_a_whole_number(tables, bins):
    with pytest.raises(InvalidInputError, match="bins"):
        figures.plot_longitude_histogram(tables["sources"], bins=bins)


# --- matches


def test_each_fermi_source_has_its_own_stem(tables):
    grouped = tables["grouped"].copy()
    grouped["num_csc_matches"][7] = 5000
    ax = figures.plot_match_counts(grouped)
    stems = {(segment[0][0], segment[1][1]) for segment in only(ax, LineCollection).get_segments()}
    assert stems == set(zip(wrapped(grouped["fermi_l"]), grouped["num_csc_matches"], strict=True))
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[0] < 1
    assert ax.get_ylim()[1] > 5000
    heads = np.concatenate([line.get_ydata() for line in ax.lines])
    np.testing.assert_array_equal(np.sort(heads), np.sort(grouped["num_csc_matches"]))


def test_matches_by_flux_shows_all(tables):
    grouped = tables["grouped"]
    ax = figures.plot_matches_by_flux(grouped)
    shown = sorted(point for line in ax.lines for point in zip(*line.get_data(), strict=True))
    assert shown == sorted(
        zip(np.asarray(grouped["fermi_flux"]), grouped["num_csc_matches"], strict=True)
    )
    assert "0.1–100 GeV energy flux" in ax.get_xlabel()


# --- ratios


def test_ratio_by_position_shares_its_axis_and_hides_nothing(tables):
    matched = tables["matched"]
    by_longitude, by_latitude = figures.plot_flux_ratio_by_position(matched)
    assert by_longitude.get_shared_y_axes().joined(by_longitude, by_latitude)
    ratio = np.asarray(matched["csc_flux"]) / np.asarray(matched["fermi_flux"])
    for ax, x in (
        (by_longitude, wrapped(matched["fermi_l"])),
        (by_latitude, np.asarray(matched["fermi_b"])),
    ):
        shown = sorted(point for line in ax.lines for point in zip(*line.get_data(), strict=True))
        np.testing.assert_allclose(shown, sorted(zip(x[ratio > 0], ratio[ratio > 0], strict=True)))
        assert ax.get_ylim()[0] < ratio[ratio > 0].min() < ratio.max() < ax.get_ylim()[1]
        assert min(ax.get_xlim()) <= x.min() <= x.max() <= max(ax.get_xlim())


def test_every_class_has_its_column_and_numbers(tables):
    matched = tables["matched"][np.asarray(tables["matched"]["csc_flux"]) > 0]
    ax = figures.plot_flux_ratio_by_class(tables["matched"])
    labels = [label.split("\n") for label in ticks(ax.xaxis)]
    classes = [label[0] for label in labels]
    assert classes == ["psr", "spp", "nov", "none", "unk", "bcu", "bll", "sbg", "zzz"]
    for code, pairs, sources in labels:
        of = np.char.lower(np.asarray(matched["fermi_class"], dtype=str)) == code.replace(
            "none", ""
        )
        assert int(pairs) == of.sum()
        assert int(sources) == len(np.unique(matched["fermi_name"][of]))


def test_identified_and_associated_are_told_apart(tables):
    matched = tables["matched"][np.asarray(tables["matched"]["csc_flux"]) > 0]
    ax = figures.plot_flux_ratio_by_class(matched)
    shown = {}
    for line in ax.lines:
        shown[line.get_gid(), line.get_marker()] = len(line.get_xdata())
        column = [label.split("\n")[0] for label in ticks(ax.xaxis)].index(line.get_gid())
        assert np.all(np.abs(line.get_xdata() - column) < 0.4)
    assert shown["psr", "D"] == np.sum(matched["fermi_class"] == "PSR")
    assert shown["psr", "o"] == np.sum(matched["fermi_class"] == "psr")
    (legend,) = ax.figure.legends
    assert {"identified", "associated, or unassociated"} <= {
        text.get_text() for text in legend.get_texts()
    }


def test_jitter_hangs_on_the_seed_alone(tables):
    def jitter(seed):
        return np.concatenate(
            [
                line.get_xdata()
                for line in figures.plot_flux_ratio_by_class(tables["matched"], seed=seed).lines
            ]
        )

    np.testing.assert_array_equal(jitter(1), jitter(1))
    assert not np.array_equal(jitter(1), jitter(2))
    with pytest.raises(InvalidInputError, match="seed"):
        jitter("dice")


def test_masked_classes_are_unassociated(tables):
    matched = Table(tables["matched"], masked=True)
    matched["fermi_class"].mask = True
    ax = figures.plot_flux_ratio_by_class(matched)
    assert [label.split("\n")[0] for label in ticks(ax.xaxis)] == ["none"]


# --- separations


def test_separations_count_every_pair_once(tables):
    separations = tables["separations"]
    in_degrees, in_ellipses = figures.plot_separations(separations, radius=0.1 * u.deg)
    counts, edges, _ = in_degrees.patches[0].get_data()
    np.testing.assert_array_equal(counts, np.histogram(separations["separation"], edges)[0])
    assert counts.sum() == len(separations)
    within, beyond = (
        patch.get_data().values.sum() for patch in in_ellipses.patches if patch.get_fill()
    )
    offsets = np.asarray(separations["offset_95"])
    assert within == np.sum(offsets <= 4)
    assert beyond == np.sum(offsets > 4)
    nearest = (
        in_ellipses.patches[1].get_data().values.sum()
        + in_ellipses.patches[3].get_data().values.sum()
    )
    assert nearest == len(np.unique(separations["fermi_name"][np.isfinite(offsets)]))


def test_laws_hold_their_share(tables):
    separations = tables["separations"]
    in_degrees, in_ellipses = figures.plot_separations(separations, radius=0.1 * u.deg)
    r, chance = in_degrees.lines[0].get_data()
    assert np.trapezoid(chance, r) / 0.004 == pytest.approx(len(separations), rel=1e-3)
    assert chance[100] == pytest.approx(chance[200] / 2)
    x, truth = in_ellipses.lines[0].get_data()
    sources = len(
        np.unique(separations["fermi_name"][np.isfinite(np.asarray(separations["offset_95"]))])
    )
    inside = x <= 1
    assert np.trapezoid(truth, x) / 0.1 == pytest.approx(sources, rel=1e-3)
    assert np.trapezoid(truth[inside], x[inside]) / 0.1 == pytest.approx(0.95 * sources, rel=1e-3)
    assert x[np.argmax(truth)] == pytest.approx(1 / 2.4477, abs=0.02)


def test_true_counterparts_follow_the_law_that_is_drawn():
    rng = np.random.default_rng(11)
    offset = np.hypot(*rng.normal(0, 1 / 2.4477, (2, 20_000)))
    table = Table(
        {
            "fermi_name": [f"F{number}" for number in range(20_000)],
            "separation": offset / 20,
            "offset_95": offset,
        }
    )
    _, ax = figures.plot_separations(table)
    counts, edges, _ = ax.patches[0].get_data()
    x, law = ax.lines[0].get_data()
    expected = np.interp((edges[1:] + edges[:-1]) / 2, x, law)
    big = expected > 100
    assert np.all(
        np.abs(counts - expected)[big] < 5 * np.sqrt(expected[big]) + 0.02 * expected[big]
    )


def test_pairs_without_ellipse_are_noted_and_none_at_all_is_said(tables):
    separations = tables["separations"].copy()
    separations["offset_95"] = np.nan
    axes = figures.plot_separations(separations)
    assert axes[1].texts[0].get_text() == "no pair has a 95% ellipse"
    notes = [text.get_text() for text in axes[0].figure.texts if text.get_gid() == "notes"]
    assert f"({len(separations):,} of them without a 95% ellipse" in notes[0]


@pytest.mark.parametrize("radius", [0.1, "wide", 1 * u.s, 0.001 * u.deg])
def test_radius_has_to_hold_the_pairs(tables, radius):
    with pytest.raises(InvalidInputError, match="radius"):
        figures.plot_separations(tables["separations"], radius=radius)


# --- shares


def test_bars_are_the_shares(tables):
    ax = figures.plot_class_shares(tables["shares"])
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(
        heights, [tables["shares"]["share_plane"], tables["shares"]["share_matched"]]
    )
    assert [text.get_text() for text in ax.texts[:4]] == [
        "40%\n40",
        "30%\n30",
        "20%\n20",
        "10%\n10",
    ]
    percent = tables["shares"].copy()
    percent["share_plane"] = np.asarray(percent["share_plane"]) * 100 * u.percent
    np.testing.assert_allclose(
        [bar.get_height() for bar in figures.plot_class_shares(percent).containers[0]], heights[0]
    )


# --- real data


def test_real_catalogues_are_drawn_whole(shared_data):
    sources = Table.read(shared_data / "csc_real_sample.fits")
    ax = figures.plot_sources_map(sources)
    flux = np.ma.filled(sources["b_flux_ap"].astype(float), np.nan)
    assert len(only(ax, PathCollection).get_array()) == np.sum(flux > 0)


def test_many_points_are_drawn_as_pixels_in_vector_files():
    many = vstack([make_tables(seed)["matched"] for seed in range(8)], metadata_conflicts="silent")
    for ax in (*figures.plot_flux_ratio_by_position(many), figures.plot_flux_ratio_by_class(many)):
        assert all(line.get_rasterized() for line in ax.lines)
