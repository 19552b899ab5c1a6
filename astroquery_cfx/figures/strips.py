# Licensed under a 3-clause BSD style license - see LICENSE
"""Maps of the Galactic plane in plate carree, folded into panels so that a degree is the same both ways."""

import astropy.units as u
import numpy as np
from astropy.wcs import WCS
from matplotlib.collections import PolyCollection
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from ..errors import InvalidInputError
from . import style
from .closeups import CLOSEUPS, FermiSources, add_closeups
from .rows import ENERGY_FLUX, Rows, galactic_position, numbers, position, wrap_longitude
from .sky import circle_vertices

__all__ = ["plot_flux_ratio_strip", "plot_plane_strip"]

_PANELS = (1, 3, 5)  # odd: the Galactic Centre stands in the middle of one
_OVERLAP = 1.5  # deg that a panel shows beyond its end: a region at the end is seen whole in one of the two


def plot_plane_strip(sources, b_max=10 * u.deg, *, ax=None):
    """
    Map of the Galactic plane, coloured by the logarithm of the X-ray flux.

    What differs from the notebook: the projection is a plate carree (CAR), for the notebook's tangent plane
    (TAN) about the Galactic Centre can show nothing beyond 90 deg from it, half of the plane; the strip,
    18 times as long as high, is folded into panels (for 10 deg, three of 120 deg) in which a degree of
    longitude is as long as one of latitude; the colour bar names the band and gives the flux itself on a
    logarithmic scale; bright sources lie on top; nothing is cut off at the rim.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        One row a source, with the columns ``ra``, ``dec`` (ICRS, deg) and ``b_flux_ap``
        (0.5-7 keV energy flux, erg/s/cm2). Units of the same kind are converted, a column without unit is
        in the unit given here.
    b_max : `~astropy.units.Quantity`
        Sources with a larger absolute latitude are left out and counted.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or a sequence of them, optional
        Axes with a WCS of type GLON-CAR, GLAT-CAR, each to show 360 deg divided by their number, about its
        reference longitude; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of `~astropy.visualization.wcsaxes.WCSAxes`
        The panels, from longitude 180 deg at the upper left through 0 to 180 deg at the lower right. What
        lies within 1.5 deg of the end of a panel is seen in both neighbours.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, ``b_max`` is no angle, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_plane_strip
    >>> sources = Table({"ra": [83.63, 266.42], "dec": [22.01, -29.01], "b_flux_ap": [2e-9, 3e-13]})
    >>> axes = plot_plane_strip(sources)
    >>> len(axes)
    3
    """
    longitude, latitude = galactic_position(sources)
    flux = numbers(sources, "b_flux_ap", ENERGY_FLUX)
    b_max = _degrees(b_max)
    rows = Rows(len(flux), "sources")
    rows.need(np.isfinite(longitude), "without position")
    rows.need(np.abs(latitude) <= b_max, f"beyond |b| = {b_max:g}°")
    rows.need(flux > 0, "without a flux above zero")
    rows.check()
    axes, _ = _panels(sources, ax, b_max, margin=0.3)
    drawn = np.flatnonzero(rows.drawn)
    drawn = drawn[np.argsort(flux[drawn], kind="stable")]
    norm, extend = style.log_norm(flux[drawn])
    points = _draw_points(
        axes,
        longitude[drawn],
        latitude[drawn],
        c=flux[drawn],
        s=2.5,
        linewidths=0,
        norm=norm,
        cmap=style.flux_colors(),
        rasterized=True,
        zorder=3,
    )
    style.color_bar(axes, points, f"{style.X_RAY} {style.FLUX_UNIT}", extend, aspect=30, pad=0.02)
    style.finish(axes[:1], sources, "Chandra sources in the Galactic plane", rows.note())
    return axes


