# Licensed under a 3-clause BSD style license - see LICENSE
"""Close-ups below an all-sky map: what is smaller than a pixel there is seen at its true size here."""

import numpy as np
from astropy.coordinates import angular_separation
from astropy.wcs import WCS
from matplotlib.collections import PolyCollection
from matplotlib.gridspec import GridSpec

from . import style
from .columns import texts
from .sky import circle_vertices

__all__ = ["draw_closeups"]

HALF_WIDTH = 0.62  # deg
HALF_HEIGHT = 0.36
APART = 3.0


def draw_closeups(ax, matched, xray, fermi, r95, *, number=3):
    """Move the map of a new figure up and draw the Fermi sources with most matches below it."""
    names = texts(matched, "fermi_name")
    chosen = _most_matched(names, fermi, number)
    figure = ax.figure
    figure.set_size_inches(10.0, 8.6)
    grid = GridSpec(2, len(chosen), figure=figure, height_ratios=[2.5, 1])
    ax.set_subplotspec(grid[0, :])
    for place, index in enumerate(chosen):
        wcs = _tangent_plane(fermi.longitude[index], fermi.latitude[index])
        with style.own_type():
            panel = figure.add_subplot(grid[1, place], projection=wcs)
        _draw_panel(panel, wcs, xray, fermi, r95)
        panel.set_title(names[fermi.first[index]], fontsize=11)
        panel.coords[0].set_axislabel("$l$", minpad=0.4)
        panel.coords[1].set_axislabel("$b$" if place == 0 else " ", minpad=0.1)


def _most_matched(names, fermi, number):
    """Indices of the Fermi sources with most pairs, those nearer than APART to a chosen one left out."""
    unique, counts = np.unique(names, return_counts=True)
    pairs = counts[np.searchsorted(unique, names[fermi.first])]
    lon, lat = np.radians(fermi.longitude), np.radians(fermi.latitude)
    chosen = []
    for index in np.argsort(-pairs, kind="stable"):
        if all(angular_separation(lon[index], lat[index], lon[k], lat[k]) > np.radians(APART) for k in chosen):
            chosen.append(index)
        if len(chosen) == number:
            break
    return chosen


def _tangent_plane(longitude, latitude):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    wcs.wcs.crval = [longitude, latitude]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cdelt = [-0.01, 0.01]
    wcs.wcs.cunit = ["deg", "deg"]
    return wcs


def _draw_panel(panel, wcs, xray, fermi, r95):
    longitude, latitude = wcs.wcs.crval
    near = _near(xray, longitude, latitude, 1.0)
    panel.plot(*wcs.wcs_world2pix(xray.longitude[near], xray.latitude[near], 0), "o", markersize=2.2,
               markeredgewidth=0, color="#0072b2", rasterized=True)
    near = _near(fermi, longitude, latitude, 3.0)
    panel.plot(*wcs.wcs_world2pix(fermi.longitude[near], fermi.latitude[near], 0), "+", markersize=7,
               color=style.LAW_COLOR)
    near &= r95 > 0
    east, rim = circle_vertices(fermi.longitude[near], fermi.latitude[near], r95[near])
    x, y = wcs.wcs_world2pix((fermi.longitude[near, None] + east).ravel(), rim.ravel(), 0)
    panel.add_collection(PolyCollection(np.stack([x, y], axis=-1).reshape(*east.shape, 2), facecolor="none",
                                        edgecolor="black", linewidth=1.1), autolim=False)
    panel.set_xlim(-HALF_WIDTH * 100, HALF_WIDTH * 100)
    panel.set_ylim(-HALF_HEIGHT * 100, HALF_HEIGHT * 100)
    for axis in panel.coords:
        axis.set_major_formatter("d.d")
        axis.set_ticks(number=4)


def _near(side, longitude, latitude, radius):
    return angular_separation(*np.radians([longitude, latitude]), np.radians(side.longitude),
                              np.radians(side.latitude)) < np.radians(radius)
