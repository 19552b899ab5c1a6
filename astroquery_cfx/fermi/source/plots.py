# Licensed under a 3-clause BSD style license - see LICENSE
"""Spectrum and light curve of a source as figures."""

import numpy as np
from astropy import units as u

from ...arrays import to_floats

_BLUE, _VERMILION = "#0072b2", "#d55e00"  # of Okabe and Ito's palette, safe for the colour-blind
_STYLE = {"color": "#222222", "markersize": 5, "linewidth": 1.2, "capsize": 2.5}
_ARROWS = {"uplims": True, "fmt": "none", "label": "95% upper limits"}


def plot_spectrum(source, *, ax=None):
    """Plot the flux points and the best spectrum of a `FermiSource`; return the axes."""
    ax = _axes(ax)
    points, model = source.flux_points, source.spectral_model
    energy = np.geomspace(points["e_min"][0], points["e_max"][-1], 300) * u.MeV
    gev = energy.to_value(u.GeV)
    curve, low, high = (
        (energy**2 * dnde).to_value("erg s-1 cm-2")
        for dnde in (model(energy), *model.error_band(energy))
    )
    ax.fill_between(
        gev, low, high, color=_BLUE, alpha=0.25, linewidth=0, label="1-sigma (68%) band"
    )
    ax.plot(gev, curve, color=_BLUE, label=model.form)
    value, lower, upper, limit = (
        to_floats(points[f"e2dnde{end}"]) for end in ("", "_errn", "_errp", "_ul")
    )
    is_point = ~points["is_ul"].data & (value > 0)  # the axis is logarithmic
    is_limit = points["is_ul"].data & np.isfinite(limit)
    x, left, right = (points[name].quantity.to_value(u.GeV) for name in ("e_ref", "e_min", "e_max"))
    band = (x - left, right - x)
    label = "flux points, 1-sigma (68%) errors"
    _errorbar(ax, is_point, x, value, band, (lower, upper), fmt="o", label=label)
    _errorbar(ax, is_limit, x, limit, band, (0.4 * limit, 0.4 * limit), **_ARROWS)
    bottoms = np.concatenate([value[is_point], limit[is_limit]])
    tops = np.concatenate([(value + upper)[is_point], limit[is_limit]])
    # Without any point, a range that 4FGL spectra have.
    bottom, top = (bottoms.min(), tops.max()) if len(tops) else (1e-14, 1e-12)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="Energy (GeV)",
        ylabel=r"$E^2\,\mathrm{d}N/\mathrm{d}E$ (erg s$^{-1}$ cm$^{-2}$)",
        title=_title(source),
        xlim=(gev[0] / 1.2, gev[-1] * 1.2),
        ylim=(bottom / 3, 3 * max(top, curve.max())),
    )
    ax.legend(fontsize="small")
    return ax


def plot_light_curve(source, *, ax=None):
    """Plot the photon flux in each year, and the mean of the years; return the axes."""
    ax = _axes(ax)
    curve = source.light_curve
    start, stop = curve["time_min"].decimalyear, curve["time_max"].decimalyear
    middle, half = (start + stop) / 2, (stop - start) / 2
    flux, lower, upper, limit = (
        to_floats(curve[f"flux{end}"]) for end in ("", "_errn", "_errp", "_ul")
    )
    is_limit = curve["is_ul"].data
    top = np.nanmax(np.concatenate([flux + np.nan_to_num(upper), limit]))
    label = "flux, 1-sigma (68%) errors"
    _errorbar(ax, ~is_limit, middle, flux, (half, half), (lower, upper), fmt="o", label=label)
    is_limit = is_limit & np.isfinite(limit)
    length = np.full(len(limit), 0.1 * top)
    _errorbar(ax, is_limit, middle, limit, (half, half), (length, length), **_ARROWS)
    # Upper limits count with their best fit.
    ax.axhline(np.nanmean(flux), color=_VERMILION, linestyle="--", linewidth=1.2, label="mean flux")
    band = ""
    if "energy_min" in curve.meta:
        ends = (u.Quantity(curve.meta[f"energy_{end}"]).to_value(u.GeV) for end in ("min", "max"))
        band = ", {:g}-{:g} GeV".format(*ends)
    ax.set(
        xlabel="Year",
        ylabel=f"Photon flux{band} (s$^{{-1}}$ cm$^{{-2}}$)",
        title=_title(source),
        ylim=(0, 1.25 * top),
    )
    ax.legend(fontsize="small", ncols=3, loc="upper center")
    return ax


def _errorbar(ax, chosen, x, y, x_errors, y_errors, **style):
    """Draw the chosen points with lower and upper errors, unless there are none."""
    if chosen.any():
        # Lists: matplotlib before 3.11 does not take pairs of arrays with one element.
        xerr = [error[chosen].tolist() for error in x_errors]
        yerr = [error[chosen].tolist() for error in y_errors]
        ax.errorbar(x[chosen], y[chosen], xerr=xerr, yerr=yerr, **_STYLE, **style)


def _title(source):
    counterpart = source.data.get("ASSOC1", "")
    names = f"{source.name}, {counterpart}" if counterpart else source.name
    return f"{names} ({source.class_name})"


def _axes(ax):
    """Return the axes given, or those of a new figure that pyplot does not know."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure  # slow to load

    return Figure(figsize=(7, 4.5), layout="constrained").add_subplot()
