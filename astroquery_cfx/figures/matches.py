# Licensed under a 3-clause BSD style license - see LICENSE
"""X-ray matches of Fermi sources: their numbers, and the classes of sources that have one."""

import astropy.units as u
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from . import style
from .rows import ENERGY_FLUX, choose_rows, floats, texts, wrap_longitude

_BELOW_ONE = 0.7  # where a logarithmic axis of counts starts


def plot_match_counts(grouped: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot the number of X-ray matches of each Fermi source by Galactic longitude.

    Each source is a stem at its own longitude, on a logarithmic scale that shows all of them.
    Longitude increases to the left from 180 deg through the centre to 180 deg.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row per Fermi source, with the columns ``fermi_l`` (deg), ``fermi_class`` and
        ``num_csc_matches``. Other units are converted, missing units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. Its x is the longitude wrapped to [-180, 180) deg, labelled 0 to 360.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_match_counts
    >>> grouped = Table({"fermi_l": [184.56, 359.9], "fermi_class": ["PSR", "spp"],
    ...                  "num_csc_matches": [12, 2500]})
    >>> plot_match_counts(grouped).get_yscale()
    'log'
    """
    longitude = wrap_longitude(floats(grouped, "fermi_l", u.deg))
    number = floats(grouped, "num_csc_matches")
    groups = style.class_groups(grouped)
    drawn, note = choose_rows(
        "Fermi sources",
        (np.isfinite(longitude), "without position"),
        (number > 0, "without matches"),
    )
    longitude, number, groups = longitude[drawn], number[drawn], groups[drawn]
    (ax,) = style.plain_axes(grouped, ax)
    colors = [style.GROUPS[group]["color"] for group in groups]
    ax.vlines(longitude, _BELOW_ONE, number, colors=colors, linewidth=0.7, alpha=0.55)
    style.draw_groups(ax, longitude, number, groups, markersize=4.5, alpha=0.95)
    _match_axis(ax, number)
    style.longitude_axis(ax)
    ax.grid(axis="y", **style.GRID)
    style.group_legend(ax, groups)
    style.finish(ax, grouped, "Chandra matches of each Fermi source", note)
    return ax


def plot_matches_by_flux(grouped: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot the number of X-ray matches of each Fermi source against its gamma-ray energy flux.

    Both scales are logarithmic. A trend says as much about where and for how long Chandra observed
    as about the sources.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row per Fermi source, with the columns ``fermi_flux`` (0.1-100 GeV energy flux,
        erg/s/cm2), ``fermi_class`` and ``num_csc_matches``. Other units are converted, missing
        units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_matches_by_flux
    >>> grouped = Table({"fermi_flux": [1.5e-9, 2e-10], "fermi_class": ["PSR", "spp"],
    ...                  "num_csc_matches": [12, 2500]})
    >>> plot_matches_by_flux(grouped).get_ylabel()
    'Chandra matches of a Fermi source'
    """
    flux = floats(grouped, "fermi_flux", ENERGY_FLUX)
    number = floats(grouped, "num_csc_matches")
    groups = style.class_groups(grouped)
    drawn, note = choose_rows(
        "Fermi sources", (flux > 0, "without a flux above zero"), (number > 0, "without matches")
    )
    flux, number, groups = flux[drawn], number[drawn], groups[drawn]
    (ax,) = style.plain_axes(grouped, ax)
    style.draw_groups(ax, flux, number, groups, markersize=6)
    ax.set_xscale("log")
    ax.set_xlim(flux.min() / 1.4, flux.max() * 1.4)
    ax.set_xlabel(f"{style.GAMMA_RAY} {style.FLUX_UNIT}")
    _match_axis(ax, number)
    ax.grid(**style.GRID)
    style.group_legend(ax, groups)
    style.finish(ax, grouped, "Chandra matches by γ-ray flux", note)
    return ax


def _match_axis(ax, number):
    ax.set_yscale("log")
    ax.set_ylim(_BELOW_ONE, number.max() * 1.6)
    style.label_counts(ax.yaxis)
    ax.set_ylabel("Chandra matches of a Fermi source")


def plot_class_shares(shares: Table, *, ax: Axes | None = None) -> Axes:
    r"""
    Plot the fraction of each group of classes, in the plane and among matched Fermi sources.

    The label of each bar is the fraction and the number of sources.

    Parameters
    ----------
    shares : `~astropy.table.Table`
        One row per group, with the columns ``group`` (name), ``num_plane``, ``num_matched`` (Fermi
        sources) and ``share_plane``, ``share_matched`` (fractions of 1, or with the unit percent).
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_class_shares
    >>> shares = Table({"group": ["Galactic", "extragalactic"],
    ...                 "num_plane": [60, 40], "num_matched": [15, 5],
    ...                 "share_plane": [0.6, 0.4], "share_matched": [0.75, 0.25]})
    >>> [text.get_text() for text in plot_class_shares(shares).texts][:2]
    ['60%\n60', '40%\n40']
    """
    names = texts(shares, "group")
    columns = ("share_plane", "num_plane", "share_matched", "num_matched")
    values = np.array([floats(shares, name) for name in columns])
    drawn, note = choose_rows(
        "groups of classes", (np.isfinite(values).all(axis=0), "without numbers")
    )
    plane, plane_number, matched, matched_number = values[:, drawn]
    (ax,) = style.plain_axes(shares, ax)
    place = np.arange(np.count_nonzero(drawn))
    for x, share, number, color, label in (
        (place - 0.2, plane, plane_number, style.LIGHT, "Fermi sources in the plane"),
        (place + 0.2, matched, matched_number, style.DARK, "of these, with a Chandra match"),
    ):
        bars = ax.bar(x, share, 0.38, color=color, label=f"{label} ({number.sum():,.0f})")
        labels = [f"{part:.0%}\n{count:,.0f}" for part, count in zip(share, number, strict=True)]
        ax.bar_label(bars, labels, padding=3, fontsize=11)
    ax.set_xticks(place, names[drawn])
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(0, 1.18 * max(plane.max(), matched.max()))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylabel("Share of the Fermi sources")
    ax.set_xlabel("Group of the Fermi class")
    style.legend(ax, ncols=2)
    title = "Classes of Fermi sources, in the plane and matched"
    style.finish(ax, shares, title, "" if drawn.all() else note)
    return ax
