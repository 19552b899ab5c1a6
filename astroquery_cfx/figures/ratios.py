# Licensed under a 3-clause BSD style license - see LICENSE
"""X-ray to gamma-ray flux ratios: by place, and by class of the Fermi source."""

import itertools

import astropy.units as u
import numpy as np
from matplotlib.lines import Line2D

from ..errors import InvalidInputError
from ..fermi.classes import class_group, class_order, is_identified
from . import style
from .groups import class_groups, draw_groups, group_legend
from .histograms import longitude_axis
from .rows import Rows, numbers, texts, wrap_longitude
from .strips import flux_ratio

__all__ = ["plot_flux_ratio_by_class", "plot_flux_ratio_by_position"]


def plot_flux_ratio_by_position(matched, *, ax=None):
    """
    X-ray to gamma-ray flux ratio of each pair, by Galactic longitude and by latitude of the Fermi source.

    What differs from the notebook: the two bands are named (0.5-7 keV, 0.1-100 GeV, both energy fluxes);
    longitude runs from 180 deg through the centre to 180 deg, increasing to the left; the groups of classes
    are told apart, by colour and marker, the smaller on top of the larger; pairs without two fluxes are
    counted.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row a pair, with the columns ``fermi_l``, ``fermi_b`` (deg), ``csc_flux``, ``fermi_flux``
        (erg/s/cm2) and ``fermi_class``. Units of the same kind are converted, a column without unit is in
        the unit given here.
    ax : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        Two: by longitude (wrapped to [-180, 180) deg, labelled 0 to 360) and by latitude.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_by_position
    >>> matched = Table({"fermi_l": [184.56, 359.9], "fermi_b": [-5.78, -0.05], "csc_flux": [2e-9, 3e-14],
    ...                  "fermi_flux": [1.5e-9, 2e-10], "fermi_class": ["PSR", "spp"]})
    >>> by_longitude, by_latitude = plot_flux_ratio_by_position(matched)
    >>> by_latitude.get_xlabel()
    'Galactic latitude $b$ [deg]'
    """
    longitude, latitude = numbers(matched, "fermi_l", u.deg), numbers(matched, "fermi_b", u.deg)
    ratio, groups = flux_ratio(matched), class_groups(matched)
    rows = Rows(len(ratio), "pairs")
    rows.need(np.isfinite(longitude) & np.isfinite(latitude), "without position")
    rows.need(ratio > 0, "without two fluxes above zero")
    rows.check()
    axes = style.plain_axes(matched, ax, columns=2, sharey=True)
    drawn = rows.drawn
    for panel, x in zip(axes, (wrap_longitude(longitude), latitude), strict=True):
        draw_groups(panel, x[drawn], ratio[drawn], groups[drawn], size=3.6, alpha=0.6, edge=0.0)
        _ratio_axis(panel, ratio[drawn])
    longitude_axis(axes[0], 60)
    reach = max(1.0, np.ceil(np.abs(latitude[drawn]).max())) * 1.03
    axes[1].set_xlim(-reach, reach)
    axes[1].set_xlabel("Galactic latitude $b$ [deg]")
    axes[0].set_ylabel(style.RATIO)
    group_legend(axes[0], groups[drawn])
    style.finish(
        axes, matched, "X-ray to γ-ray flux ratio by position of the Fermi source", rows.note()
    )
    return axes


