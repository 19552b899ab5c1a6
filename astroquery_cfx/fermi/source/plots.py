# Licensed under a 3-clause BSD style license - see LICENSE
"""Spectrum and light curve of a source as figures."""

import numpy as np
from astropy import units as u

__all__ = ["plot_light_curve", "plot_spectrum"]

_MODEL, _MEAN = "#0072b2", "#d55e00"
_STYLE = {"color": "#222222", "markersize": 5, "linewidth": 1.2, "capsize": 2.5}


def plot_spectrum(source, *, ax=None):
    """
    Plot flux points, best spectrum and its 1-sigma (68%) band.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.
    ax : `~matplotlib.axes.Axes`, optional
        Where to plot. A new figure, if None.

    Returns
    -------
    `~matplotlib.axes.Axes`
        E**2 dN/dE (erg / (s cm2)) by energy (GeV), both logarithmic. Upper limits (95%) are arrows.
    """
    ax = _axes(ax)
    points = source.flux_points
    energy = np.geomspace(points["e_min"][0], points["e_max"][-1], 300) * u.MeV
    model = source.spectral_model
    low, high = (_sed(energy, flux) for flux in model.error_band(energy))
    ax.fill_between(
        energy.to_value(u.GeV),
        low,
        high,
        color=_MODEL,
        alpha=0.25,
        linewidth=0,
        label="1-sigma (68%) band",
    )
    ax.plot(energy.to_value(u.GeV), _sed(energy, model(energy)), color=_MODEL, label=model.form)
    floor, top = _plot_points(ax, points)
    curve = _sed(energy, model(energy))
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="Energy (GeV)",
        ylabel=r"$E^2\,\mathrm{d}N/\mathrm{d}E$ (erg s$^{-1}$ cm$^{-2}$)",
        title=_title(source),
        xlim=(energy[0].to_value(u.GeV) / 1.2, energy[-1].to_value(u.GeV) * 1.2),
        ylim=(floor / 3, 3 * max(top, curve.max())),
    )
    ax.legend(fontsize="small")
    return ax


def _sed(energy, dnde):
    return (energy**2 * dnde).to_value("erg s-1 cm-2")


def _plot_points(ax, points):
    """Flux points with errors, limits with arrows; gives the lowest and highest value to be seen."""
    x, left, right = (points[name].quantity.to_value(u.GeV) for name in ("e_ref", "e_min", "e_max"))
    value, lower, upper, limit = _filled(
        points, "e2dnde", "e2dnde_errn", "e2dnde_errp", "e2dnde_ul"
    )
    is_limit = np.asarray(points["is_ul"]) & np.isfinite(limit)
    is_point = ~np.asarray(points["is_ul"]) & (value > 0)
    for chosen, y, style in (
        (is_point, value, {"fmt": "o", "label": "flux points, 1-sigma (68%) errors"}),
        (is_limit, limit, {"fmt": "none", "label": "95% upper limits"}),
    ):
        if not chosen.any():
            continue
        # Lists: matplotlib before 3.11 stumbles over arrays of one.
        error = (
            [part[chosen].tolist() for part in (lower, upper)]
            if chosen is is_point
            else 0.4 * y[chosen]
        )
        ax.errorbar(
            x[chosen],
            y[chosen],
            xerr=[part[chosen].tolist() for part in (x - left, right - x)],
            yerr=error,
            uplims=chosen is is_limit,
            **_STYLE,
            **style,
        )
    seen = np.concatenate([value[is_point], limit[is_limit]])
    if not len(seen):
        return 1e-14, 1e-12
    return seen.min(), np.concatenate([(value + upper)[is_point], limit[is_limit]]).max()


def _filled(table, *names):
    """Columns as plain arrays, NaN where masked."""
    return [np.ma.filled(table[name].data.astype(float), np.nan) for name in names]


def plot_light_curve(source, *, ax=None):
    """
    Plot the photon flux of each year.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.
    ax : `~matplotlib.axes.Axes`, optional
        Where to plot. A new figure, if None.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Photon flux (s-1 cm-2) by year. Upper limits (95%) are arrows; the line is the mean of the fluxes of
        all years, upper limits with their best fit.
    """
    ax = _axes(ax)
    curve = source.light_curve
    start, stop = curve["time_min"].decimalyear, curve["time_max"].decimalyear
    middle, half = (start + stop) / 2, (stop - start) / 2
    flux, lower, upper, limit = _filled(curve, "flux", "flux_errn", "flux_errp", "flux_ul")
    top = np.nanmax(np.concatenate([flux + np.nan_to_num(upper), limit]))
    is_limit = np.asarray(curve["is_ul"]) & np.isfinite(limit)
    points = ~np.asarray(curve["is_ul"])
    if points.any():
        ax.errorbar(
            middle[points],
            flux[points],
            xerr=half[points],
            yerr=[lower[points], upper[points]],
            fmt="o",
            label="flux, 1-sigma (68%) errors",
            **_STYLE,
        )
    if is_limit.any():
        ax.errorbar(
            middle[is_limit],
            limit[is_limit],
            xerr=half[is_limit],
            yerr=0.1 * top,
            uplims=True,
            fmt="none",
            label="95% upper limits",
            **_STYLE,
        )
    ax.axhline(np.nanmean(flux), color=_MEAN, linestyle="--", linewidth=1.2, label="mean flux")
    ax.set(
        xlabel="Year",
        ylabel=f"Photon flux{_band(curve)} (s$^{{-1}}$ cm$^{{-2}}$)",
        title=_title(source),
        ylim=(0, 1.25 * top),
    )
    ax.legend(fontsize="small", ncols=3, loc="upper center")
    return ax


def _band(curve):
    """The energy band of a light curve, for a label."""
    if "energy_min" not in curve.meta:
        return ""
    low, high = (u.Quantity(curve.meta[f"energy_{end}"]).to_value(u.GeV) for end in ("min", "max"))
    return f", {low:g}-{high:g} GeV"


def _title(source):
    counterpart = source.data.get("ASSOC1", "")
    return (
        f"{source.name}, {counterpart} ({source.class_name})"
        if counterpart
        else f"{source.name} ({source.class_name})"
    )


def _axes(ax):
    """The axes given, or those of a new figure that pyplot does not know."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4.5), layout="constrained").add_subplot()
