# Licensed under a 3-clause BSD style license - see LICENSE
"""Separations of pairs, and the distributions expected of chance pairs and true counterparts."""

from collections.abc import Sequence

import astropy.units as u
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from ..arrays import angle_in_degrees
from ..crossmatch.ellipse import offset_pdf
from ..errors import InvalidInputError
from . import style
from .rows import choose_rows, floats, texts

_FARTHEST = 4.0  # larger offsets share a bin: true ones have a probability of 0.05**16
_BIN = 0.1  # width of the others, in units of the 95% ellipse


def plot_separations(
    separations: Table, radius: u.Quantity | None = None, *, ax: Sequence[Axes] | None = None
) -> np.ndarray:
    r"""
    Plot separations of pairs, in degrees and in units of the 95% ellipse.

    Left: all pairs, and the nearest pair of each Fermi source, by separation. The line is expected
    of chance pairs, spread evenly over the circle of ``radius``: the number within r grows as
    :math:`r^2`. Right: the same by offset in units of the 95% ellipse. The line is expected of true
    counterparts, one per Fermi source: a Gaussian position error in two dimensions gives the
    Rayleigh distribution

    .. math:: P(<x) = 1 - \exp(-x^2 / 2\sigma^2) = 1 - 0.05^{x^2}, \quad \sigma = 1/2.4477,

    with 95% within 1. Both lines are in pairs per bin. Where chance pairs are many, the nearest
    pair of a source is closer than its true counterpart.

    Parameters
    ----------
    separations : `~astropy.table.Table`
        One row per pair, with the columns ``fermi_name``, ``separation`` (deg) and ``offset_95``
        (in units of the 95% ellipse; masked or NaN where the Fermi source has none). Other units
        are converted, missing units assumed.
    radius : `~astropy.units.Quantity`, optional
        The radius of the cross-match, not below any separation. The largest one by default.
    ax : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        Two: by separation, and by offset. Offsets beyond 4 are counted in one last bin.

    Raises
    ------
    InvalidInputError
        If ``radius`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_separations
    >>> separations = Table({"fermi_name": ["A", "A", "B"], "separation": [0.01, 0.06, 0.09],
    ...                      "offset_95": [0.3, 1.8, 1.1]})
    >>> in_degrees, in_ellipses = plot_separations(separations)
    >>> in_degrees.get_xlabel()
    'Separation [deg]'
    """
    separation = floats(separations, "separation", u.deg)
    offset = floats(separations, "offset_95")
    names = texts(separations, "fermi_name")
    drawn, note = choose_rows("pairs", (separation >= 0, "without separation"))
    names, separation, offset = names[drawn], separation[drawn], offset[drawn]
    largest = separation.max()
    reach = largest if radius is None else angle_in_degrees(radius, "radius")
    if not largest <= reach * (1 + 1e-9):
        raise InvalidInputError(
            f"radius = {radius} is smaller than the largest separation, {largest:.6g} deg.",
            remedy="give the radius of the cross-match.",
        )
    left, right = axes = style.plain_axes(separations, ax, columns=2)
    _draw_separations(left, separation, names, reach or 1.0)
    has_ellipse = offset >= 0
    if has_ellipse.any():
        _draw_offsets(right, offset[has_ellipse], names[has_ellipse])
    else:
        right.text(0.5, 0.5, "no pair has a 95% ellipse", transform=right.transAxes, ha="center")
    if not has_ellipse.all():
        lost = np.count_nonzero(~has_ellipse)
        note += f" ({lost:,} of them without a 95% ellipse: left panel only)"
    left.set_ylabel("Pairs per bin")
    handles = left.get_legend_handles_labels()[0] + right.get_legend_handles_labels()[0]
    entries = {handle.get_label(): handle for handle in handles}  # the panels share some
    style.legend(left, list(entries.values()), ncols=2)
    style.finish(axes, separations, "Separations of Chandra and Fermi sources", note)
    return axes


def _draw_separations(ax, separation, names, radius):
    edges = np.linspace(0, radius, 26)
    _draw_counts(ax, edges, separation, names)
    r = np.linspace(0, radius, 201)
    expected = len(separation) * 2 * r / radius**2 * edges[1]
    look = {"color": style.LAW_COLOR, "linewidth": 1.8}
    ax.plot(r, expected, "--", label="chance: number within $r$ ∝ $r^2$", **look)
    ax.set_xlim(0, radius)
    ax.set_xlabel("Separation [deg]")


def _draw_offsets(ax, offset, names):
    end = min(_FARTHEST, max(1.5, np.ceil(offset.max() * 10) / 10))
    edges = np.arange(0, end + _BIN / 2, _BIN)
    _draw_counts(ax, edges, offset, names)
    last = end
    beyond = offset > end
    if beyond.any():  # a wide bar, apart from the others
        last = end + 5 * _BIN
        inside = np.where(beyond, last - _BIN, -1)
        _draw_counts(ax, np.array([last - 3 * _BIN, last]), inside, names)
        ticks = range(int(end) + 1)
        ax.set_xticks([*ticks, last - 1.5 * _BIN], [*ticks, f">{end:g}"])
    sources = len(np.unique(names))
    x = np.linspace(0, end, 401)
    label = f"true counterparts, one for each of {sources:,} Fermi sources"
    expected = sources * offset_pdf(x) * _BIN
    ax.plot(x, expected, color=style.LAW_COLOR, linewidth=1.8, label=label)
    ax.set_xlim(0, last)
    ax.set_xlabel("Offset [radius of the 95% error ellipse]")


def _draw_counts(ax, edges, values, names):
    """Draw histograms of all pairs, and of the nearest pair of each name."""
    counts = np.histogram(values, edges)[0]
    ax.stairs(counts, edges, fill=True, color=style.LIGHT, label="all pairs")
    order = np.lexsort((values, names))
    nearest = values[order[np.unique(names[order], return_index=True)[1]]]
    look = {"color": "black", "linewidth": 1.3, "label": "nearest pair of each Fermi source"}
    ax.stairs(np.histogram(nearest, edges)[0], edges, **look)
    ax.set_yscale("log")
    ax.set_ylim(0.7, max(counts.max() * 2, 20, ax.get_ylim()[1]))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.grid(axis="y", **style.GRID)