def plot_flux_ratio_by_class(matched, *, seed=0, ax=None):
    """
    X-ray to gamma-ray flux ratio of each pair, by class of the Fermi source, Galactic to extragalactic.

    One column a class; identified sources (capitals in the catalogue) are filled diamonds, associated ones
    open circles. Under each label stand the numbers of pairs and of Fermi sources; a bar marks the median
    of three or more pairs.

    What differs from the notebook: every class present is shown (the notebook's list names only some of
    them, and ends in a KeyError at any other, BCU and NOV among them); 'PSR' and 'psr' share a column, told
    apart by the marker; unassociated sources have a name; the jitter is seeded, so that the figure is the
    same each time; the two bands are named.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row a pair, with the columns ``fermi_name``, ``fermi_class``, ``csc_flux`` and ``fermi_flux``
        (erg/s/cm2). Fluxes in units of the same kind are converted, a column without unit is in erg/s/cm2.
    seed : int
        Seed of the horizontal jitter, which carries no meaning.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_by_class
    >>> matched = Table({"fermi_name": ["A", "B", "C"], "fermi_class": ["bll", "PSR", ""],
    ...                  "csc_flux": [2e-12, 3e-14, 1e-14], "fermi_flux": [1.5e-11, 2e-10, 3e-12]})
    >>> ax = plot_flux_ratio_by_class(matched)
    >>> [label.get_text().split()[0] for label in ax.get_xticklabels()]
    ['psr', 'none', 'bll']
    """
    codes, ratio, names = (
        texts(matched, "fermi_class"),
        flux_ratio(matched),
        texts(matched, "fermi_name"),
    )
    rows = Rows(len(ratio), "pairs")
    rows.need(ratio > 0, "without two fluxes above zero")
    rows.check()
    codes, ratio, names = codes[rows.drawn], ratio[rows.drawn], names[rows.drawn]
    try:
        jitter = np.random.default_rng(seed).uniform(-0.32, 0.32, len(ratio))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"seed = {seed!r} is not a seed.", remedy="give a whole number."
        ) from error
    classes = list(dict.fromkeys(code.lower() for code in class_order(codes)))
    lower = np.char.lower(codes)
    unique, of = np.unique(lower, return_inverse=True)
    column = np.array([classes.index(code) for code in unique])[of]
    (ax,) = style.plain_axes(matched, ax, height=5.1)
    _shade_groups(ax, [class_group(code) for code in classes])
    identified = np.array([is_identified(code) for code in codes])
    _draw_pairs(ax, column + jitter, ratio, column, classes, identified)
    ax.set_xticks(range(len(classes)), [_label(code, lower == code, names) for code in classes])
    ax.tick_params(axis="x", length=0)
    if len(classes) > 12:
        ax.tick_params(axis="x", labelsize=0.9 * ax.xaxis.get_ticklabels()[0].get_fontsize())
    ax.set_xlim(-0.5, len(classes) - 0.5)
    _ratio_axis(ax, ratio)
    ax.set_ylabel(style.RATIO)
    ax.set_xlabel("Class of the Fermi source, from Galactic to extragalactic")
    _name_the_counts(ax)
    _marker_legend(ax, [class_group(code) for code in classes])
    style.finish(ax, matched, "X-ray to γ-ray flux ratio by class of the Fermi source", rows.note())
    return ax


def _label(code, of, names):
    return f"{code or 'none'}\n{np.count_nonzero(of):,}\n{len(np.unique(names[of])):,}"


def _draw_pairs(ax, x, ratio, column, classes, identified):
    for place, code in enumerate(classes):
        here = column == place
        look = {
            "linestyle": "none",
            "color": style.GROUPS[class_group(code)]["color"],
            "markersize": 4,
            "alpha": 0.35 if np.count_nonzero(here) > 300 else 0.8,
            "rasterized": len(x) > 2000,
        }
        of = here & ~identified
        ax.plot(
            x[of],
            ratio[of],
            marker="o",
            markerfacecolor="none",
            markeredgewidth=0.7,
            gid=code or "none",
            **look,
        )
        of = here & identified
        ax.plot(x[of], ratio[of], marker="D", markeredgewidth=0, gid=code or "none", **look)
        if np.count_nonzero(here) > 2:
            middle = np.median(ratio[here])
            ax.hlines(middle, place - 0.4, place + 0.4, color="black", linewidth=1.8, zorder=4)


def _shade_groups(ax, groups):
    """A band and a name over each run of columns of the same group."""
    edges = [0, *(np.flatnonzero(np.array(groups[1:]) != np.array(groups[:-1])) + 1), len(groups)]
    for number, (left, right) in enumerate(itertools.pairwise(edges)):
        if number % 2 == 0:
            ax.axvspan(left - 0.5, right - 0.5, color="0.955", zorder=0)


def _name_the_counts(ax):
    """Say at the left what the three lines of the labels are."""
    label = ax.get_xticklabels()[0]
    ax.annotate(
        "class\npairs\nFermi sources",
        (0, 0),
        xytext=(-6, -ax.xaxis.get_tick_padding()),
        ha="right",
        va="top",
        xycoords="axes fraction",
        textcoords="offset points",
        linespacing=1.2,
        fontsize=label.get_fontsize(),
        color=style.NOTE_COLOR,
    )


def _marker_legend(ax, groups):
    shape = {"linestyle": "none", "markersize": 6, "color": "0.3"}
    handles = [
        Line2D([], [], marker="D", label="identified", **shape),
        Line2D(
            [], [], marker="o", label="associated, or unassociated", markerfacecolor="none", **shape
        ),
        Line2D([], [], color="black", linewidth=1.8, label="median of the class"),
    ]
    names = {"unassociated": "unassociated (none)"}
    shape.pop("color")
    handles += [
        Line2D([], [], marker="s", label=names.get(group, group), color=look["color"], **shape)
        for group, look in style.GROUPS.items()
        if group in groups
    ]
    style.legend(ax, handles, ncols=4, below=-0.24)


def _ratio_axis(ax, ratio):
    ax.set_yscale("log")
    ax.set_ylim(ratio.min() / 2, ratio.max() * 2)
    ax.grid(axis="y", **style.GRID)
