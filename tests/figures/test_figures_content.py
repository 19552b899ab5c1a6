# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures show what is in the tables."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord, angular_separation
from astropy.table import Table, vstack
from astropy.wcs import WCS
from figure_tables import make_tables
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from astroquery_cfx import figures
from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.fermi.classes import GROUP_COLORS, class_group, known_classes
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


def test_galactic_plane_is_drawn_in_equatorial_coordinates(tables):
    (line,) = figures.plot_observations_map(tables["observations"]).lines
    x, y = np.degrees(line.get_xydata().T)
    place = SkyCoord(-x, y, unit="deg").galactic
    np.testing.assert_allclose(place.b.deg, 0, atol=1e-9)
    assert np.all(np.diff(x) >= 0)
    assert np.all(np.diff(np.sort(place.l.deg)) < 1)


def hammer():
    """Return all-sky axes whose projection matplotlib can invert, as it cannot for Aitoff."""
    return Figure().add_subplot(projection="hammer")


def regions(ax):
    """Yield the polygons on an all-sky map in Galactic degrees."""
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
    number = -np.sort(-np.asarray(grouped["num_csc_matches"]))
    np.testing.assert_allclose(np.sqrt(sizes), 3.5 + 4.5 * np.log10(number))
    order = np.argsort(-np.asarray(grouped["num_csc_matches"]), kind="stable")
    x, y = np.degrees(points.get_offsets()).T
    np.testing.assert_allclose(x, -wrapped(grouped["fermi_l"])[order])
    np.testing.assert_allclose(y, np.asarray(grouped["fermi_b"])[order])
    colors = [GROUP_COLORS[class_group(code)] for code in grouped["fermi_class"][order]]
    assert [to_hex(color, keep_alpha=False) for color in points.get_facecolors()] == colors


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (9, ["1 match"]),
        (10, ["1 match", "10 matches"]),
        (2500, ["1 match", "10 matches", "100 matches", "1,000 matches"]),
    ],
)
def test_legend_of_sizes_reaches_the_most_matches(tables, most, steps):
    grouped = tables["grouped"][np.asarray(tables["grouped"]["num_csc_matches"]) < 9]
    grouped["num_csc_matches"][0] = most
    (legend,) = figures.plot_match_density_map(grouped).figure.legends
    entries = {
        text.get_text(): handle
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert [label for label in entries if "match" in label] == steps
    assert [label for label in entries if label in GROUP_COLORS] == list(GROUP_COLORS)
    for label in steps:
        number = int(label.split()[0].replace(",", ""))
        assert entries[label].get_markersize() == pytest.approx(3.5 + 4.5 * np.log10(number))


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


def test_bright_sources_of_a_strip_are_drawn_on_top(tables):
    axes = figures.plot_plane_strip(tables["sources"])
    for panel in axes:
        assert np.all(np.diff(only(panel, PathCollection).get_array()) >= 0)
        assert only(panel, PathCollection).get_rasterized()
    norms = {id(only(panel, PathCollection).norm) for panel in axes}
    assert len(norms) == 1
    highest = [
        only(panel, PathCollection).get_array()
        for panel in figures.plot_flux_ratio_strip(tables["matched"])
    ]
    assert all(np.all(np.diff(ratios) >= 0) for ratios in highest)


def test_sources_at_the_end_of_a_panel_are_in_both(tables):
    at = SkyCoord([58.6, 61.4, 58.4, 61.6], [0.0] * 4, unit="deg", frame="galactic").icrs
    table = Table({"ra": at.ra, "dec": at.dec, "b_flux_ap": [1.0, 2.0, 3.0, 4.0]})
    shown = [
        only(panel, PathCollection).get_array().tolist()
        for panel in figures.plot_plane_strip(table)
    ]
    assert shown == [[1, 2, 4], [1, 2, 3], []]
    one = [
        only(panel, PathCollection).get_array().tolist()
        for panel in figures.plot_plane_strip(table, b_max=90 * u.deg)
    ]
    assert one == [[1, 2, 3, 4]]
    at = SkyCoord([180.0, 0.0], [0.0] * 2, unit="deg", frame="galactic").icrs
    table = Table({"ra": at.ra, "dec": at.dec, "b_flux_ap": [1.0, 2.0]})
    (panel,) = figures.plot_plane_strip(table, b_max=90 * u.deg)
    x = panel.wcs.wcs_pix2world(only(panel, PathCollection).get_offsets(), 0)[:, 0]
    assert only(panel, PathCollection).get_array().tolist() == [1, 1, 2]  # at both ends
    assert sorted(x % 360) == pytest.approx([0, 180, 180])


@pytest.mark.parametrize(
    ("b_max", "along", "across"), [(10, 10, 5), (1, 10, 2), (30, 30, 10), (90, 30, 10)]
)
def test_ticks_of_strips_are_apart(tables, b_max, along, across):
    for panel in figures.plot_plane_strip(tables["sources"], b_max=b_max * u.deg):
        spacing = [axis.locator(0, 60)[1].to_value(u.deg) for axis in panel.coords]
        assert spacing == [along, across]


def test_strips_leave_room_for_rings_and_regions(tables):
    def heights(table, plot, b_max):
        return [panel.get_ylim()[1] for panel in plot(table, b_max=b_max * u.deg)]

    assert heights(tables["sources"], figures.plot_plane_strip, 10) == pytest.approx([10.3] * 3)
    matched = tables["matched"][np.asarray(tables["matched"]["fermi_b"]) < 9]
    assert heights(matched, figures.plot_flux_ratio_strip, 10) == pytest.approx([11.1] * 3)
    matched["fermi_r95"] = 3.0 * u.deg
    reach = np.abs(matched["fermi_b"]).max() + 3.1
    assert heights(matched, figures.plot_flux_ratio_strip, 10) == pytest.approx([reach] * 3)


def test_strip_marks_each_fermi_source_of_its_pairs(tables):
    matched = tables["matched"]
    drawn = np.asarray(matched["csc_flux"]) > 0
    drawn &= np.abs(np.asarray(matched["csc_b"])) <= 5
    seen = set()
    for panel in figures.plot_flux_ratio_strip(matched, b_max=5 * u.deg):
        (rings,) = panel.lines
        place = panel.wcs.pixel_to_world(*rings.get_xydata().T)
        seen |= set(zip(np.round(place.l.deg, 6), np.round(place.b.deg, 6), strict=True))
    expected = matched[drawn]
    assert seen == set(
        zip(np.round(expected["fermi_l"], 6), np.round(expected["fermi_b"], 6), strict=True)
    )


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
    assert edges[-1] == -edges[0] == np.ceil(np.abs(latitude).max())
    assert ax.get_ylabel() == f"Chandra sources per {edges[-1] / 6:.4g}° of latitude"
    assert ax.get_xlim() == (edges[0], edges[-1])
    flat = Table({"ra": [266.4], "dec": [-28.9]})
    assert figures.plot_latitude_histogram(flat).get_xlim() == (-1, 1)


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
    colors = [GROUP_COLORS[class_group(code)] for code in grouped["fermi_class"]]
    stems = only(ax, LineCollection)
    assert [to_hex(color, keep_alpha=False) for color in stems.get_colors()] == colors
    assert {segment[0][1] for segment in stems.get_segments()} == {ax.get_ylim()[0]}
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
    low, high = np.min(grouped["fermi_flux"]), np.max(grouped["fermi_flux"])
    assert ax.get_xlim()[0] < low < high < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < 1 <= np.max(grouped["num_csc_matches"]) < ax.get_ylim()[1]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_sources_without_matches_or_flux_are_left_out(tables):
    grouped = tables["grouped"].copy()
    grouped["num_csc_matches"][:2] = 0
    grouped["fermi_flux"][1:4] = 0
    for plot, shown in (
        (figures.plot_match_counts, 58),
        (figures.plot_match_density_map, 58),
        (figures.plot_matches_by_flux, 56),
    ):
        ax = plot(grouped)
        points = sum(len(line.get_xdata()) for line in ax.lines)
        points = points or len(only(ax, PathCollection).get_sizes())
        assert points == shown


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
        limits = ratio[ratio > 0].min() / 2, ratio.max() * 2
        assert ax.get_ylim() == pytest.approx(limits)
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


def test_bars_of_classes_are_at_the_medians(tables):
    matched = tables["matched"][np.asarray(tables["matched"]["csc_flux"]) > 0]
    ratio = np.asarray(matched["csc_flux"]) / np.asarray(matched["fermi_flux"])
    ax = figures.plot_flux_ratio_by_class(matched)
    classes = [label.split("\n")[0].replace("none", "") for label in ticks(ax.xaxis)]
    lower = np.char.lower(np.asarray(matched["fermi_class"], dtype=str))
    bars = {
        segment[:, 0].mean(): segment for bar in ax.collections for segment in bar.get_segments()
    }
    assert sorted(bars) == list(range(len(classes)))
    for place, code in enumerate(classes):
        np.testing.assert_allclose(bars[place][:, 0], [place - 0.4, place + 0.4])
        np.testing.assert_allclose(bars[place][:, 1], np.median(ratio[lower == code]))
    assert ax.get_xlim() == (-0.5, len(classes) - 0.5)


@pytest.mark.parametrize(("pairs", "bars"), [(2, 0), (3, 1)])
def test_medians_are_of_three_pairs_or_more(pairs, bars):
    table = Table(
        {
            "fermi_name": ["A"] * pairs,
            "fermi_class": ["psr"] * pairs,
            "csc_flux": [1e-14] * pairs,
            "fermi_flux": [1e-11] * pairs,
        }
    )
    assert len(figures.plot_flux_ratio_by_class(table).collections) == bars


@pytest.mark.parametrize(("pairs", "alpha"), [(300, 0.8), (301, 0.35)])
def test_crowded_classes_are_transparent(pairs, alpha):
    table = Table(
        {
            "fermi_name": ["A"] * pairs,
            "fermi_class": ["psr"] * pairs,
            "csc_flux": [1e-14] * pairs,
            "fermi_flux": [1e-11] * pairs,
        }
    )
    assert {line.get_alpha() for line in figures.plot_flux_ratio_by_class(table).lines} == {alpha}


def test_every_other_group_of_classes_is_shaded(tables):
    ax = figures.plot_flux_ratio_by_class(tables["matched"])
    groups = [class_group(label.split("\n")[0].replace("none", "")) for label in ticks(ax.xaxis)]
    assert groups == ["Galactic"] * 3 + ["unassociated", "unknown"] + ["extragalactic"] * 3 + [
        "unknown"
    ]
    bands = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert bands == [(-0.5, 2.5), (3.5, 4.5), (7.5, 8.5)]
    colors = [line.get_color() for line in ax.lines[::2]]
    assert colors == [GROUP_COLORS[group] for group in groups]
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()][3:] == [
        "Galactic", "extragalactic", "unknown", "unassociated (none)",
    ]  # fmt: skip


