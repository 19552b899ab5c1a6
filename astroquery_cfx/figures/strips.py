# Licensed under a 3-clause BSD style license - see LICENSE
"""Maps of the Galactic plane in plate carree, folded into panels: a strip would not fit a page."""

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from matplotlib.collections import PolyCollection
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from ..arrays import angle_in_degrees
from ..errors import InvalidInputError
from . import style
from .closeups import CLOSEUPS, FermiSources, add_closeups
from .ratios import flux_ratio
from .rows import ENERGY_FLUX, choose_rows, floats, galactic_position, position, wrap_longitude
from .sky import circle_vertices, galactic_wcs

_PANELS = (1, 3, 5)  # odd: the Galactic Centre is in the middle of one
_OVERLAP = 1.5  # deg shown by two panels: a region at the end of one is whole in the other
_POINTS: dict[str, Any] = {"linewidths": 0, "rasterized": True, "zorder": 3}


def plot_plane_strip(
    sources: Table, b_max: u.Quantity = 10 * u.deg, *, ax: WCSAxes | Sequence[WCSAxes] | None = None
) -> np.ndarray:
    """
    Plot a map of the Galactic plane with X-ray sources coloured by flux.

    The strip, 18 times as long as high, is folded into panels, three of 120 deg for a ``b_max`` of
    10 deg. The projection is a plate carree (CAR): a tangent plane (TAN) about the Galactic Centre
    cannot show longitudes more than 90 deg from it. Bright sources are drawn on top.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row per source, with the columns ``ra``, ``dec`` (ICRS, deg) and ``b_flux_ap`` (0.5-7
        keV energy flux, erg/s/cm2). Other units are converted, missing units assumed.
    b_max : `~astropy.units.Quantity`, optional
        Above 0 and up to 90 deg. Sources with a larger absolute latitude are left out and counted.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or a sequence of them, optional
        Axes with a WCS of type GLON-CAR, GLAT-CAR. Each shows 360 deg divided by their number,
        about its reference longitude. Those of a new figure by default.

    Returns
    -------
    `~numpy.ndarray` of `~astropy.visualization.wcsaxes.WCSAxes`
        The panels, from longitude 180 deg at the upper left through 0 to 180 deg at the lower
        right. Sources within 1.5 deg of the end of a panel appear in both neighbours.

    Raises
    ------
    InvalidInputError
        If ``b_max`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_plane_strip
    >>> sources = Table({"ra": [83.6, 266.4], "dec": [22.0, -29.0], "b_flux_ap": [2e-9, 3e-13]})
    >>> len(plot_plane_strip(sources))  # panels
    3
    """
    longitude, latitude = galactic_position(sources)
    flux = floats(sources, "b_flux_ap", ENERGY_FLUX)
    limit = _latitude_limit(b_max)
    drawn, note = choose_rows(
        "sources",
        (np.isfinite(longitude), "without position"),
        (np.abs(latitude) <= limit, f"beyond |b| = {limit:g}°"),
        (flux > 0, "without a flux above zero"),
    )
    axes, _ = _panels(sources, ax, limit, margin=0.3)
    order = np.flatnonzero(drawn)[np.argsort(flux[drawn], kind="stable")]
    norm, extend = style.log_norm(flux[order])
    look = {"norm": norm, "cmap": style.FLUX_COLORS, "s": 2.5, **_POINTS}
    points = _draw_points(axes, longitude[order], latitude[order], flux[order], **look)
    style.color_bar(axes, points, f"{style.X_RAY} {style.FLUX_UNIT}", extend, aspect=30, pad=0.02)
    style.finish(axes[:1], sources, "Chandra sources in the Galactic plane", note)
    return axes


