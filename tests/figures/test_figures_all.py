# Licensed under a 3-clause BSD style license - see LICENSE
"""What is true of every figure."""

import subprocess
import sys
from pathlib import Path

import astropy.units as u
import matplotlib as mpl
import numpy as np
import pytest
from astropy.table import QTable, Table
from figure_tables import DRAWINGS, SENTENCE, make_tables
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from astroquery_cfx import figures
from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.figures.style import TableFigure


def axes_of(drawn):
    return np.atleast_1d(np.asarray(drawn, dtype=object)).ravel()


def words(figure, gid):
    return [text.get_text() for text in figure.findobj(Text) if text.get_gid() == gid]


def test_every_name_is_tested():
    assert set(figures.__all__) == set(DRAWINGS)


def test_draws_on_its_own_figure_and_leaves_all_else_alone(drawing):
    plot, table = drawing
    given, settings = table.copy(), dict(mpl.rcParams)
    axes = axes_of(plot(given))
    figure = axes[0].figure
    assert isinstance(figure, TableFigure)
    assert all(isinstance(ax, Axes) and ax.figure is figure for ax in axes)
    assert figure.get_figwidth() * figure.dpi == 1500
    assert words(figure, "simulated") == []
    assert dict(mpl.rcParams) == settings
    assert given.colnames == table.colnames
    assert given.meta == table.meta
    for name in table.colnames:
        np.testing.assert_array_equal(np.ma.asarray(given[name]), np.ma.asarray(table[name]))
        assert getattr(given[name], "unit", None) == getattr(table[name], "unit", None)


def test_same_table_same_pixels(marked, request):
    name = request.node.callspec.params["marked"]
    table = make_tables(simulated=SENTENCE)[DRAWINGS[name]]
    again = axes_of(getattr(figures, name)(table))[0].figure
    FigureCanvasAgg(again).draw()
    assert bytes(again.canvas.buffer_rgba()) == bytes(marked.canvas.buffer_rgba())


def test_nothing_reaches_over_the_edge_or_into_other_words(marked):
    renderer = marked.canvas.get_renderer()
    blocks = [
        part.get_tightbbox(renderer) for part in (*marked.axes, *marked.texts, *marked.legends)
    ]
    for block in blocks:
        assert block.x0 >= -1
        assert block.y0 >= -1
        assert block.x1 <= marked.bbox.x1 + 1
        assert block.y1 <= marked.bbox.y1 + 1
    # Older matplotlib lays them out to within two pixels.
    around = [part.get_tightbbox(renderer).padded(-2) for part in (*marked.texts, *marked.legends)]
    for number, block in enumerate(around):
        assert not any(block.overlaps(other) for other in around[number + 1 :])
        assert not any(block.overlaps(ax.get_tightbbox(renderer)) for ax in marked.axes)


def test_axes_are_labelled(marked):
    labels = [axis.get_label_text() for ax in marked.axes for axis in (ax.xaxis, ax.yaxis)]
    labels += [axis.get_axislabel() for ax in marked.axes for axis in getattr(ax, "coords", [])]
    assert sum(bool(label.strip()) for label in labels) >= 2
    assert words(marked, "title")[0]


def test_no_panel_is_empty(marked):
    for ax in marked.axes:
        assert ax.lines or ax.collections or ax.patches