@pytest.mark.parametrize(("classes", "factor"), [(12, 1), (13, 0.9)])
def test_labels_of_many_classes_are_smaller(classes, factor):
    codes = list(known_classes())[:classes]
    table = Table(
        {
            "fermi_name": codes,
            "fermi_class": codes,
            "csc_flux": [1e-14] * classes,
            "fermi_flux": [1e-11] * classes,
        }
    )
    ax = figures.plot_flux_ratio_by_class(table)
    sizes = [text.get_fontsize() for text in (*ax.get_xticklabels(), *ax.texts)]
    np.testing.assert_allclose(sizes, 11.5 * factor)


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


def test_jitter_depends_on_the_seed_alone(tables):
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
    assert in_degrees.get_xlim() == (0, edges[-1]) == (0, pytest.approx(0.1))
    np.testing.assert_allclose(np.diff(edges), 0.004)
    np.testing.assert_allclose(np.diff(in_ellipses.patches[0].get_data().edges), 0.1)
    assert in_ellipses.get_xlim() == (0, pytest.approx(4.5))
    assert ticks(in_ellipses.xaxis) == ["0", "1", "2", "3", "4", ">4"]
    np.testing.assert_allclose(in_ellipses.get_xticks(), [0, 1, 2, 3, 4, 4.35])
    np.testing.assert_allclose(in_ellipses.patches[2].get_data().edges, [4.2, 4.5])
    assert in_degrees.get_ylim()[0] < 1
    highest = max(patch.get_data().values.max() for patch in in_ellipses.patches)
    assert in_degrees.get_ylim()[1] == pytest.approx(2 * max(counts.max(), highest))
    nearest = (
        in_ellipses.patches[1].get_data().values.sum()
        + in_ellipses.patches[3].get_data().values.sum()
    )
    assert nearest == len(np.unique(separations["fermi_name"][np.isfinite(offsets)]))


