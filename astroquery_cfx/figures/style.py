# Licensed under a 3-clause BSD style license - see LICENSE
"""The common look of all figures: sizes, colours, titles with notes, the mark on simulated data."""

import io
import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from ..errors import InvalidInputError
from ..fermi.classes import GROUP_COLORS, class_group
from .rows import texts

# Legible when a figure 10 inches wide is printed across a page or shown on a slide.
_TEXT_SIZES = {
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
# From the palette of Okabe & Ito (https://jfly.uni-koeln.de/color/), safe for colour-blind readers.
FERMI_COLOR, CHANDRA_COLOR = "#d55e00", "#0072b2"
SIMULATED_COLOR = LAW_COLOR = "#b3450a"
NOTE_COLOR = "0.3"
LIGHT, DARK = "#9ecae1", "#1f4e79"
GRID: dict[str, Any] = {"visible": True, "color": "0.84", "linewidth": 0.6, "linestyle": "-"}
OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": "black"}  # of a 95% region
HALO = [withStroke(linewidth=3, foreground="white")]
_MARK: dict[str, Any] = {
    "ha": "right",
    "fontsize": 11,
    "fontweight": "bold",
    "color": SIMULATED_COLOR,
    "gid": "simulated",
    "bbox": {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": SIMULATED_COLOR},
}
MANY = 2000  # points above which a PDF holds pixels: vectors would open slowly

# Shape repeats what colour says, for black-and-white prints.
_MARKERS = {"Galactic": "o", "extragalactic": "s", "unknown": "D", "unassociated": "^"}
GROUPS: dict[str, dict[str, Any]] = {
    group: {"color": GROUP_COLORS[group], "marker": marker} for group, marker in _MARKERS.items()
}

X_RAY = "0.5–7 keV energy flux"
GAMMA_RAY = "0.1–100 GeV energy flux"
FLUX_UNIT = r"[erg s$^{-1}$ cm$^{-2}$]"
RATIO = "X-ray to γ-ray energy flux ratio\n(0.5–7 keV) / (0.1–100 GeV)"


def _without_pale_end(name: str) -> ListedColormap:
    """Return a colour map without its lowest 6%, which are too pale for a white page."""
    return ListedColormap(mpl.colormaps[name](np.linspace(0.06, 1.0, 256)), name=f"{name}_dark")


FLUX_COLORS = _without_pale_end("plasma_r")  # reversed: bright sources stand out as dark points
# Not a diverging map: the ratio of two bands has no natural middle.
RATIO_COLORS = _without_pale_end("viridis_r")


class TableFigure(Figure):
    """
    A figure that pyplot does not manage, with room for a title above and a footer below its axes.

    ``width`` and ``height`` (inches) are those of the axes; title, legend and footer add to them.
    The footer is the sentence ``table.meta["simulated"]``, if there is one.
    """

    def __init__(self, table: Table, width: float = 10.0, height: float = 4.7) -> None:
        super().__init__(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
        engine: Any = self.get_layout_engine()
        engine.set(w_pad=0.08, h_pad=0.06)
        self.top = self.bottom = 0.0
        sentence = table.meta.get("simulated")
        if sentence:
            # 13.5 characters of this size take an inch.
            lines = textwrap.wrap(f"Simulated data: {sentence}", int(width * 13.5))
            look: dict[str, Any] = {"color": SIMULATED_COLOR, "va": "bottom", "gid": "simulated"}
            look |= {"fontsize": 9.5, "transform": self.dpi_scale_trans}
            self.text(0.12, 0.09, "\n".join(lines), **look)
            self.make_room(bottom=0.1 + 0.17 * len(lines))

    def make_room(self, *, top: float = 0.0, bottom: float = 0.0) -> None:
        """Add inches above or below the axes, which keep their size."""
        self.top += top
        self.bottom += bottom
        height = self.get_figheight() + top + bottom
        self.set_figheight(height)
        free = (self.bottom + self.top) / height
        engine: Any = self.get_layout_engine()
        engine.set(rect=(0, self.bottom / height, 1, 1 - free))

    def _repr_png_(self) -> bytes:
        """Show the figure in notebooks, which otherwise only pyplot's figures do."""
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def text_sizes():
    """Return a context in which new axes and legends get the text sizes of these figures."""
    return mpl.rc_context(_TEXT_SIZES)


def axes_list(ax: Any) -> np.ndarray:
    """Return one Axes, or a sequence or array of them, as a flat array."""
    return np.atleast_1d(np.asarray(ax, dtype=object)).ravel()


def plain_axes(table: Table, ax: Any, *, height: float = 4.7, columns: int = 1) -> np.ndarray:
    """Return the caller's axes, or new ones side by side with a common y axis, as an array."""
    if ax is None:
        with text_sizes():
            figure = TableFigure(table, height=height)
            return figure.subplots(1, columns, squeeze=False, sharey=True)[0]
    axes = axes_list(ax)
    if len(axes) != columns or not all(isinstance(one, Axes) for one in axes):
        wanted = "one Axes" if columns == 1 else f"a list of {columns} Axes"
        raise InvalidInputError(
            f"ax is not {wanted}.", remedy=f"give {wanted}, or none for a new figure."
        )
    return axes


def finish(ax: Any, table: Table, title: str, note: str) -> None:
    """Write a title and a note above the axes, and mark simulated data at the upper right."""
    axes = axes_list(ax)
    figure = axes[0].figure
    own = isinstance(figure, TableFigure)
    lines = textwrap.wrap(note, 105 if own else 80)
    note, marked = "\n".join(lines), bool(table.meta.get("simulated"))
    if own:
        figure.make_room(top=0.42 + 0.2 * len(lines))
        width, height = figure.get_size_inches()
        place: dict[str, Any] = {"va": "top", "transform": figure.dpi_scale_trans}
        look: dict[str, Any] = {"fontsize": 14.5, "fontweight": "bold", "gid": "title"}
        figure.text(0.12, height - 0.1, title, **look, **place)
        if note:
            look = {"fontsize": 11, "color": NOTE_COLOR, "gid": "notes"}
            figure.text(0.12, height - 0.39, note, **look, **place)
        if marked:
            figure.text(width - 0.16, height - 0.13, "SIMULATED DATA", **_MARK, **place)
        return
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes[0].set_title(title, loc="left", y=1.0, pad=12 + 14 * len(lines))
    if note:
        axes[0].annotate(note, (0, 1), xytext=(0, 8), color=NOTE_COLOR, gid="notes", **place)
    if marked:
        offset = (-4, 34 + 14 * len(lines))
        axes[-1].annotate("SIMULATED DATA", (1, 1), xytext=offset, **_MARK, **place)


def log_norm(values: np.ndarray) -> tuple[LogNorm, str]:
    """
    Return a logarithmic colour scale, and at which of its ends values lie beyond it.

    A few extreme values would take most of the colours. The scale therefore leaves out the lowest
    5% of the values, but only 0.01% of the highest, which are drawn on top and are what the reader
    sees. Values beyond the scale get the colour of its end, and the colour bar has an arrow there.
    """
    low, high = np.percentile(values, [5, 99.99])
    if low == high:
        low, high = low / 2, high * 2
    below, above = values.min() < low, values.max() > high
    extend = "both" if below and above else "min" if below else "max" if above else "neither"
    return LogNorm(low, high), extend


def color_bar(ax: Any, drawn: Any, label: str, extend: str, **place: Any) -> Colorbar:
    """Add one colour bar for all of the axes, with arrows at the ends named by `log_norm`."""
    axes = axes_list(ax)
    with text_sizes():
        bar = axes[0].figure.colorbar(drawn, ax=list(axes), extend=extend, **place)
        bar.set_label(label)
    bar.solids.set_rasterized(True)  # else some PDF viewers show white lines between the colours
    return bar


def legend(
    ax: Axes, handles: list | None = None, *, ncols: int = 4, below: float = -0.16, **look: Any
) -> None:
    """Add a legend outside the data: in the footer of a `TableFigure`, else below the axes."""
    figure = ax.figure
    if handles is None:
        handles = ax.get_legend_handles_labels()[0]
    options: dict[str, Any] = {"handles": handles, "ncols": ncols, **look}
    options |= {"frameon": False, "handletextpad": 0.5}
    with text_sizes():
        if not isinstance(figure, TableFigure):
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, below), **options)
            return
        foot = figure.bottom
        figure.make_room(bottom=0.1 + 0.25 * np.ceil(len(handles) / ncols))
        options |= {"loc": "lower center", "borderaxespad": 0.3}
        options |= {"bbox_to_anchor": (0, foot, figure.get_figwidth(), 1)}
        figure.legend(bbox_transform=figure.dpi_scale_trans, **options)


def longitude_axis(ax: Axes, step: float = 30) -> None:
    """Let longitudes in [-180, 180) increase to the left, labelled 0 to 360 as in tables."""
    ax.set_xlim(180, -180)
    ax.set_xticks(np.arange(-180, 181, step))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda longitude, _: f"{longitude % 360:.0f}"))
    ax.set_xlabel("Galactic longitude $l$ [deg], increasing to the left")