def test_simulated_data_are_marked(marked):
    marks = words(marked, "simulated")
    assert "SIMULATED DATA" in marks
    assert any(SENTENCE in mark.replace("\n", " ") for mark in marks)


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_units_are_converted(name, tables):
    table = tables[DRAWINGS[name]]
    other = QTable(table)
    for column in other.colnames:
        unit = getattr(other[column], "unit", None)
        if unit is not None and not getattr(other[column], "mask", np.False_).any():
            other[column] = other[column].to(
                {"deg": u.rad, "s": u.hour}.get(str(unit), u.W / u.m**2)
            )
    plot = getattr(figures, name)
    for here, there in zip(axes_of(plot(table)), axes_of(plot(other)), strict=True):
        np.testing.assert_allclose(here.dataLim.bounds, there.dataLim.bounds, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_columns_without_unit_are_in_the_documented_one(name, tables):
    table = tables[DRAWINGS[name]]
    bare = Table({column: np.ma.asarray(table[column]) for column in table.colnames})
    plot = getattr(figures, name)
    for here, there in zip(axes_of(plot(table)), axes_of(plot(bare)), strict=True):
        np.testing.assert_allclose(here.dataLim.bounds, there.dataLim.bounds)


def test_empty_table_is_refused(drawing):
    plot, table = drawing
    with pytest.raises(InvalidInputError, match=r"nothing to draw.*Remedy"):
        plot(table[:0])


def test_missing_column_is_named(drawing):
    plot, table = drawing
    missing = {
        "observations": "exposure",
        "sources": "dec",
        "matched": "fermi_l",
        "separations": "offset_95",
        "grouped": "num_csc_matches",
        "shares": "group",
        "calibration": "cut",
    }[DRAWINGS[plot.__name__]]
    missing = "csc_flux" if "class" in plot.__name__ and missing == "fermi_l" else missing
    rest = table.copy()
    rest.remove_column(missing)
    with pytest.raises(InvalidInputError, match=f"no column '{missing}'.*Remedy"):
        plot(rest)


def test_no_table_is_refused(drawing):
    with pytest.raises(InvalidInputError, match="not from list"):
        drawing[0]([1, 2, 3])


def test_wrong_axes_are_refused(drawing):
    plot, table = drawing
    for wrong in ("axes", [1, 2, 3]):
        with pytest.raises(InvalidInputError, match="Remedy"):
            plot(table, ax=wrong)


@pytest.mark.parametrize(
    ("name", "panels", "projection"),
    [
        ("plot_observations_map", 1, "aitoff"),
        ("plot_match_density_map", 1, "mollweide"),
        ("plot_matches_map", 1, "aitoff"),
        ("plot_longitude_histogram", 1, None),
        ("plot_match_counts", 1, None),
        ("plot_separations", 2, None),
        ("plot_flux_ratio_by_position", 2, None),
        ("plot_flux_ratio_by_class", 1, None),
    ],
)
def test_draws_on_given_axes(name, panels, projection):
    table = make_tables(simulated=SENTENCE)[DRAWINGS[name]]
    figure = Figure(figsize=(9, 6))
    given = [
        figure.add_subplot(1, panels, number + 1, projection=projection) for number in range(panels)
    ]
    drawn = getattr(figures, name)(table, ax=given[0] if panels == 1 else given)
    assert list(axes_of(drawn)) == given
    assert given[0].get_title(loc="left")
    assert words(figure, "simulated") == ["SIMULATED DATA"]
    figure.canvas.draw()


def test_numbers_of_the_wrong_kind_are_refused(tables):
    wrong = tables["sources"].copy()
    wrong["b_flux_ap"] = np.ones(len(wrong)) * u.deg
    with pytest.raises(InvalidInputError, match="'b_flux_ap' of the table is in deg"):
        figures.plot_sources_map(wrong)
    wrong["b_flux_ap"] = ["much"] * len(wrong)
    with pytest.raises(InvalidInputError, match="does not hold one number per row"):
        figures.plot_sources_map(wrong)


def test_rows_that_cannot_be_drawn_are_reasons(tables):
    dark = tables["sources"].copy()
    dark["b_flux_ap"] = 0.0
    with pytest.raises(InvalidInputError, match=r"500 without a flux above zero"):
        figures.plot_sources_map(dark)


def test_left_out_rows_are_counted_on_the_figure(tables):
    (note,) = words(figures.plot_observations_map(tables["observations"]).figure, "notes")
    assert note == "290 observations; left out: 3 without position, 7 with zero exposure"
    (note,) = words(figures.plot_sources_map(tables["sources"]).figure, "notes")
    assert note == "485 sources; left out: 15 without a flux above zero"
    (note,) = words(figures.plot_flux_ratio_by_class(tables["matched"]).figure, "notes")
    assert note.endswith("left out: 1 without two fluxes above zero")


@pytest.mark.slow
def test_pyplot_is_never_touched():
    script = """
import io, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from figure_tables import DRAWINGS, SENTENCE, make_tables
from astroquery_cfx import figures
tables = make_tables()
for name, table in DRAWINGS.items():
    axes = np.ravel(np.asarray(getattr(figures, name)(tables[table]), dtype=object))
axes[0].figure.savefig(io.BytesIO(), format="png", dpi=30)
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, Path(__file__).parent], check=True)


def test_notebooks_are_shown_a_picture(tables):
    assert figures.plot_class_shares(tables["shares"]).figure._repr_png_().startswith(b"\x89PNG")