def plot_flux_ratio_strip(matched, b_max=10 * u.deg, *, ax=None):
    """
    Map of the Galactic plane: pairs coloured by X-ray to gamma-ray flux ratio, and the Fermi 95% regions.

    The ratio is that of two energy fluxes, 0.5-7 keV over 0.1-100 GeV. The regions are circles on the sky
    of radius ``fermi_r95``, drawn at their true size, a few pixels for most. A ring of fixed size marks
    each Fermi source, once, and a new figure has close-ups below the map, where regions and X-ray sources
    are seen at their true size: the Fermi sources with most pairs, not nearer to each other than 3 deg.

    What differs from the notebook: see `plot_plane_strip` for projection and panels; the circles are
    regions on the sky, not markers in points, and are named 95%, not 68%; the two bands are named; the
    highest ratios lie on top; a ratio has no natural middle, so that the colours run one way.

    Parameters
    ----------
    matched : `~astropy.table.Table`
        One row a pair, with the columns ``csc_l``, ``csc_b``, ``fermi_l``, ``fermi_b``, ``fermi_r95`` (deg,
        Galactic), ``fermi_name``, ``csc_flux`` and ``fermi_flux`` (erg/s/cm2). Units of the same kind are
        converted, a column without unit is in the unit given here.
    b_max : `~astropy.units.Quantity`
        Pairs whose X-ray source has a larger absolute latitude are left out and counted.
    ax : `~astropy.visualization.wcsaxes.WCSAxes` or a sequence of them, optional
        As in `plot_plane_strip`.

    Returns
    -------
    `~numpy.ndarray` of `~astropy.visualization.wcsaxes.WCSAxes`
        The panels, as in `plot_plane_strip`. The close-ups are among the other ``axes[0].figure.axes``.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, ``b_max`` is no angle, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_flux_ratio_strip
    >>> matched = Table({"csc_l": [184.56, 184.6], "csc_b": [-5.78, -5.8], "csc_flux": [2e-9, 4e-14],
    ...                  "fermi_name": ["4FGL J0534.5+2200"] * 2, "fermi_l": [184.56] * 2,
    ...                  "fermi_b": [-5.78] * 2, "fermi_r95": [0.05] * 2, "fermi_flux": [1.5e-9] * 2})
    >>> axes = plot_flux_ratio_strip(matched)
    >>> len(axes)
    3
    """
    longitude, latitude = position(matched, "csc_l", "csc_b")
    fermi_l, _ = position(matched, "fermi_l", "fermi_b")
    ratio = flux_ratio(matched)
    b_max = _degrees(b_max)
    rows = Rows(len(ratio), "pairs")
    rows.need(np.isfinite(longitude) & np.isfinite(fermi_l), "without position")
    rows.need(np.abs(latitude) <= b_max, f"beyond |b| = {b_max:g}°")
    rows.need(ratio > 0, "without two fluxes above zero")
    rows.check()
    drawn = np.flatnonzero(rows.drawn)
    drawn = drawn[np.argsort(ratio[drawn], kind="stable")]
    fermi = FermiSources.of(matched, np.sort(drawn))
    reach = np.max(np.abs(fermi.latitude) + np.nan_to_num(fermi.r95))
    axes, places = _panels(matched, ax, b_max, max(1.1, reach - b_max + 0.1), closeups=True)
    longitude, latitude, ratio = longitude[drawn], latitude[drawn], ratio[drawn]
    norm, extend = style.log_norm(ratio)
    look = {
        "linewidths": 0,
        "norm": norm,
        "cmap": style.ratio_colors(),
        "rasterized": True,
        "zorder": 3,
    }
    points = _draw_points(axes, longitude, latitude, c=ratio, s=9, **look)
    _draw_regions(axes, fermi)

    def draw_sources(panel, to_pixel):
        near, x, y = to_pixel(longitude, latitude)
        panel.scatter(x, y, c=ratio[near], s=9 if len(x) < 500 else 4, **look)

    add_closeups(axes[0].figure, places, fermi, draw_sources)
    style.color_bar(axes, points, style.RATIO, extend, aspect=30, pad=0.02)
    style.legend(axes[-1], _region_handles(), ncols=3, below=-0.42)
    style.finish(
        axes[:1],
        matched,
        "X-ray to γ-ray flux ratio in the Galactic plane",
        f"{rows.note()}; {fermi.note()}",
    )
    return axes


def flux_ratio(matched):
    """X-ray over gamma-ray energy flux, NaN where one of the two is not above zero."""
    xray, gamma = (
        numbers(matched, "csc_flux", ENERGY_FLUX),
        numbers(matched, "fermi_flux", ENERGY_FLUX),
    )
    both = (xray > 0) & (gamma > 0) & np.isfinite(xray) & np.isfinite(gamma)
    return np.divide(xray, gamma, out=np.full(len(xray), np.nan), where=both)


def _degrees(b_max):
    try:
        value = u.Quantity(b_max).to_value(u.deg)
    except (u.UnitsError, TypeError) as error:
        raise InvalidInputError(
            f"b_max = {b_max!r} is not an angle.", remedy="give it a unit, e.g. 10*u.deg."
        ) from error
    if np.ndim(value) or not 0 < value <= 90:
        raise InvalidInputError(f"b_max = {b_max!r} is not one angle above 0 and up to 90 deg.")
    return float(value)


