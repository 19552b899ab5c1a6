# Licensed under a 3-clause BSD style license - see LICENSE
"""Separations of pairs, and the laws that chance and true counterparts would follow."""

import astropy.units as u
import numpy as np

from ..crossmatch.ellipse import offset_pdf
from ..errors import InvalidInputError
from . import style
from .rows import Rows, numbers, texts

__all__ = ["plot_separations"]

_BEYOND = 4.0  # offsets above this stand in one bin of their own


def plot_separations(separations, radius=None, *, ax=None):
    r"""
    Separations of pairs, in degrees and in units of the 95% ellipse, with the laws of chance and of truth.

    The notebook leaves this as an exercise (and speaks of a 68% radius where its column is 95%). Left: all
    pairs, and the nearest pair of each Fermi source, by separation; the line is the law of chance, pairs
    evenly spread over the circle of ``radius``: the number within r grows as :math:`r^2`. Right: by offset
    in units of the 95% ellipse; the line is the law of true counterparts, one a Fermi source: a Gaussian
    error in two dimensions gives the Rayleigh law

    .. math:: P(<x) = 1 - \exp(-x^2 / 2\sigma^2) = 1 - 0.05^{x^2}, \quad \sigma = 1/2.4477,

    of which 95% lies within 1. The lines are the density of the law times the width of a bin. The nearest
    pair of a source lies nearer than its true counterpart where chance sources are many.

    Parameters
    ----------
    separations : `~astropy.table.Table`
        One row a pair, with the columns ``fermi_name``, ``separation`` (deg) and ``offset_95`` (in units of
        the 95% ellipse; masked or NaN where the Fermi source has none). A column without unit is in the
        unit given here.
    radius : `~astropy.units.Quantity`, optional
        The radius within which pairs were looked for; by default the largest separation.
    ax : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        Two: by separation, and by offset. Offsets beyond 4 are counted in one last bin.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, ``radius`` is no angle, or nothing can be drawn.

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
    separation = numbers(separations, "separation", u.deg)
    offset = numbers(separations, "offset_95", u.dimensionless_unscaled)
    names = texts(separations, "fermi_name")
    rows = Rows(len(separation), "pairs")
    rows.need(separation >= 0, "without separation")
    rows.check()
    names, separation, offset = names[rows.drawn], separation[rows.drawn], offset[rows.drawn]
    axes = style.plain_axes(separations, ax, columns=2, sharey=True)
    _draw_separations(axes[0], separation, names, _degrees(radius, separation))
    note = rows.note()
    has_ellipse = offset >= 0
    if has_ellipse.any():
        _draw_offsets(axes[1], offset[has_ellipse], names[has_ellipse])
    else:
        axes[1].text(
            0.5, 0.5, "no pair has a 95% ellipse", transform=axes[1].transAxes, ha="center"
        )
    if not has_ellipse.all():
        note += (
            f" ({np.count_nonzero(~has_ellipse):,} of them without a 95% ellipse: left panel only)"
        )
    axes[0].set_ylabel("Pairs per bin")
    _one_legend(axes)
    style.finish(axes, separations, "Separations of Chandra and Fermi sources", note)
    return axes


def _degrees(radius, separation):
    if radius is None:
        return separation.max() or 1.0
    try:
        value = float(u.Quantity(radius).to_value(u.deg))
    except (u.UnitsError, TypeError) as error:
        raise InvalidInputError(
            f"radius = {radius!r} is not an angle.", remedy="give it a unit, e.g. 0.1*u.deg."
        ) from error
    if not separation.max() <= value * (1 + 1e-9):
        raise InvalidInputError(
            f"radius = {radius} is smaller than the largest separation, "
            f"{separation.max():.6g} deg.",
            remedy="give the radius of the cross-match.",
        )
    return value


def _draw_separations(ax, separation, names, radius):
    edges = np.linspace(0, radius, 26)
    _draw_counts(ax, edges, separation, names)
    r = np.linspace(0, radius, 201)
    law = len(separation) * 2 * r / radius**2 * edges[1]
    _draw_law(ax, r, law, "chance: number within $r$ ∝ $r^2$", "--")
    ax.set_xlim(0, radius)
    ax.set_xlabel("Separation [deg]")


def _draw_offsets(ax, offset, names):
    end = min(_BEYOND, max(1.5, np.ceil(offset.max() * 10) / 10))
    width = 0.1
    edges = np.append(np.arange(0, end + width / 2, width), end + 5 * width)
    _draw_counts(ax, edges[:-1], offset, names)
    beyond = offset > end
    if beyond.any():
        _draw_counts(ax, edges[-1] - [3 * width, 0], np.where(beyond, edges[-1] - width, -1), names)
        ax.set_xticks(
            [*range(int(end) + 1), edges[-1] - 1.5 * width], [*range(int(end) + 1), f">{end:g}"]
        )
    sources = len(np.unique(names))
    x = np.linspace(0, end, 401)
    label = f"true counterparts, one for each of {sources:,} Fermi sources"
    _draw_law(ax, x, sources * offset_pdf(x) * width, label, "-")
    ax.set_xlim(0, edges[-1] if beyond.any() else end)
    ax.set_xlabel("Offset [radius of the 95% error ellipse]")


def _draw_counts(ax, edges, values, names):
    """All pairs, and the nearest of each name."""
    counts = np.histogram(values, edges)[0]
    ax.stairs(counts, edges, fill=True, color=style.LIGHT, label="all pairs")
    order = np.lexsort((values, names))
    nearest = values[order[np.unique(names[order], return_index=True)[1]]]
    ax.stairs(
        np.histogram(nearest, edges)[0],
        edges,
        color="black",
        linewidth=1.3,
        label="nearest pair of each Fermi source",
    )
    ax.set_yscale("log")
    ax.set_ylim(0.7, max(counts.max() * 2, 20, ax.get_ylim()[1]))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.grid(axis="y", **style.GRID)


def _draw_law(ax, x, law, label, linestyle):
    ax.plot(x, law, color=style.LAW_COLOR, linestyle=linestyle, linewidth=1.8, label=label)


def _one_legend(axes):
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    style.legend(axes[0], list(entries.values()), ncols=2)
