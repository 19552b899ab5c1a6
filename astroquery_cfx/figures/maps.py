# Licensed under a 3-clause BSD style license - see LICENSE
"""Maps of the whole sky."""

from itertools import chain, zip_longest

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from . import style
from .closeups import CLOSEUPS, FermiSources, add_closeups
from .groups import class_groups
from .rows import ENERGY_FLUX, Rows, galactic_position, numbers, position, texts
from .sky import aitoff_axes, aitoff_xy, draw_aitoff_circles

__all__ = [
    "plot_match_density_map",
    "plot_matches_map",
    "plot_observations_map",
    "plot_sources_map",
]

_BAR_BELOW = {"location": "bottom", "shrink": 0.62, "aspect": 38, "pad": 0.03}


def plot_observations_map(observations, *, ax=None):
    """
    All-sky map (equatorial, Aitoff) of observations, coloured by the logarithm of their exposure.

    What differs from the notebook: right ascension increases to the left, as on the sky, and the labels are
    right ascensions, not the map's own -150 to 150; the colour bar gives the exposure itself on a
    logarithmic scale; long exposures lie on top; the Galactic plane is drawn in; observations left out are
    counted.

    Parameters
    ----------
    observations : `~astropy.table.Table`
        One row an observation, with the columns ``ra``, ``dec`` (ICRS, deg) and ``exposure`` (s).
        Units of the same kind are converted, a column without unit is in the unit given here.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Notes
    -----
    The colour scale leaves out the lowest 5% of the exposures and the highest 0.01%: these have the
    colour of its end.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_observations_map
    >>> observations = Table({"ra": [83.63, 187.28, 266.42], "dec": [22.01, 2.05, -29.01],
    ...                       "exposure": [9.6e3, 30e3, 0.0]})
    >>> ax = plot_observations_map(observations)
    >>> ax.get_xlabel()
    'Right ascension (ICRS) [deg], increasing to the left'
    """
    ra, dec = position(observations, "ra", "dec")
    exposure = numbers(observations, "exposure", u.s) / 1000
    rows = Rows(len(ra), "observations")
    rows.need(np.isfinite(ra), "without position")
    rows.need(np.isfinite(exposure), "without exposure")
    rows.need(~(exposure <= 0), "with zero exposure")
    rows.check()
    ax = aitoff_axes(observations, ax, frame="icrs", label_latitude=-7)
    _draw_galactic_plane(ax)
    drawn = rows.drawn
    bar = _colored_points(ax, ra[drawn], dec[drawn], exposure[drawn], "Exposure [ks]", size=5)
    bar.ax.xaxis.set_major_formatter("{x:g}")
    style.finish(ax, observations, "Chandra observations", rows.note())
    return ax


def plot_sources_map(sources, *, ax=None):
    """
    All-sky map (Galactic, Aitoff) of X-ray sources, coloured by the logarithm of their flux.

    What differs from the notebook: longitude increases to the left and the labels are Galactic longitudes;
    the colour bar names the band (0.5-7 keV) and gives the flux itself on a logarithmic scale; bright sources
    lie on top (the catalogue's order decided before); sources left out are counted.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row a source, with the columns ``ra``, ``dec`` (ICRS, deg) and ``b_flux_ap``
        (0.5-7 keV energy flux, erg/s/cm2). Units of the same kind are converted, a column without unit is
        in the unit given here.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Notes
    -----
    The colour scale leaves out the lowest 5% of the fluxes and the highest 0.01%: these have the
    colour of its end.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_sources_map
    >>> sources = Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01], "b_flux_ap": [2e-9, 3e-13]})
    >>> ax = plot_sources_map(sources)
    >>> ax.get_xlabel()
    'Galactic longitude $l$ [deg], increasing to the left'
    """
    longitude, latitude = galactic_position(sources)
    flux = numbers(sources, "b_flux_ap", ENERGY_FLUX)
    rows = Rows(len(flux), "sources")
    rows.need(np.isfinite(longitude), "without position")
    rows.need(flux > 0, "without a flux above zero")
    rows.check()
    ax = aitoff_axes(sources, ax, frame="galactic", label_latitude=-17)
    drawn = rows.drawn
    _colored_points(
        ax,
        longitude[drawn],
        latitude[drawn],
        flux[drawn],
        f"{style.X_RAY} {style.FLUX_UNIT}",
        size=4,
    )
    style.finish(ax, sources, "Chandra sources", rows.note())
    return ax