def _panels(table, ax, b_max, margin, *, closeups=False):
    """The caller's axes or new ones, with limits, grid and labels; and places for close-ups on new ones."""
    places = []
    if ax is None:
        axes, places = _new_panels(table, b_max, margin, closeups)
    else:
        axes = style.axes_list(ax)
        if not all(_is_plate_carree(one) for one in axes):
            raise InvalidInputError(
                "This map needs WCSAxes in plate carree about a Galactic longitude.",
                remedy="give axes with a WCS of ctype GLON-CAR, GLAT-CAR.",
            )
    for panel in axes:
        _frame(panel, 180 / len(axes) + _OVERLAP, b_max + margin)
    axes[-1].coords[0].set_axislabel("Galactic longitude $l$, increasing to the left")
    name = "Galactic latitude $b$" if len(axes) < 4 else "$b$"  # room for a short name only
    axes[len(axes) // 2].coords[1].set_axislabel(name, minpad=0.4)
    return axes, places


def _is_plate_carree(ax):
    wcs = getattr(ax, "wcs", None)
    return isinstance(wcs, WCS) and list(wcs.wcs.ctype) == ["GLON-CAR", "GLAT-CAR"]


def _new_panels(table, b_max, margin, closeups):
    """Panels about six times as wide as high."""
    number = min(_PANELS, key=lambda panels: abs(np.log(panels * b_max / 30)))
    height = 8.1 * (b_max + margin) / (180 / number + _OVERLAP) + 0.3
    below = 2.0 if closeups else 0.0
    figure = style.TableFigure(table, 10.0, number * height + below + 0.55)
    grid = GridSpec(
        number + closeups,
        CLOSEUPS,
        figure=figure,
        height_ratios=[height] * number + [below] * closeups,
    )
    axes = []
    with style.own_type():
        for index in range(number):
            wcs = WCS(naxis=2)
            wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
            wcs.wcs.crval = [180 - (index + 0.5) * 360 / number, 0]
            wcs.wcs.crpix = [1, 1]
            wcs.wcs.cdelt = [-1, 1]
            wcs.wcs.cunit = ["deg", "deg"]
            axes.append(figure.add_subplot(grid[index, :], projection=wcs))
    return np.array(axes, dtype=object), [
        grid[number, column] for column in range(CLOSEUPS * closeups)
    ]


def _frame(panel, half_width, half_height):
    x, y = panel.wcs.wcs.crpix - 1
    width, height = np.array([half_width, half_height]) / np.abs(panel.wcs.wcs.cdelt)
    panel.set_xlim(x - width, x + width)
    panel.set_ylim(y - height, y + height)
    panel.set_aspect(width / height * half_height / half_width)
    panel.coords.grid(visible=True, color="0.84", linewidth=0.6)
    along = 10 if half_width < 70 else 20 if half_width < 100 else 30
    across = next(step for step in (2, 5, 10) if step >= half_width / 20)  # labels must not touch
    for axis, step in zip(panel.coords, (along, across), strict=True):
        axis.set_ticks(spacing=step * u.deg)
        axis.set_major_formatter("d")
        axis.set_axislabel("")
        axis.set_auto_axislabel(False)
    panel.set_axisbelow(True)


def _inside(panel, longitude, number_of_panels):
    """Indices of what lies in a panel, and its pixel x; twice where a whole turn is wrapped over the rim."""
    half = 180 / number_of_panels + _OVERLAP
    east = wrap_longitude(longitude, panel.wcs.wcs.crval[0])
    found = [(np.flatnonzero(np.abs(east + turn) <= half), turn) for turn in (-360, 0, 360)]
    index = np.concatenate([one for one, _ in found])
    shift = np.concatenate([east[one] + turn for one, turn in found])
    return index, panel.wcs.wcs.crpix[0] - 1 + shift / panel.wcs.wcs.cdelt[0]


def _pixel_y(panel, latitude):
    return panel.wcs.wcs.crpix[1] - 1 + latitude / panel.wcs.wcs.cdelt[1]


def _draw_points(axes, longitude, latitude, *, c, **look):
    """Points in the order given, in each panel that shows them; one of the collections for the colour bar."""
    for panel in axes:
        index, x = _inside(panel, longitude, len(axes))
        order = np.argsort(index, kind="stable")
        index, x = index[order], x[order]
        points = panel.scatter(x, _pixel_y(panel, latitude[index]), c=c[index], **look)
    return points


def _draw_regions(axes, fermi):
    region = np.flatnonzero(fermi.has_region)
    east, rim = circle_vertices(fermi.longitude[region], fermi.latitude[region], fermi.r95[region])
    for panel in axes:
        index, x = _inside(panel, fermi.longitude, len(axes))
        panel.plot(
            x,
            _pixel_y(panel, fermi.latitude[index]),
            "o",
            markersize=9,
            markeredgewidth=0.8,
            markerfacecolor="none",
            color=style.FERMI_COLOR,
            zorder=2,
        )
        index, x = _inside(panel, fermi.longitude[region], len(axes))
        x = x[:, None] + east[index] / panel.wcs.wcs.cdelt[0]
        polygons = np.stack([x, _pixel_y(panel, rim[index])], axis=-1)
        panel.add_collection(
            PolyCollection(polygons, facecolor="none", edgecolor="black", linewidth=0.7, zorder=4),
            autolim=False,
        )


def _region_handles():
    ring = {"linestyle": "none", "marker": "o", "markerfacecolor": "none"}
    return [
        Line2D(
            [], [], color="0.4", linestyle="none", marker="o", markersize=4, label="Chandra source"
        ),
        Line2D(
            [],
            [],
            color=style.FERMI_COLOR,
            markersize=9,
            label="Fermi source (ring of fixed size)",
            **ring,
        ),
        Line2D([], [], color="black", markersize=10, label="its 95% region, true size", **ring),
    ]