def test_nearest_pairs_are_those_of_their_source(tables):
    separations = tables["separations"]
    in_degrees, _ = figures.plot_separations(separations, radius=0.1 * u.deg)
    counts, edges, _ = in_degrees.patches[1].get_data()
    nearest = [
        separations["separation"][separations["fermi_name"] == name].min()
        for name in np.unique(separations["fermi_name"])
    ]
    np.testing.assert_array_equal(counts, np.histogram(nearest, edges)[0])


@pytest.mark.parametrize(("largest", "end"), [(0.4, 1.5), (2.31, 2.4), (3.99, 4.0)])
def test_offsets_end_where_the_largest_is(largest, end):
    table = Table({"fermi_name": ["A", "B"], "separation": [0.0, 0.0], "offset_95": [0.1, largest]})
    in_degrees, in_ellipses = figures.plot_separations(table)
    assert in_ellipses.get_xlim() == pytest.approx((0, end))
    assert in_ellipses.patches[0].get_data().values.sum() == 2
    assert in_degrees.get_xlim() == (0, 1)  # no separation above zero
    (legend,) = in_degrees.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "all pairs",
        "nearest pair of each Fermi source",
        "chance: number within $r$ ∝ $r^2$",
        "true counterparts, one for each of 2 Fermi sources",
    ]


def test_radius_is_that_of_the_largest_pair_by_default(tables):
    in_degrees, _ = figures.plot_separations(tables["separations"])
    assert in_degrees.get_xlim() == (0, np.max(tables["separations"]["separation"]))


def test_expected_numbers_add_up(tables):
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
    middles = [[bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(middles, [np.arange(4) - 0.2, np.arange(4) + 0.2])
    assert ax.get_ylim() == (0, pytest.approx(1.18 * 0.5))
    assert ticks(ax.xaxis) == list(tables["shares"]["group"])
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "Fermi sources in the plane (100)",
        "of these, with a Chandra match (10)",
    ]
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


def test_groups_without_numbers_are_left_out(tables):
    shares = Table(tables["shares"], masked=True)
    shares["num_matched"].mask[1] = True
    ax = figures.plot_class_shares(shares)
    assert ticks(ax.xaxis) == ["Galactic", "unknown", "unassociated"]
    notes = [text.get_text() for text in ax.figure.texts if text.get_gid() == "notes"]
    assert notes == ["3 groups of classes; left out: 1 without numbers"]
    ax = figures.plot_class_shares(tables["shares"])
    assert not [text for text in ax.figure.texts if text.get_gid() == "notes"]


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