def plot_flux_ratio_strip(
    matched: Table, b_max: u.Quantity = 10 * u.deg, *, ax: WCSAxes | Sequence[WCSAxes] | None = None
) -> np.ndarray:
    """
    Plot a map of the Galactic plane with pairs coloured by flux ratio, and Fermi error regions.

    The ratio is that of two energy fluxes, 0.5-7 keV to 0.1-100 GeV. The 95% regions are circles on
    the sky of radius ``fermi_r95``, drawn at their true size, mostly a few pixels. There are rings
    of fixed size and close-ups as in `plot_matches_map`, and panels as in `plot_plane_strip`.

    The highest ratios are drawn on top. The colour map is sequential, since the ratio of two bands
    has no natural middle.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row per pair, with the columns ``csc_l``, ``csc_b``, ``fermi_l``, ``fermi_b``,
        ``fermi_r95`` (Galactic, deg), ``fermi_name``, ``csc_flux`` and ``fermi_flux`` (erg/s/cm2).
        Other units are converted, missing units assumed.
    b_max : `~astropy.units.Quantity`, optional
        Above 0 and up to 90 deg. Pairs with an X-ray source of larger absolute latitude are left
        out and counted.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or a sequence of them, optional
        As in `plot_plane_strip`.

    Returns
    -------
    `~numpy.ndarray` of `~astropy.visualization.wcsaxes.WCSAxes`
        The panels, as in `plot_plane_strip`. The close-ups are among the other
        ``axes[0].figure.axes``.

    Raises
    ------
    InvalidInputError
        If ``b_max`` or a column is not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_strip
    >>> matched = Table({"csc_l": [184.56, 184.6], "csc_b": [-5.78, -5.8],
    ...                  "csc_flux": [2e-9, 4e-14], "fermi_name": ["4FGL J0534.5+2200"] * 2,
    ...                  "fermi_l": [184.56] * 2, "fermi_b": [-5.78] * 2,
    ...                  "fermi_r95": [0.05] * 2, "fermi_flux": [1.5e-9] * 2})
    >>> len(plot_flux_ratio_strip(matched))  # panels
    3
    """
    longitude, latitude = position(matched, "csc_l", "csc_b")
    fermi_l, _ = position(matched, "fermi_l", "fermi_b")
    ratio = flux_ratio(matched)
    limit = _latitude_limit(b_max)
    drawn, note = choose_rows(
        "pairs",
        (np.isfinite(longitude) & np.isfinite(fermi_l), "without position"),
        (np.abs(latitude) <= limit, f"beyond |b| = {limit:g}°"),
        (ratio > 0, "without two fluxes above zero"),
    )
    fermi = FermiSources.from_pairs(matched, drawn)
    # Room for the rings of fixed size, or for a region that reaches farther beyond the limit.
    reach = np.max(np.abs(fermi.latitude) + np.nan_to_num(fermi.r95))
    margin = max(1.1, reach - limit + 0.1)
    axes, grid = _panels(matched, ax, limit, margin, closeups=CLOSEUPS)
    order = np.flatnonzero(drawn)[np.argsort(ratio[drawn], kind="stable")]
    longitude, latitude, ratio = longitude[order], latitude[order], ratio[order]
    norm, extend = style.log_norm(ratio)
    look = {"norm": norm, "cmap": style.RATIO_COLORS, **_POINTS}
    points = _draw_points(axes, longitude, latitude, ratio, s=9, **look)
    handles = _draw_fermi(axes, fermi)

    def draw_xray(panel, near, x, y):
        panel.scatter(x, y, c=ratio[near], s=9 if len(x) < 500 else 4, **look)

    if grid is not None:
        add_closeups(grid, fermi, (longitude, latitude), draw_xray)
    style.color_bar(axes, points, style.RATIO, extend, aspect=30, pad=0.02)
    style.legend(axes[-1], handles, ncols=3, below=-0.42)
    title = "X-ray to γ-ray flux ratio in the Galactic plane"
    style.finish(axes[:1], matched, title, f"{note}; {fermi.note}")
    return axes


def _latitude_limit(b_max):
    degrees = angle_in_degrees(b_max, "b_max", largest=90.0)
    if degrees == 0:
        raise InvalidInputError("The b_max 0 leaves no strip.", remedy="give a larger angle.")
    return degrees


