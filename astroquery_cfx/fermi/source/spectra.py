# Licensed under a 3-clause BSD style license - see LICENSE
"""The spectral forms of the 4FGL catalogues, and integrals over them.

Pure: energies in MeV and parameters in, dN/dE in cm-2 s-1 MeV-1 out; arrays
are broadcast, so one call can serve all sources. Equations (2) to (4) of
Abdollahi et al. 2020 (ApJS 247, 33), and (1) to (2) of Abdollahi et al. 2022
(ApJS 260, 53), which gave PLSuperExpCutoff a new form.
"""

from functools import cache

import numpy as np

__all__ = [
    "FORMS",
    "integrate",
    "log_parabola",
    "power_law",
    "super_exp_cutoff_2",
    "super_exp_cutoff_4",
]

# Points of the Gauss-Legendre rule in ln E: enough for 1e-9 over seven e-folds of the sharpest cutoffs.
_POINTS = 80


def power_law(energy, reference, amplitude, index):
    """
    Power law.

    Parameters
    ----------
    energy, reference : array_like
        Energies in MeV; the second is that of the amplitude.
    amplitude : array_like
        dN/dE at the reference energy.
    index : array_like
        Photon index.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude (energy / reference)**-index``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import power_law
    >>> float(power_law(2000.0, 1000.0, 1e-12, 2.0))
    2.5e-13
    """
    return amplitude * np.exp(-index * np.log(energy / reference))


def log_parabola(energy, reference, amplitude, index, beta):
    """
    Log-parabola.

    Parameters
    ----------
    energy, reference, amplitude : array_like
        As for `power_law`.
    index, beta : array_like
        Photon index at the reference energy, and curvature.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude (energy / reference)**(-index - beta ln(energy / reference))``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import log_parabola
    >>> float(log_parabola(1000.0, 1000.0, 1e-12, 2.0, 0.1))
    1e-12
    """
    x = np.log(energy / reference)
    return amplitude * np.exp(-(index + beta * x) * x)


def super_exp_cutoff_2(energy, reference, amplitude, index, expfactor, exp_index):
    """
    Power law with super-exponential cutoff, as in DR1 and DR2 (PLSuperExpCutoff2).

    Parameters
    ----------
    energy, reference, amplitude : array_like
        As for `power_law`.
    index : array_like
        Photon index at low energies.
    expfactor : array_like
        Exponential factor, in MeV to the power of ``-exp_index``.
    exp_index : array_like
        Exponential index.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude (energy / reference)**-index exp(expfactor (reference**exp_index - energy**exp_index))``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import super_exp_cutoff_2
    >>> float(super_exp_cutoff_2(1000.0, 1000.0, 1e-12, 2.0, 0.01, 0.6667))
    1e-12
    """
    cutoff = expfactor * (reference**exp_index - energy**exp_index)
    return amplitude * np.exp(cutoff - index * np.log(energy / reference))


def super_exp_cutoff_4(energy, reference, amplitude, index, expfactor, exp_index):
    """
    Power law with super-exponential cutoff, since DR3 (PLSuperExpCutoff4).

    Parameters
    ----------
    energy, reference, amplitude : array_like
        As for `power_law`.
    index, expfactor : array_like
        Local photon index and local curvature at the reference energy.
    exp_index : array_like
        Exponential index; at 0 this is a log-parabola of ``beta = expfactor / 2``.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude x**(-index + expfactor / exp_index) exp(expfactor / exp_index**2 (1 - x**exp_index))``
        with ``x = energy / reference``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import super_exp_cutoff_4
    >>> float(super_exp_cutoff_4(1000.0, 1000.0, 1e-12, 2.0, 0.4, 0.6667))
    1e-12
    """
    x = np.log(energy / reference)
    return amplitude * np.exp(-index * x - expfactor * x**2 * _second_order(exp_index * x))


def _second_order(y):
    """(exp(y) - 1 - y) / y**2, also where y is small or 0."""
    y = np.asarray(y, dtype=float)
    small = np.abs(y) < 1e-2
    safe = np.where(small, 1.0, y)
    series = 0.5 + y / 6 + y**2 / 24 + y**3 / 120
    return np.where(small, series, (np.expm1(safe) - safe) / safe**2)


FORMS = {
    "PowerLaw": power_law,
    "LogParabola": log_parabola,
    "PLSuperExpCutoff2": super_exp_cutoff_2,
    "PLSuperExpCutoff4": super_exp_cutoff_4,
}


@cache
def _rule():
    """Nodes and weights of the Gauss-Legendre rule."""
    return np.polynomial.legendre.leggauss(_POINTS)


def integrate(form, low, high, parameters, *, power=0):
    """
    Integrate a spectrum, or the energy in it, over a band.

    Parameters
    ----------
    form : callable
        One of the forms above.
    low, high : array_like
        Ends of the band, in MeV.
    parameters : sequence of array_like
        Reference energy, amplitude and what else the form takes; scalars, or an entry a source.
    power : int, optional
        0 for the photon flux (cm-2 s-1), 1 for the energy flux (MeV cm-2 s-1).

    Returns
    -------
    `~numpy.ndarray`
        The integral of ``energy**power dN/dE``, by a Gauss-Legendre rule of 80 points in ln(energy).

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import integrate, power_law
    >>> float(integrate(power_law, 1000.0, 100_000.0, (1000.0, 1e-12, 2.0)))
    9.9e-10
    """
    nodes, weights = _rule()
    low, high = (np.asarray(end, dtype=float)[..., np.newaxis] for end in (low, high))
    half = np.log(high / low) / 2
    energy = np.sqrt(low * high) * np.exp(half * nodes)
    parameters = [np.asarray(parameter, dtype=float)[..., np.newaxis] for parameter in parameters]
    values = form(energy, *parameters) * energy ** (power + 1)
    return np.sum(values * weights * half, axis=-1)
