# Licensed under a 3-clause BSD style license - see LICENSE
"""What all figures share: size and type, colours, titles with notes, the mark on simulated data."""

import textwrap

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..errors import InvalidInputError
from ..fermi.classes import GROUP_COLORS

__all__ = ["GROUPS", "color_bar", "finish", "flux_colors", "log_norm", "new_figure", "plain_axes", "ratio_colors"]

# Type that can be read when a 10 inch wide figure fills a column or a slide.
_TYPE = {
    "font.size": 11.5, "axes.titlesize": 14, "axes.labelsize": 12.5, "xtick.labelsize": 11.5, "ytick.labelsize": 11.5,
    "legend.fontsize": 11, "axes.axisbelow": True, "axes.linewidth": 0.9, "axes.grid": False,
}
SIMULATED_COLOR = "#b3450a"
NOTE_COLOR = "0.3"
GRID = {"color": "0.82", "linewidth": 0.6, "linestyle": "-"}
HALO = [withStroke(linewidth=3, foreground="white")]
BAR_COLOR = "#3b75af"
LAW_COLOR = "#b3450a"

# The colours are told apart by the colour blind; the marker says the same a second time.
_MARKERS = {"Galactic": "o", "extragalactic": "s", "unknown": "D", "unassociated": "^"}
GROUPS = {group: {"color": GROUP_COLORS[group], "marker": marker} for group, marker in _MARKERS.items()}
X_RAY = "0.5\u20137 keV energy flux"
GAMMA_RAY = "0.1\u2013100 GeV energy flux"
FLUX_UNIT = r"[erg s$^{-1}$ cm$^{-2}$]"
RATIO = "X-ray to \u03b3-ray energy flux ratio\n(0.5\u20137 keV) / (0.1\u2013100 GeV)"


def flux_colors():
    """Plasma, reversed: what is bright is dark and stands out from the white page."""
    return _part("plasma_r", 0.06, 1.0)


def ratio_colors():
    """Viridis, reversed, without its palest end. A ratio of two bands has no natural middle: no diverging map."""
    return _part("viridis_r", 0.05, 1.0)


def _part(name, low, high):
    return ListedColormap(matplotlib.colormaps[name](np.linspace(low, high, 256)), name=f"{name}_part")


def new_figure(table, width, height, *, layout="constrained"):
    """
    A figure that pyplot knows nothing of, with the word on simulated data at its foot.

    Parameters
    ----------
    table : `~astropy.table.Table`
        What is drawn: ``table.meta['simulated']`` is the sentence at the foot, where there is one.
    width, height : float
        Inches, at 150 dots an inch.
    layout : str
        Layout engine of matplotlib.
    """
    figure = Figure(figsize=(width, height), dpi=150, layout=layout, facecolor="white")
    sentence = table.meta.get("simulated")
    if sentence:
        figure.supxlabel("\n".join(textwrap.wrap(f"Simulated data: {sentence}", int(width * 14))), x=0.012,
                         ha="left", fontsize=9.5, color=SIMULATED_COLOR)
    return figure


def own_type():
    """A context in which new axes, legends and colour bars get the type of these figures."""
    return matplotlib.rc_context(_TYPE)


def plain_axes(table, ax, *, width=10.0, height=5.6, columns=1, **sharing):
    """The axes given by the caller, or ``columns`` new ones side by side."""
    if ax is None:
        with own_type():
            axes = new_figure(table, width, height).subplots(1, columns, squeeze=False, **sharing)[0]
    else:
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != columns:
            raise InvalidInputError(f"This figure has {columns} panel(s), but {len(axes)} axes were given.",
                                    remedy=f"give ax={'one Axes' if columns == 1 else f'a list of {columns} Axes'}.")
    return axes


def finish(axes, table, title, *notes):
    """Write the title and the notes above the first of the axes and mark simulated data above the last."""
    axes = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    lines = [note for note in notes if note]
    axes[0].set_title(title, loc="left", y=1.0, pad=12 + 14.5 * len(lines), fontweight="bold")
    if lines:
        axes[0].annotate("\n".join(lines), (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
                         ha="left", va="bottom", fontsize=10.5, color=NOTE_COLOR, gid="notes")
    if table.meta.get("simulated"):
        axes[-1].annotate("SIMULATED DATA", (1, 1), xytext=(-4, 14 + 14.5 * len(lines)), xycoords="axes fraction",
                          textcoords="offset points", ha="right", va="bottom", fontsize=11, fontweight="bold",
                          color=SIMULATED_COLOR, gid="simulated",
                          bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": SIMULATED_COLOR})


def log_norm(values):
    """
    A logarithmic colour scale over the middle 98% of positive values, and which ends it leaves open.

    A few extreme values would else leave one colour for all others; they are drawn, in the colour of the end,
    and the colour bar ends in an arrow there.
    """
    low, high = np.percentile(values, [1, 99])
    if low == high:
        low, high = low / 2, high * 2
    ends = ("min" if values.min() < low else "") + ("max" if values.max() > high else "")
    return LogNorm(low, high), {"": "neither", "minmax": "both"}.get(ends, ends)


def color_bar(axes, drawn, label, extend, **place):
    """A colour bar with ticks outside and its label; its arrows hold values beyond the scale."""
    axes = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    with own_type():
        bar = axes[0].figure.colorbar(drawn, ax=list(axes), extend=extend, **place)
        bar.set_label(label)
    bar.solids.set_rasterized(True)  # else thin white lines between the colours in some PDF viewers
    return bar


def legend(ax, **place):
    """A legend beside the data: by default in a row below the axes."""
    options = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13), "ncols": 4, "frameon": False, **place}
    with own_type():
        return ax.legend(**options)
