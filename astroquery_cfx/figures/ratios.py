# Licensed under a 3-clause BSD style license - see LICENSE
"""X-ray to gamma-ray flux ratios: by position, and by class of the Fermi source."""

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..arrays import starts_run
from ..errors import InvalidInputError
from ..fermi.classes import class_group, class_order, is_identified
from . import style
from .rows import ENERGY_FLUX, choose_rows, floats, texts, wrap_longitude


def flux_ratio(matched: Table) -> np.ndarray:
    """Return X-ray over gamma-ray energy flux, NaN where one of the two is not above zero."""
    xray, gamma = (floats(matched, name, ENERGY_FLUX) for name in ("csc_flux", "fermi_flux"))
    both = (xray > 0) & (gamma > 0) & np.isfinite(xray) & np.isfinite(gamma)
    return np.divide(xray, gamma, out=np.full(len(xray), np.nan), where=both)


def plot_flux_ratio_by_position(matched: Table, *, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """
    Plot the X-ray to gamma-ray flux ratio of each pair by the Fermi source's Galactic position.

    Both are energy fluxes, at 0.5-7 keV and at 0.1-100 GeV. Longitude increases to the left from
    180 deg through the centre to 180 deg. Small groups of classes are drawn on top.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row per pair, with the columns ``fermi_l``, ``fermi_b`` (deg), ``csc_flux``,
        ``fermi_flux`` (erg/s/cm2) and ``fermi_class``. Other units are converted, missing units
        assumed.
    ax : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        Two: by longitude (wrapped to [-180, 180) deg, labelled 0 to 360) and by latitude.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_by_position
    >>> matched = Table({"fermi_l": [184.56, 359.9], "fermi_b": [-5.78, -0.05],
    ...                  "csc_flux": [2e-9, 3e-14], "fermi_flux": [1.5e-9, 2e-10],
    ...                  "fermi_class": ["PSR", "spp"]})
    >>> by_longitude, by_latitude = plot_flux_ratio_by_position(matched)
    >>> by_latitude.get_xlabel()
    'Galactic latitude $b$ [deg]'
    """
    longitude, latitude = (floats(matched, name, u.deg) for name in ("fermi_l", "fermi_b"))
    ratio, groups = flux_ratio(matched), style.class_groups(matched)
    drawn, note = choose_rows(
        "pairs",
        (np.isfinite(longitude) & np.isfinite(latitude), "without position"),
        (ratio > 0, "without two fluxes above zero"),
    )
    longitude, latitude = wrap_longitude(longitude[drawn]), latitude[drawn]
    ratio, groups = ratio[drawn], groups[drawn]
    axes = style.plain_axes(matched, ax, columns=2)
    for panel, x in zip(axes, (longitude, latitude), strict=True):
        style.draw_groups(panel, x, ratio, groups, markersize=3.6, alpha=0.6, markeredgewidth=0)
        _ratio_axis(panel, ratio)
    style.longitude_axis(axes[0], 60)
    reach = max(1.0, np.ceil(np.abs(latitude).max())) * 1.03
    axes[1].set_xlim(-reach, reach)
    axes[1].set_xlabel("Galactic latitude $b$ [deg]")
    axes[0].set_ylabel(style.RATIO)
    style.group_legend(axes[0], groups)
    style.finish(axes, matched, "X-ray to γ-ray flux ratio by position of the Fermi source", note)
    return axes


def plot_flux_ratio_by_class(matched: Table, *, seed: int = 0, ax: Axes | None = None) -> Axes:
    """
    Plot the X-ray to gamma-ray flux ratio of each pair by class, from Galactic to extragalactic.

    There is one column per class. Identified sources (capitals in the catalogue) are filled
    diamonds, associated ones open circles. The labels give the numbers of pairs and of Fermi
    sources; a bar marks the median of three or more pairs.

    Identified and associated sources ('PSR' and 'psr') share a column and differ by their markers.
    The jitter is seeded, so that the figure is always the same.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row per pair, with the columns ``fermi_name``, ``fermi_class``, ``csc_flux`` and
        ``fermi_flux`` (erg/s/cm2). Other units are converted, missing units assumed.
    seed : int, optional
        Seed of the horizontal jitter, which has no meaning.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If ``seed`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_by_class
    >>> matched = Table({"fermi_name": ["A", "B", "C"], "fermi_class": ["bll", "PSR", ""],
    ...                  "csc_flux": [2e-12, 3e-14, 1e-14],
    ...                  "fermi_flux": [1.5e-11, 2e-10, 3e-12]})
    >>> ax = plot_flux_ratio_by_class(matched)
    >>> [label.get_text().split()[0] for label in ax.get_xticklabels()]
    ['psr', 'none', 'bll']
    """
    codes, names = texts(matched, "fermi_class"), texts(matched, "fermi_name")
    ratio = flux_ratio(matched)
    drawn, note = choose_rows("pairs", (ratio > 0, "without two fluxes above zero"))
    codes, ratio, names = codes[drawn], ratio[drawn], names[drawn]
    try:
        jitter = np.random.default_rng(seed).uniform(-0.32, 0.32, len(ratio))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"seed = {seed!r} is not a seed.", remedy="give a whole number."
        ) from error
    identified = np.array([is_identified(code) for code in codes])
    classes = list(dict.fromkeys(code.lower() for code in class_order(codes)))
    groups = [class_group(code) for code in classes]
    codes = np.char.lower(codes)
    (ax,) = style.plain_axes(matched, ax, height=5.1)
    edges = [*np.flatnonzero(starts_run(np.array(groups))), len(groups)]
    for left, right in zip(edges[::2], edges[1::2], strict=False):  # shade every other group
        ax.axvspan(left - 0.5, right - 0.5, color="0.955", zorder=0)
    dot: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    dot["rasterized"] = len(ratio) > style.MANY
    open_circle = dot | {"marker": "o", "markerfacecolor": "none", "markeredgewidth": 0.7}
    diamond = dot | {"marker": "D", "markeredgewidth": 0}
    labels = []
    for place, (code, group) in enumerate(zip(classes, groups, strict=True)):
        here = codes == code
        pairs = np.count_nonzero(here)
        look: dict[str, Any] = {"color": style.GROUPS[group]["color"], "gid": code or "none"}
        look["alpha"] = 0.35 if pairs > 300 else 0.8
        for inside, marker in ((here & ~identified, open_circle), (here & identified, diamond)):
            ax.plot(place + jitter[inside], ratio[inside], **marker, **look)
        if pairs > 2:
            median = np.median(ratio[here])
            ax.hlines(median, place - 0.4, place + 0.4, color="black", linewidth=1.8, zorder=4)
        labels.append(f"{code or 'none'}\n{pairs:,}\n{len(np.unique(names[here])):,}")
    ax.set_xticks(range(len(classes)), labels)
    ax.tick_params(axis="x", length=0)
    size: Any = ax.xaxis.get_ticklabels()[0].get_fontsize()
    if len(classes) > 12:
        size *= 0.9
        ax.tick_params(axis="x", labelsize=size)
    ax.set_xlim(-0.5, len(classes) - 0.5)
    _ratio_axis(ax, ratio)
    ax.set_ylabel(style.RATIO)
    ax.set_xlabel("Class of the Fermi source, from Galactic to extragalactic")
    # Left of the labels, what their three lines are.
    corner: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    corner |= {"xytext": (-6, -ax.xaxis.get_tick_padding()), "ha": "right", "va": "top"}
    look = {"linespacing": 1.2, "fontsize": size, "color": style.NOTE_COLOR}
    ax.annotate("class\npairs\nFermi sources", (0, 0), **corner, **look)
    _marker_legend(ax, groups)
    style.finish(ax, matched, "X-ray to γ-ray flux ratio by class of the Fermi source", note)
    return ax


def _marker_legend(ax, groups):
    """Explain shapes and colours separately: there are too many combinations."""
    shape = {"linestyle": "none", "markersize": 6}
    open_circle = {"marker": "o", "markerfacecolor": "none", "color": "0.3"}
    handles = [
        Line2D([], [], label="identified", marker="D", color="0.3", **shape),
        Line2D([], [], label="associated, or unassociated", **open_circle, **shape),
        Line2D([], [], label="median of the class", color="black", linewidth=1.8),
    ]
    names = {"unassociated": "unassociated (none)"}
    handles += [
        Line2D([], [], label=names.get(group, group), marker="s", color=look["color"], **shape)
        for group, look in style.GROUPS.items()
        if group in groups
    ]
    style.legend(ax, handles, ncols=4, below=-0.24)


def _ratio_axis(ax, ratio):
    ax.set_yscale("log")
    ax.set_ylim(ratio.min() / 2, ratio.max() * 2)
    ax.grid(axis="y", **style.GRID)
