# Licensed under a 3-clause BSD style license - see LICENSE
"""What all figures share: size and type, colours, titles with notes, the mark on simulated data."""

import io
import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..errors import InvalidInputError
from ..fermi.classes import GROUP_COLORS

__all__ = [
    "TableFigure",
    "color_bar",
    "finish",
    "flux_colors",
    "legend",
    "log_norm",
    "own_type",
    "plain_axes",
    "ratio_colors",
]

# Type that can be read when a figure of 10 inches fills a page or a slide.
_TYPE = {
    "font.size": 11.5,
    "axes.titlesize": 14,
    "axes.labelsize": 12.5,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "legend.fontsize": 11.5,
    "axes.axisbelow": True,
    "axes.linewidth": 0.9,
    "axes.grid": False,
}
NOTE_COLOR = "0.3"
SIMULATED_COLOR = "#b3450a"
LAW_COLOR = "#b3450a"
FERMI_COLOR = "#d55e00"
CHANDRA_COLOR = "#0072b2"
LIGHT, DARK = "#9ecae1", "#1f4e79"
GRID = {"visible": True, "color": "0.84", "linewidth": 0.6, "linestyle": "-"}
HALO = [withStroke(linewidth=3, foreground="white")]

_MARK = {
    "ha": "right",
    "fontsize": 11,
    "fontweight": "bold",
    "color": SIMULATED_COLOR,
    "gid": "simulated",
    "bbox": {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": SIMULATED_COLOR},
}

# The colours are told apart by the colour blind; the marker says the same a second time.
_MARKERS = {"Galactic": "o", "extragalactic": "s", "unknown": "D", "unassociated": "^"}
GROUPS = {
    group: {"color": GROUP_COLORS[group], "marker": marker} for group, marker in _MARKERS.items()
}

X_RAY = "0.5–7 keV energy flux"
GAMMA_RAY = "0.1–100 GeV energy flux"
FLUX_UNIT = r"[erg s$^{-1}$ cm$^{-2}$]"
RATIO = "X-ray to γ-ray energy flux ratio\n(0.5–7 keV) / (0.1–100 GeV)"


def flux_colors():
    """Plasma, reversed: what is bright is dark and stands out from the white page."""
    return _part("plasma_r")


def ratio_colors():
    """Viridis, reversed. A ratio of two bands has no natural middle: no diverging map."""
    return _part("viridis_r")


def _part(name):
    """A colour map without its end that is too pale for a white page."""
    return ListedColormap(mpl.colormaps[name](np.linspace(0.06, 1.0, 256)), name=f"{name}_dark")


class TableFigure(Figure):
    """
    A figure that pyplot knows nothing of, with room for a title above and a foot below its axes.

    Parameters
    ----------
    table : `~astropy.table.Table`
        What is drawn: ``table.meta['simulated']``, where it is, is the sentence at the foot.
    width, height : float
        Inches that the axes have, at 150 dots an inch; title, legend and foot come on top of that.
    """

    def __init__(self, table, width=10.0, height=4.7):
        super().__init__(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
        self.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
        self.top = self.bottom = 0.0
        sentence = table.meta.get("simulated")
        if sentence:
            lines = textwrap.wrap(f"Simulated data: {sentence}", int(width * 13.5))
            self.text(
                0.12,
                0.09,
                "\n".join(lines),
                fontsize=9.5,
                color=SIMULATED_COLOR,
                va="bottom",
                gid="simulated",
                transform=self.dpi_scale_trans,
            )
            self.make_room(bottom=0.1 + 0.17 * len(lines))

    def make_room(self, *, top=0.0, bottom=0.0):
        """Grow by so many inches, and keep the axes out of them."""
        self.top += top
        self.bottom += bottom
        height = self.get_figheight() + top + bottom
        self.set_figheight(height)
        free = (self.bottom + self.top) / height
        self.get_layout_engine().set(rect=(0, self.bottom / height, 1, 1 - free))

    def _repr_png_(self):
        """Let notebooks show the figure, which pyplot would else have to do."""
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def own_type():
    """A context in which new axes, legends and colour bars get the type of these figures."""
    return mpl.rc_context(_TYPE)


def axes_list(ax):
    """One Axes, or a sequence or array of them, as a flat array."""
    return np.atleast_1d(np.asarray(ax, dtype=object)).ravel()


def plain_axes(table, ax, *, height=4.7, columns=1, **sharing):
    """The axes given by the caller, or ``columns`` new ones side by side; always an array."""
    if ax is None:
        with own_type():
            return TableFigure(table, height=height).subplots(1, columns, squeeze=False, **sharing)[
                0
            ]
    axes = axes_list(ax)
    if len(axes) != columns or not all(isinstance(one, Axes) for one in axes):
        wanted = "one Axes" if columns == 1 else f"a list of {columns} Axes"
        raise InvalidInputError(
            f"ax is not {wanted}.", remedy=f"give {wanted}, or none for a new figure."
        )
    return axes


def finish(ax, table, title, *notes):
    """Write the title and the notes above the axes, and mark simulated data at the upper right."""
    axes = axes_list(ax)
    ours = isinstance(axes[0].figure, TableFigure)
    notes = [line for note in notes for line in textwrap.wrap(note, 105 if ours else 80)]
    mark = "SIMULATED DATA" if table.meta.get("simulated") else ""
    (_write_above_figure if ours else _write_above_axes)(axes, title, notes, mark)


def _write_above_figure(axes, title, notes, mark):
    figure = axes[0].figure
    figure.make_room(top=0.42 + 0.2 * len(notes))
    width, height = figure.get_size_inches()
    place = {"va": "top", "transform": figure.dpi_scale_trans}
    figure.text(0.12, height - 0.1, title, fontsize=14.5, fontweight="bold", gid="title", **place)
    if notes:
        figure.text(
            0.12,
            height - 0.39,
            "\n".join(notes),
            fontsize=11,
            color=NOTE_COLOR,
            gid="notes",
            **place,
        )
    if mark:
        figure.text(width - 0.16, height - 0.13, mark, **_MARK, **place)


def _write_above_axes(axes, title, notes, mark):
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes[0].set_title(title, loc="left", y=1.0, pad=12 + 14 * len(notes))
    if notes:
        axes[0].annotate(
            "\n".join(notes), (0, 1), xytext=(0, 8), color=NOTE_COLOR, gid="notes", **above
        )
    if mark:
        axes[-1].annotate(mark, (1, 1), xytext=(-4, 34 + 14 * len(notes)), **_MARK, **above)


def log_norm(values):
    """
    A logarithmic colour scale over most of the positive values, and which ends it leaves open.

    It leaves out the lowest 5%, and of the highest, which lie on top and are what is seen, one in 10,000: a
    few extreme values would else leave one colour for all others. They are drawn, in the colour of the end,
    and the colour bar has an arrow there.
    """
    low, high = np.percentile(values, [5, 99.99])
    if low == high:
        low, high = low / 2, high * 2
    below, above = values.min() < low, values.max() > high
    ends = "both" if below and above else "min" if below else "max" if above else "neither"
    return LogNorm(low, high), ends


def color_bar(ax, drawn, label, extend, **place):
    """A colour bar for all of the axes; its arrows hold the values beyond the scale."""
    axes = axes_list(ax)
    with own_type():
        bar = axes[0].figure.colorbar(drawn, ax=list(axes), extend=extend, **place)
        bar.set_label(label)
    bar.solids.set_rasterized(True)  # else white lines between the colours in some PDF viewers
    return bar


def legend(ax, handles=None, *, ncols=4, below=-0.16, **look):
    """A legend beside the data: at the foot of a figure of ours, else below the axes."""
    figure = ax.figure
    if handles is None:
        handles = ax.get_legend_handles_labels()[0]
    options = {"handles": handles, "ncols": ncols, "frameon": False, "handletextpad": 0.5, **look}
    with own_type():
        if not isinstance(figure, TableFigure):
            return ax.legend(loc="upper center", bbox_to_anchor=(0.5, below), **options)
        foot = figure.bottom
        figure.make_room(bottom=0.1 + 0.25 * np.ceil(len(handles) / ncols))
        return figure.legend(
            loc="lower center",
            bbox_to_anchor=(0, foot, figure.get_figwidth(), 1),
            bbox_transform=figure.dpi_scale_trans,
            borderaxespad=0.3,
            **options,
        )