def label_counts(axis: Axis) -> None:
    """Label 10 and 1,000 instead of powers of ten: these are counts."""
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")


def class_groups(table: Table) -> np.ndarray:
    """Return the group of each row's ``fermi_class``, a key of `GROUPS`."""
    codes, row = np.unique(texts(table, "fermi_class"), return_inverse=True)
    return np.array([class_group(code) for code in codes], dtype="U16")[row]


def draw_groups(ax: Axes, x: np.ndarray, y: np.ndarray, groups: np.ndarray, **look: Any) -> None:
    """Draw points by group, the largest group first, so that it does not hide the others."""
    look = {"alpha": 0.8, "markeredgewidth": 0.4, "markeredgecolor": "white", **look}
    look |= {"linestyle": "none", "rasterized": len(x) > MANY}
    names, counts = np.unique(groups, return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")]:
        inside = groups == name
        ax.plot(x[inside], y[inside], gid=name, **GROUPS[name], **look)


def group_legend(ax: Axes, groups: np.ndarray) -> None:
    """Add a legend of the groups that are drawn, Galactic to unassociated."""
    shown = {name: look | {"linestyle": "none"} for name, look in GROUPS.items() if name in groups}
    legend(ax, [Line2D([], [], label=name, markersize=7, **shown[name]) for name in shown])