def _panels(table, ax, b_max, margin, *, closeups=0):
    """Return the caller's axes or new ones, framed; and the grid of new ones, for close-ups."""
    grid = None
    if ax is None:
        # Panels about six times as wide as high: three of them for 10 deg.
        number = min(_PANELS, key=lambda panels: abs(np.log(panels * b_max / 30)))
        height = 8.1 * (b_max + margin) / (180 / number + _OVERLAP) + 0.3  # inches
        heights = [height] * number + [2.0] * bool(closeups)
        figure = style.TableFigure(table, 10.0, sum(heights) + 0.55)
        grid = GridSpec(len(heights), closeups or 1, figure=figure, height_ratios=heights)
        middles = 180 - (np.arange(number) + 0.5) * 360 / number
        with style.text_sizes():
            axes = [
                figure.add_subplot(grid[row, :], projection=galactic_wcs("CAR", middle, 0, 1))
                for row, middle in enumerate(middles)
            ]
    else:
        axes = style.axes_list(ax)
        for wcs in (getattr(one, "wcs", None) for one in axes):
            if not isinstance(wcs, WCS) or list(wcs.wcs.ctype) != ["GLON-CAR", "GLAT-CAR"]:
                raise InvalidInputError(
                    "This map needs WCSAxes in plate carree about a Galactic longitude.",
                    remedy="give axes with a WCS of ctype GLON-CAR, GLAT-CAR.",
                )
    half_width, half_height = 180 / len(axes) + _OVERLAP, b_max + margin
    along = 10 if half_width < 70 else 20 if half_width < 100 else 30
    across = next(step for step in (2, 5, 10) if step >= half_width / 20)  # labels must not touch
    for panel in axes:
        x, y = panel.wcs.wcs.crpix - 1
        width, height = np.array([half_width, half_height]) / np.abs(panel.wcs.wcs.cdelt)
        panel.set_xlim(x - width, x + width)
        panel.set_ylim(y - height, y + height)
        panel.set_aspect(width / height * half_height / half_width)
        panel.coords.grid(visible=True, color="0.84", linewidth=0.6)
        for axis, step in zip(panel.coords, (along, across), strict=True):
            axis.set_ticks(spacing=step * u.deg)
            axis.set_major_formatter("d")
            axis.set_axislabel("")
            axis.set_auto_axislabel(False)
        panel.set_axisbelow(True)
    axes[-1].coords[0].set_axislabel("Galactic longitude $l$, increasing to the left")
    name = "Galactic latitude $b$" if len(axes) < 4 else "$b$"  # low panels have no room for more
    axes[len(axes) // 2].coords[1].set_axislabel(name, minpad=0.4)
    return style.axes_list(axes), grid


def _pixels(panel, longitude, latitude, panels):
    """Return the indices of what a panel shows, and its pixels; twice if it is at both ends."""
    wcs, half = panel.wcs.wcs, 180 / panels + _OVERLAP
    east = wrap_longitude(longitude, wcs.crval[0])[:, None] + [-360, 0, 360]
    index, turn = np.nonzero(np.abs(east) <= half)
    offset = np.column_stack([east[index, turn], latitude[index]])
    return index, wcs.crpix - 1 + offset / wcs.cdelt


def _draw_points(axes, longitude, latitude, value, **look):
    """Draw points in the order given; return those of one panel, for the colour bar."""
    for panel in axes:
        index, xy = _pixels(panel, longitude, latitude, len(axes))
        points = panel.scatter(*xy.T, c=value[index], **look)
    return points


def _draw_fermi(axes, fermi):
    """Draw a ring around each Fermi source, and its 95% region; return handles for the legend."""
    longitude, latitude, _ = fermi.circles
    east, rim = circle_vertices(*fermi.circles)
    vertices = np.stack([east, rim - latitude[:, None]], axis=-1)
    outline = {"linestyle": "none", "marker": "o", "markerfacecolor": "none"}
    ring = {"color": style.FERMI_COLOR, "markersize": 9, **outline}
    for panel in axes:
        _, xy = _pixels(panel, fermi.longitude, fermi.latitude, len(axes))
        panel.plot(*xy.T, markeredgewidth=0.8, zorder=2, **ring)
        index, xy = _pixels(panel, longitude, latitude, len(axes))
        polygons = xy[:, None] + vertices[index] / panel.wcs.wcs.cdelt
        regions = PolyCollection(polygons, linewidth=0.7, zorder=4, **style.OUTLINE)
        panel.add_collection(regions, autolim=False)
    dot = {"color": "0.4", "linestyle": "none", "marker": "o", "markersize": 4}
    return [
        Line2D([], [], label="Chandra source", **dot),
        Line2D([], [], label="Fermi source (ring of fixed size)", **ring),
        Line2D([], [], label="its 95% region, true size", color="black", markersize=10, **outline),
    ]
