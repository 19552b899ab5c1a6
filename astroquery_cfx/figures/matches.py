# Licensed under a 3-clause BSD style license - see LICENSE
"""How many X-ray sources lie near each Fermi source."""

import astropy.units as u
import numpy as np

from . import style
from .groups import class_groups, draw_groups, group_legend
from .histograms import longitude_axis
from .rows import ENERGY_FLUX, Rows, numbers, wrap_longitude

__all__ = ["plot_match_counts", "plot_matches_by_flux"]


def plot_match_counts(grouped, *, ax=None):
    """
    Number of X-ray matches of each Fermi source, at its Galactic longitude.

    What differs from the notebook: each source is a stem at its own longitude with its own number (the
    notebook took the widths of its bars from another order than their heights, and the widths were sizes of
    regions times 100); the scale is logarithmic and shows all, where the notebook cut at 100 and with that
    the Galactic Centre; longitude runs from 180 deg through the centre to 180 deg, increasing to the left.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row a Fermi source, with the columns ``fermi_l`` (deg, a column without unit is in deg),
        ``fermi_class`` and ``num_csc_matches``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Its x is the longitude wrapped to [-180, 180) deg, labelled 0 to 360.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_match_counts
    >>> grouped = Table({"fermi_l": [184.56, 359.9], "fermi_class": ["PSR", "spp"],
    ...                  "num_csc_matches": [12, 2500]})
    >>> ax = plot_match_counts(grouped)
    >>> ax.get_yscale()
    'log'
    """
    longitude = wrap_longitude(numbers(grouped, "fermi_l", u.deg))
    number = numbers(grouped, "num_csc_matches", u.dimensionless_unscaled)
    groups = class_groups(grouped)
    rows = Rows(len(number), "Fermi sources")
    rows.need(np.isfinite(longitude), "without position")
    rows.need(number > 0, "without matches")
    rows.check()
    (ax,) = style.plain_axes(grouped, ax)
    drawn = rows.drawn
    longitude, number, groups = longitude[drawn], number[drawn], groups[drawn]
    bottom = 0.7
    colors = [style.GROUPS[group]["color"] for group in groups]
    ax.vlines(longitude, bottom, number, colors=colors, linewidth=0.7, alpha=0.55)
    draw_groups(ax, longitude, number, groups, size=4.5, alpha=0.95)
    ax.set_yscale("log")
    ax.set_ylim(bottom, number.max() * 1.6)
    _plain_log_ticks(ax.yaxis)
    longitude_axis(ax)
    ax.set_ylabel("Chandra matches of a Fermi source")
    ax.grid(axis="y", **style.GRID)
    group_legend(ax, groups)
    style.finish(ax, grouped, "Chandra matches of each Fermi source", rows.note())
    return ax


def plot_matches_by_flux(grouped, *, ax=None):
    """
    Number of X-ray matches of each Fermi source against its gamma-ray energy flux.

    The notebook leaves this as an exercise. Both scales are logarithmic. A trend says as much of where
    Chandra has looked, and for how long, as of the sources.

    Parameters
    ----------
    grouped : `~astropy.table.Table`
        One row a Fermi source, with the columns ``fermi_flux`` (0.1-100 GeV energy flux, erg/s/cm2),
        ``fermi_class`` and ``num_csc_matches``. Units of the same kind are converted, a column without unit
        is in the unit given here.
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
    >>> from astroquery_cfx.figures import plot_matches_by_flux
    >>> grouped = Table({"fermi_flux": [1.5e-9, 2e-10], "fermi_class": ["PSR", "spp"],
    ...                  "num_csc_matches": [12, 2500]})
    >>> ax = plot_matches_by_flux(grouped)
    >>> ax.get_ylabel()
    'Chandra matches of a Fermi source'
    """
    flux = numbers(grouped, "fermi_flux", ENERGY_FLUX)
    number = numbers(grouped, "num_csc_matches", u.dimensionless_unscaled)
    groups = class_groups(grouped)
    rows = Rows(len(number), "Fermi sources")
    rows.need(flux > 0, "without a flux above zero")
    rows.need(number > 0, "without matches")
    rows.check()
    (ax,) = style.plain_axes(grouped, ax)
    drawn = rows.drawn
    draw_groups(ax, flux[drawn], number[drawn], groups[drawn], size=6)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(flux[drawn].min() / 1.4, flux[drawn].max() * 1.4)
    ax.set_ylim(0.7, number[drawn].max() * 1.6)
    _plain_log_ticks(ax.yaxis)
    ax.set_xlabel(f"{style.GAMMA_RAY} {style.FLUX_UNIT}")
    ax.set_ylabel("Chandra matches of a Fermi source")
    ax.grid(**style.GRID)
    group_legend(ax, groups[drawn])
    style.finish(ax, grouped, "Chandra matches by γ-ray flux", rows.note())
    return ax


def _plain_log_ticks(axis):
    """1, 10, 100, 1,000 and not powers of ten: these are counts."""
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")
