# Licensed under a 3-clause BSD style license - see LICENSE
"""The parts that figures share: rows, positions, colours, groups, circles, close-ups."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.figures import closeups, rows, sky, style

# --- rows


def test_row_counts_under_its_first_reason():
    first, second = np.array([True, False, False, True]), np.array([True, False, True, False])
    drawn, note = rows.choose_rows("stars", (first, "red"), (second, "blue"))
    assert drawn.tolist() == [True, False, False, False]
    assert note == "1 stars; left out: 2 red, 1 blue"
    assert first.tolist() == [True, False, False, True]
    assert rows.choose_rows("stars", (np.ones(1234, bool), "red"))[1] == "1,234 stars"


def test_no_row_is_an_error_with_its_reasons():
    with pytest.raises(InvalidInputError, match=r"no row can be shown \(1,500 red\)"):
        rows.choose_rows("stars", (np.zeros(1500, bool), "red"))
    with pytest.raises(InvalidInputError, match="the table has no stars"):
        rows.choose_rows("stars", (np.zeros(0, bool), "red"))


def test_positions_are_whole_or_missing():
    table = Table(
        {
            "l": MaskedColumn([-10.0, 370.0, 1.0, np.nan, 5.0, 5.0], mask=[0, 0, 1, 0, 0, 0]),
            "b": [90.0, -90.0, 1.0, 1.0, 90.1, np.nan],
        }
    )
    longitude, latitude = rows.position(table, "l", "b")
    np.testing.assert_array_equal(longitude, [350, 10, *[np.nan] * 4])
    np.testing.assert_array_equal(latitude, [90, -90, *[np.nan] * 4])


def test_galactic_positions_are_those_of_astropy():
    table = QTable({"ra": [4.6, np.nan, 1.0] * u.rad, "dec": [-0.5, 0.1, 0.2] * u.rad})
    longitude, latitude = rows.galactic_position(table)
    for row in (0, 2):
        galactic = SkyCoord(table["ra"][row], table["dec"][row]).galactic
        assert longitude[row] == pytest.approx(galactic.l.deg)
        assert latitude[row] == pytest.approx(galactic.b.deg)
    assert np.isnan([longitude[1], latitude[1]]).all()


def test_longitudes_are_wrapped_about_a_centre():
    assert rows.wrap_longitude([0, 180, 179, 181, 360, -181]).tolist() == [
        0,
        -180,
        179,
        -179,
        0,
        179,
    ]
    assert rows.wrap_longitude([10, 190, 350], 200.0).tolist() == [170, -10, 150]


# --- style


def test_colour_scale_leaves_out_few_values():
    values = np.geomspace(1, 1e5, 10_001)
    norm, extend = style.log_norm(values)
    assert (norm.vmin, norm.vmax) == pytest.approx(tuple(np.percentile(values, [5, 99.99])))
    assert np.mean(values < norm.vmin) == pytest.approx(0.05, abs=1e-3)
    assert extend == "both"


@pytest.mark.parametrize(
    ("values", "extend"),
    [
        ([2.0, 2.0, 2.0], "neither"),
        ([*np.linspace(1, 2, 100), *[2.0] * 100], "min"),
        ([*[2.0] * 100, *np.linspace(2, 3, 100)], "max"),
        (np.linspace(1, 3, 100), "both"),
    ],
)
def test_colour_bar_has_arrows_where_values_are_beyond(values, extend):
    norm, ends = style.log_norm(np.array(values))
    assert ends == extend
    assert norm.vmin <= 2 <= norm.vmax


@pytest.mark.parametrize("colors", [style.FLUX_COLORS, style.RATIO_COLORS])
def test_no_colour_is_too_pale_for_a_white_page(colors):
    luminance = colors(np.linspace(0, 1, 256))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert luminance.max() < 0.86
    assert luminance[0] > luminance[-1]  # high values are dark


def test_groups_of_classes():
    codes = ["PSR ", "bll", "", "unk", "zzz"]
    groups = style.class_groups(Table({"fermi_class": codes}))
    assert groups.tolist() == ["Galactic", "extragalactic", "unassociated", "unknown", "unknown"]


def test_largest_group_is_drawn_first():
    ax = Figure().add_subplot()
    groups = np.array(["unknown", "Galactic", "unknown", "extragalactic", "unknown", "Galactic"])
    style.draw_groups(ax, np.arange(6.0), np.arange(6.0) ** 2, groups, alpha=0.5)
    assert [line.get_gid() for line in ax.lines] == ["unknown", "Galactic", "extragalactic"]
    for line in ax.lines:
        look = style.GROUPS[line.get_gid()]
        inside = np.flatnonzero(groups == line.get_gid())
        np.testing.assert_array_equal(line.get_xydata().T, [inside, inside**2])
        assert (line.get_color(), line.get_marker()) == (look["color"], look["marker"])
        assert (line.get_linestyle(), line.get_alpha(), line.get_rasterized()) == (
            "None",
            0.5,
            False,
        )


def test_legend_has_the_groups_that_are_drawn():
    ax = Figure().add_subplot()
    style.group_legend(ax, np.array(["unassociated", "Galactic"]))
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Galactic", "unassociated"]
    colors = [style.GROUPS[name]["color"] for name in ("Galactic", "unassociated")]
    assert [handle.get_color() for handle in legend.legend_handles] == colors


def test_figure_grows_by_what_stands_above_and_below():
    table = Table(meta={"simulated": "word " * 60})
    figure = style.TableFigure(table, 10.0, 5.0)
    footer = figure.get_figheight() - 5
    lines = figure.texts[0].get_text().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 135
    assert footer == pytest.approx(0.1 + 0.17 * 3)
    figure.make_room(top=1.0, bottom=0.5)
    assert figure.get_size_inches() == pytest.approx([10, 6.5 + footer])
    left, bottom, width, height = figure.get_layout_engine().get()["rect"]
    assert (left, width) == (0, 1)
    assert bottom * figure.get_figheight() == pytest.approx(footer + 0.5)
    assert height * figure.get_figheight() == pytest.approx(5)


def test_longitudes_of_an_axis_are_those_of_the_catalogue():
    ax = Figure().add_subplot()
    style.longitude_axis(ax, 60)
    assert ax.get_xlim() == (180, -180)
    labels = dict(
        zip(ax.get_xticks(), [text.get_text() for text in ax.get_xticklabels()], strict=True)
    )
    assert labels == {
        -180: "180",
        -120: "240",
        -60: "300",
        0: "0",
        60: "60",
        120: "120",
        180: "180",
    }


# --- sky


def test_wcs_has_its_centre_at_pixel_zero():
    wcs = sky.galactic_wcs("TAN", 359.9, -3.0, 0.01)
    center, left = wcs.pixel_to_world([0, -10], [0, 0])
    assert (center.l.deg, center.b.deg) == pytest.approx((359.9, -3.0))
    assert left.l.deg == pytest.approx(0.1 / np.cos(np.radians(3)) - 0.1, abs=1e-4)
    assert center.separation(left).deg == pytest.approx(0.1, abs=1e-6)


def test_circle_is_cut_at_the_edge_of_the_map_only():
    def pieces(longitude, latitude, radius):
        ax = Figure().add_subplot(projection="hammer")
        sky.draw_aitoff_circles(ax, *(np.array([one]) for one in (longitude, latitude, radius)))
        return len(ax.collections[0].get_paths())

    assert pieces(0.0, 0.0, 10.0) == 1
    assert pieces(169.9, 0.0, 10.0) == 1
    assert pieces(170.1, 0.0, 10.0) == 2
    assert pieces(190.1, 0.0, 10.0) == 1
    assert pieces(181.0, 0.0, 10.0) == 2
    assert pieces(180.0, 79.0, 10.0) == 2
    assert pieces(180.0, 81.0, 10.0) == 1  # about the pole
    assert pieces(180.0, -81.0, 10.0) == 1


def test_latitudes_are_labelled_with_a_minus_sign():
    ax = sky.aitoff_axes(Table(), None, frame="galactic", label_latitude=-17)
    label = ax.yaxis.get_major_formatter()
    assert [label(np.radians(degrees), 0) for degrees in (-30, 0, 60)] == ["−30°", "0°", "60°"]
    assert {round(np.degrees(text.get_position()[1]), 6) for text in ax.texts} == {-17}
    assert ax.get_ylabel() == "Galactic latitude $b$ [deg]"
    assert ax.figure.get_figheight() == 6


# --- close-ups


def pairs(*sources):
    """Return pairs from the names, positions, radii and numbers of pairs of Fermi sources."""
    repeated = [source[:4] for source in sources for _ in range(source[4])]
    return Table(rows=repeated, names=["fermi_name", "fermi_l", "fermi_b", "fermi_r95"])


def shown(table):
    fermi = closeups.FermiSources.from_pairs(table)
    figure = style.TableFigure(table)
    grid = figure.add_gridspec(1, closeups.CLOSEUPS)
    drawn = []

    def draw_xray(panel, near, x, y):
        drawn.append((near, x, y))

    xray = fermi.longitude, fermi.latitude
    closeups.add_closeups(grid, fermi, xray, draw_xray)
    return figure.axes, drawn


def test_closeups_are_of_sources_with_a_region_first_and_far_apart():
    table = pairs(
        ("many, no region", 200.0, 0.0, np.nan, 9),
        ("some", 10.0, 5.0, 0.1, 4),
        ("near some", 12.9, 5.0, 0.1, 3),
        ("beside some", 13.2, 5.0, 0.1, 2),
        ("most", 100.0, 0.0, 0.1, 5),
    )
    titles = [ax.get_title() for ax in shown(table)[0]]
    assert titles == ["most\n5 pairs", "some\n4 pairs", "beside some\n2 pairs"]
    titles = [ax.get_title() for ax in shown(table[table["fermi_l"] > 50])[0]]
    assert titles == ["most\n5 pairs", "many, no region\n9 pairs"]


def test_closeups_show_what_is_near():
    table = pairs(("a", 359.99, 0.0, 0.1, 3), ("b", 0.5, 0.3, 2.5, 2), ("c", 3.5, 0.0, 0.4, 1))
    (first, second), drawn = shown(table)
    assert drawn[0][0].tolist() == [True, True, False]  # within 1 deg
    np.testing.assert_allclose(drawn[0][1], [0, -51], atol=0.1)  # pixels of 0.01 deg, to the left
    np.testing.assert_allclose(drawn[0][2], [0, 30], atol=0.1)
    assert len(first.lines[0].get_xdata()) == 2
    assert len(first.collections[0].get_paths()) == 3  # within 5 deg: it may reach in
    assert len(second.collections[0].get_paths()) == 3
    assert first.get_xlim() == pytest.approx((-42, 42))
    assert first.get_ylim() == pytest.approx((-26, 26))
    assert [ax.coords[1].get_axislabel() for ax in (first, second)] == ["$b$", ""]
    rim = first.wcs.pixel_to_world(*first.collections[0].get_paths()[0].vertices.T)
    center = SkyCoord(359.99, 0, unit="deg", frame="galactic")
    np.testing.assert_allclose(rim.separation(center).deg, 0.1, rtol=1e-6)


def test_each_fermi_source_is_taken_once_in_the_order_of_its_pairs():
    table = pairs(
        ("z", 1.0, 2.0, 0.1, 2), ("no place", np.nan, 0.0, 0.1, 1), ("a", 3.0, 4.0, 0.0, 1)
    )
    fermi = closeups.FermiSources.from_pairs(table)
    assert fermi.names.tolist() == ["z", "a"]
    assert (fermi.longitude.tolist(), fermi.latitude.tolist()) == ([1, 3], [2, 4])
    assert fermi.pairs.tolist() == [2, 1]
    assert fermi.has_region.tolist() == [True, False]
    assert [one.tolist() for one in fermi.circles] == [[1.0], [2.0], [0.1]]
    assert fermi.note == (
        "2 Fermi sources; left out: 1 without position"
        " (1 drawn without a 95% region: none is given)"
    )
    some = closeups.FermiSources.from_pairs(table, [0])
    assert (some.names.tolist(), some.pairs.tolist()) == (["z"], [1])
    assert some.note == "1 Fermi sources"


def test_colours_of_groups_are_those_of_their_classes():
    assert {to_hex(look["color"]) for look in style.GROUPS.values()} == {
        "#d55e00", "#0072b2", "#999999", "#444444",
    }  # fmt: skip
    assert len({look["marker"] for look in style.GROUPS.values()}) == 4
