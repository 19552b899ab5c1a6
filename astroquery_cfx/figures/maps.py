# Licensed under a 3-clause BSD style license - see LICENSE
"""Maps of the whole sky."""

from itertools import chain, zip_longest
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from . import style
from .closeups import CLOSEUPS, FermiSources, add_closeups
from .rows import ENERGY_FLUX, choose_rows, floats, galactic_position, position, texts
from .sky import aitoff_axes, aitoff_xy, draw_aitoff_circles


def plot_observations_map(observations: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot an all-sky map (equatorial, Aitoff) of observations, coloured by exposure.

    Long exposures are drawn on top. The logarithmic colour scale omits the lowest 5% of the
    exposures and the highest 0.01%, which are drawn in the colours of its ends.

    Parameters
    ----------
    observations : `~astropy.table.Table`
        One row per observation, with the columns ``ra``, ``dec`` (ICRS, deg) and ``exposure`` (s).
        Other units are converted, missing units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on. Those of a new figure by default.

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
    >>> from astroquery_cfx.figures import plot_observations_map
    >>> table = Table({"ra": [83.6, 266.4], "dec": [22.0, -29.0], "exposure": [9.6e3, 3e4]})
    >>> plot_observations_map(table).get_xlabel()
    'Right ascension (ICRS) [deg], increasing to the left'
    """
    ra, dec = position(observations, "ra", "dec")
    exposure = floats(observations, "exposure", u.s) / 1000
    drawn, note = choose_rows(
        "observations",
        (np.isfinite(ra), "without position"),
        (np.isfinite(exposure), "without exposure"),
        (exposure > 0, "with zero exposure"),
    )
    ax = aitoff_axes(observations, ax, frame="icrs", label_latitude=-7)
    plane = SkyCoord(np.linspace(0, 360, 721), np.zeros(721), unit="deg", frame="galactic").icrs
    x, y = aitoff_xy(plane.ra.deg, plane.dec.deg)
    order = np.argsort(x)
    look: dict[str, Any] = {"color": "black", "linewidth": 1.3, "path_effects": style.HALO}
    (line,) = ax.plot(x[order], y[order], "--", zorder=5, label="Galactic plane", **look)
    with style.text_sizes():
        corner: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.01, -0.08)}
        ax.legend(handles=[line], frameon=False, borderaxespad=0, **corner)
    bar = _draw_colored(ax, ra[drawn], dec[drawn], exposure[drawn], "Exposure [ks]", size=5)
    bar.ax.xaxis.set_major_formatter("{x:g}")
    style.finish(ax, observations, "Chandra observations", note)
    return ax


def plot_sources_map(sources: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot an all-sky map (Galactic, Aitoff) of X-ray sources, coloured by flux.

    Bright sources are drawn on top. The logarithmic colour scale omits the lowest 5% of the fluxes
    and the highest 0.01%, which are drawn in the colours of its ends.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row per source, with the columns ``ra``, ``dec`` (ICRS, deg) and ``b_flux_ap`` (0.5-7
        keV energy flux, erg/s/cm2). Other units are converted, missing units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on. Those of a new figure by default.

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
    >>> from astroquery_cfx.figures import plot_sources_map
    >>> sources = Table({"ra": [83.6, 266.4], "dec": [22.0, -29.0], "b_flux_ap": [2e-9, 3e-13]})
    >>> plot_sources_map(sources).get_xlabel()
    'Galactic longitude $l$ [deg], increasing to the left'
    """
    longitude, latitude = galactic_position(sources)
    flux = floats(sources, "b_flux_ap", ENERGY_FLUX)
    drawn, note = choose_rows(
        "sources",
        (np.isfinite(longitude), "without position"),
        (flux > 0, "without a flux above zero"),
    )
    ax = aitoff_axes(sources, ax, frame="galactic", label_latitude=-17)
    label = f"{style.X_RAY} {style.FLUX_UNIT}"
    _draw_colored(ax, longitude[drawn], latitude[drawn], flux[drawn], label, size=4)
    style.finish(ax, sources, "Chandra sources", note)
    return ax


def _draw_colored(ax, longitude, latitude, value, label, *, size):
    """Draw points coloured by a positive value, the highest on top; return their colour bar."""
    order = np.argsort(value, kind="stable")
    norm, extend = style.log_norm(value)
    look = {"norm": norm, "cmap": style.FLUX_COLORS, "rasterized": True, "zorder": 3}
    xy = aitoff_xy(longitude[order], latitude[order])
    points = ax.scatter(*xy, c=value[order], s=size, linewidths=0, **look)
    below = {"location": "bottom", "shrink": 0.62, "aspect": 38, "pad": 0.03}
    return style.color_bar(ax, points, label, extend, **below)


def plot_matches_map(matched: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot an all-sky map (Galactic, Aitoff) of matched sources and Fermi error regions.

    Each source is drawn once. The 95% regions are circles on the sky of radius ``fermi_r95``, drawn
    at their true size: mostly 0.03 to 0.3 deg, less than a pixel of the map. Each Fermi source
    therefore also has a ring of fixed size, and a new figure has close-ups below the map that show
    regions and X-ray sources at their true size, for the Fermi sources with most matches that are
    more than 3 deg apart.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row per pair, with the columns ``csc_name``, ``csc_l``, ``csc_b``, ``fermi_name``,
        ``fermi_l``, ``fermi_b`` and ``fermi_r95`` (semi-major axis of the 95% ellipse); Galactic
        coordinates, deg. Other units are converted, missing units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on, without close-ups. Those of a new figure by
        default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The map. The close-ups are the other ``ax.figure.axes``.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_matches_map
    >>> matched = Table({"csc_name": ["2CXO A", "2CXO B"], "csc_l": [184.56, 184.6],
    ...                  "csc_b": [-5.78, -5.8], "fermi_name": ["4FGL J0534.5+2200"] * 2,
    ...                  "fermi_l": [184.56] * 2, "fermi_b": [-5.78] * 2, "fermi_r95": [0.05] * 2})
    >>> ax = plot_matches_map(matched)
    >>> len(ax.figure.axes)  # the map and one close-up
    2
    """
    first = np.sort(np.unique(texts(matched, "csc_name"), return_index=True)[1])
    longitude, latitude = position(matched[first], "csc_l", "csc_b")
    drawn, note = choose_rows("Chandra sources", (np.isfinite(longitude), "without position"))
    longitude, latitude = longitude[drawn], latitude[drawn]
    fermi = FermiSources.from_pairs(matched)
    sky = aitoff_axes(matched, ax, frame="galactic", label_latitude=-17, height=7.45)
    dot: dict[str, Any] = {"markeredgewidth": 0, "color": style.CHANDRA_COLOR, "rasterized": True}
    chandra = sky.plot(*aitoff_xy(longitude, latitude), "o", markersize=2.4, **dot)
    ring: dict[str, Any] = {"linestyle": "none", "marker": "o", "markerfacecolor": "none"}
    xy = aitoff_xy(fermi.longitude, fermi.latitude)
    rings = sky.plot(*xy, markersize=7, markeredgewidth=0.8, color=style.FERMI_COLOR, **ring)
    draw_aitoff_circles(sky, *fermi.circles, linewidth=0.7, zorder=3, **style.OUTLINE)
    if ax is None:
        grid = GridSpec(2, CLOSEUPS, figure=sky.figure, height_ratios=[2.3, 1])
        sky.set_subplotspec(grid[0, :])

        def draw_xray(panel, _, x, y):
            panel.plot(x, y, "o", markersize=2.4 if len(x) < 500 else 1.2, **dot)

        add_closeups(grid, fermi, (longitude, latitude), draw_xray)
    region_handle = Line2D([], [], color="black", markersize=10, markeredgewidth=1.2, **ring)
    labels = [
        "Chandra source",
        "Fermi source (map: ring of fixed size)",
        "95% region of the Fermi source, true size",
    ]
    style.legend(sky, [*chandra, *rings, region_handle], labels=labels, ncols=3)
    style.finish(sky, matched, "Chandra sources near Fermi sources", f"{note}; {fermi.note}")
    return sky


def plot_match_density_map(grouped: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot an all-sky map (Galactic, Aitoff) of Fermi sources, sized by their number of matches.

    The diameter of a symbol grows with the logarithm of the number, from one match to thousands: if
    it grew with the number itself, single matches would vanish beside the Galactic Centre. Sources
    with few matches are drawn on top.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row per Fermi source, with the columns ``fermi_l``, ``fermi_b`` (deg), ``fermi_class``
        and ``num_csc_matches``. Other units are converted, missing units assumed.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on. Those of a new figure by default.

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
    >>> from astroquery_cfx.figures import plot_match_density_map
    >>> grouped = Table({"fermi_l": [184.56, 359.9], "fermi_b": [-5.78, -0.05],
    ...                  "fermi_class": ["PSR", "spp"], "num_csc_matches": [12, 2500]})
    >>> plot_match_density_map(grouped).collections[0].get_sizes().round()  # points squared
    array([353.,  70.])
    """
    longitude, latitude = position(grouped, "fermi_l", "fermi_b")
    number = floats(grouped, "num_csc_matches")
    groups = style.class_groups(grouped)
    drawn, note = choose_rows(
        "Fermi sources",
        (np.isfinite(longitude), "without position"),
        (number > 0, "without matches"),
    )
    ax = aitoff_axes(grouped, ax, frame="galactic", label_latitude=-20, height=5.2)
    order = np.flatnonzero(drawn)[np.argsort(-number[drawn], kind="stable")]
    number, groups = number[order], groups[order]

    def diameter(number):
        return 3.5 + 4.5 * np.log10(number)  # points

    colors = {group: group_look["color"] for group, group_look in style.GROUPS.items()}
    xy = aitoff_xy(longitude[order], latitude[order])
    look: dict[str, Any] = {"alpha": 0.8, "edgecolors": "white", "linewidths": 0.5}
    look["c"] = [colors[group] for group in groups]
    ax.scatter(*xy, s=diameter(number) ** 2, zorder=3, clip_on=False, **look)
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgecolor": "white"}
    upper = [
        Line2D([], [], color=colors[group], markersize=9, label=group, **dot)
        for group in colors
        if group in groups
    ]
    steps = {1: "1 match", 10: "10 matches", 100: "100 matches"}
    steps |= {1000: "1,000 matches", 10_000: "10,000 matches"}
    lower = [
        Line2D([], [], color="0.55", markersize=diameter(step), label=steps[step], **dot)
        for step in steps
        if step <= number[0]
    ]
    # Legends are filled column by column: this puts the groups in one row, the sizes in the next.
    columns = zip_longest(upper, lower, fillvalue=Line2D([], [], linestyle="none", label=" "))
    handles = list(chain.from_iterable(columns))
    style.legend(ax, handles, ncols=len(handles) // 2, labelspacing=0.7)
    style.finish(ax, grouped, "Fermi sources by their number of Chandra matches", note)
    return ax