def plot_matches_map(matched, *, ax=None):
    """
    All-sky map (Galactic, Aitoff) of matched sources, each once, with the 95% regions of the Fermi sources.

    The regions are circles on the sky of radius ``fermi_r95``, drawn at their true size: mostly 0.03 to 0.3
    deg, less than a pixel of an all-sky map. Each Fermi source therefore bears a ring of fixed size as
    well, and a new figure has close-ups below the map, where regions and X-ray sources are seen at their
    true size: the Fermi sources with most matches, not nearer to each other than 3 deg.

    What differs from the notebook: its circles were markers, 100 r95 points wide, which is no size on the
    sky; longitude increases to the left with true labels; the regions are named what they are, 95%, not
    68%.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row a pair, with the columns ``csc_name``, ``csc_l``, ``csc_b``, ``fermi_name``, ``fermi_l``,
        ``fermi_b`` and ``fermi_r95`` (semi-major axis of the 95% ellipse); all deg, Galactic.
        Units of the same kind are converted, a column without unit is in deg.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on, without close-ups; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The map. The close-ups are the other ``ax.figure.axes``.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_matches_map
    >>> matched = Table({"csc_name": ["2CXO A", "2CXO B"], "csc_l": [184.56, 184.6], "csc_b": [-5.78, -5.8],
    ...                  "fermi_name": ["4FGL J0534.5+2200"] * 2, "fermi_l": [184.56] * 2,
    ...                  "fermi_b": [-5.78] * 2, "fermi_r95": [0.05] * 2})
    >>> ax = plot_matches_map(matched)
    >>> len(ax.figure.axes)  # the map and one close-up
    2
    """
    longitude, latitude, rows = _chandra_sources(matched)
    fermi = FermiSources.of(matched)
    closeups = ax is None
    ax = aitoff_axes(matched, ax, frame="galactic", label_latitude=-17, height=7.45)
    x, y = aitoff_xy(longitude, latitude)
    chandra = ax.plot(
        x, y, "o", markersize=2.4, markeredgewidth=0, color=style.CHANDRA_COLOR, rasterized=True
    )
    x, y = aitoff_xy(fermi.longitude, fermi.latitude)
    rings = ax.plot(
        x,
        y,
        "o",
        markersize=7,
        markeredgewidth=0.8,
        markerfacecolor="none",
        color=style.FERMI_COLOR,
    )
    region = fermi.has_region
    draw_aitoff_circles(
        ax,
        fermi.longitude[region],
        fermi.latitude[region],
        fermi.r95[region],
        facecolor="none",
        edgecolor="black",
        linewidth=0.7,
        zorder=3,
    )
    handles = [*chandra, *rings, _region_handle()]
    labels = [
        "Chandra source",
        "Fermi source (map: ring of fixed size)",
        "95% region of the Fermi source, true size",
    ]
    if closeups:
        grid = GridSpec(2, CLOSEUPS, figure=ax.figure, height_ratios=[2.3, 1])
        ax.set_subplotspec(grid[0, :])

        def draw_sources(panel, to_pixel):
            _, x, y = to_pixel(longitude, latitude)
            panel.plot(
                x,
                y,
                "o",
                markersize=2.4 if len(x) < 500 else 1.2,
                markeredgewidth=0,
                color=style.CHANDRA_COLOR,
                rasterized=True,
            )

        add_closeups(
            ax.figure, [grid[1, column] for column in range(CLOSEUPS)], fermi, draw_sources
        )
    style.legend(ax, handles, labels=labels, ncols=3)
    style.finish(
        ax, matched, "Chandra sources near Fermi sources", f"{rows.note()}; {fermi.note()}"
    )
    return ax


def plot_match_density_map(grouped, *, ax=None):
    """
    All-sky map (Galactic, Aitoff) of Fermi sources, sized by their number of X-ray matches.

    The notebook leaves this as an exercise. The diameter of a symbol grows with the logarithm of the number
    of matches (one match to thousands): in proportion to the number itself, single matches would vanish
    beside the Galactic Centre. Few matches lie on top of many.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row a Fermi source, with the columns ``fermi_l``, ``fermi_b`` (deg), ``fermi_class`` and
        ``num_csc_matches``. Units of the same kind are converted, a column without unit is in deg.
    ax : `~matplotlib.axes.Axes`, optional
        All-sky axes (projection 'aitoff') to draw on; by default those of a new figure.

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
    >>> from astroquery_cfx.figures import plot_match_density_map
    >>> grouped = Table({"fermi_l": [184.56, 359.9], "fermi_b": [-5.78, -0.05], "fermi_class": ["PSR", "spp"],
    ...                  "num_csc_matches": [12, 2500]})
    >>> ax = plot_match_density_map(grouped)
    >>> len(ax.figure.axes)
    1
    """
    longitude, latitude = position(grouped, "fermi_l", "fermi_b")
    number = numbers(grouped, "num_csc_matches", u.dimensionless_unscaled)
    groups = class_groups(grouped)
    rows = Rows(len(number), "Fermi sources")
    rows.need(np.isfinite(longitude), "without position")
    rows.need(number > 0, "without matches")
    rows.check()
    ax = aitoff_axes(grouped, ax, frame="galactic", label_latitude=-20, height=5.2)
    order = np.flatnonzero(rows.drawn)[np.argsort(-number[rows.drawn], kind="stable")]
    x, y = aitoff_xy(longitude[order], latitude[order])
    ax.scatter(
        x,
        y,
        s=_diameter(number[order]) ** 2,
        alpha=0.8,
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        c=[style.GROUPS[group]["color"] for group in groups[order]],
        clip_on=False,
    )
    _density_legend(ax, groups[order], number[order[0]])
    style.finish(ax, grouped, "Fermi sources by their number of Chandra matches", rows.note())
    return ax


def _diameter(number):
    return 3.5 + 4.5 * np.log10(number)


def _density_legend(ax, groups, most):
    """The groups in the upper row, the sizes in the lower: legends are filled column by column."""
    dots = {"linestyle": "none", "marker": "o", "markeredgecolor": "white"}
    upper = [
        Line2D([], [], color=look["color"], markersize=9, label=group, **dots)
        for group, look in style.GROUPS.items()
        if group in groups
    ]
    lower = [
        Line2D(
            [],
            [],
            color="0.55",
            markersize=_diameter(step),
            **dots,
            label=f"{step:,} match" if step == 1 else f"{step:,} matches",
        )
        for step in (1, 10, 100, 1000, 10_000)
        if step <= most
    ]
    columns = zip_longest(upper, lower, fillvalue=Line2D([], [], linestyle="none", label=" "))
    handles = list(chain.from_iterable(columns))
    style.legend(ax, handles, ncols=len(handles) // 2, labelspacing=0.7)


def _colored_points(ax, longitude, latitude, value, label, *, size):
    """Points coloured by a positive value on a logarithmic scale, the highest on top, and the colour bar."""
    order = np.argsort(value, kind="stable")
    x, y = aitoff_xy(longitude[order], latitude[order])
    norm, extend = style.log_norm(value)
    points = ax.scatter(
        x,
        y,
        c=value[order],
        s=size,
        linewidths=0,
        norm=norm,
        cmap=style.flux_colors(),
        rasterized=True,
        zorder=3,
    )
    return style.color_bar(ax, points, label, extend, **_BAR_BELOW)


def _draw_galactic_plane(ax):
    plane = SkyCoord(np.linspace(0, 360, 721), np.zeros(721), unit="deg", frame="galactic").icrs
    x, y = aitoff_xy(plane.ra.deg, plane.dec.deg)
    order = np.argsort(x)
    (line,) = ax.plot(
        x[order],
        y[order],
        color="black",
        linewidth=1.3,
        linestyle="--",
        zorder=5,
        label="Galactic plane",
        path_effects=style.HALO,
    )
    with style.own_type():
        ax.legend(
            handles=[line],
            loc="lower right",
            bbox_to_anchor=(1.01, -0.08),
            frameon=False,
            borderaxespad=0,
        )


def _region_handle():
    return Line2D(
        [],
        [],
        linestyle="none",
        marker="o",
        markersize=10,
        markerfacecolor="none",
        color="black",
        markeredgewidth=1.2,
    )


def _chandra_sources(matched):
    """Position of each Chandra source, once, and which are left out."""
    first = np.sort(np.unique(texts(matched, "csc_name"), return_index=True)[1])
    longitude, latitude = (one[first] for one in position(matched, "csc_l", "csc_b"))
    rows = Rows(len(first), "Chandra sources")
    rows.need(np.isfinite(longitude), "without position")
    rows.check()
    return longitude[rows.drawn], latitude[rows.drawn], rows
