# Licensed under a 3-clause BSD style license - see LICENSE
"""The spectral forms of the 4FGL catalogues, and integrals over them.

Energies in MeV and parameters in, dN/dE in cm-2 s-1 MeV-1 out; arrays are broadcast, so that one
call can serve all sources. Equations 2 to 4 of Abdollahi et al. 2020 (ApJS 247, 33), and 1 and 2 of
Abdollahi et al. 2022 (ApJS 260, 53), which gave PLSuperExpCutoff a new form.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "FORMS",
    "integrate",
    "log_parabola",
    "power_law",
    "super_exp_cutoff_2",
    "super_exp_cutoff_4",
]

Real = float | np.ndarray  # numbers or arrays of numbers, which broadcast


def power_law(energy: Real, reference: Real, amplitude: Real, index: Real) -> np.ndarray:
    """
    Evaluate a power law.

    Parameters
    ----------
    energy, reference : float or `~numpy.ndarray`
        Energies in MeV; the reference energy is that of the amplitude.
    amplitude : float or `~numpy.ndarray`
        dN/dE at the reference energy, in cm-2 s-1 MeV-1.
    index : float or `~numpy.ndarray`
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


def log_parabola(
    energy: Real, reference: Real, amplitude: Real, index: Real, beta: Real
) -> np.ndarray:
    """
    Evaluate a log-parabola.

    Parameters
    ----------
    energy, reference, amplitude : float or `~numpy.ndarray`
        As for `power_law`.
    index, beta : float or `~numpy.ndarray`
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


def super_exp_cutoff_2(
    energy: Real, reference: Real, amplitude: Real, index: Real, expfactor: Real, exp_index: Real
) -> np.ndarray:
    """
    Evaluate a power law with super-exponential cutoff, as in DR1 and DR2 (PLSuperExpCutoff2).

    Parameters
    ----------
    energy, reference, amplitude : float or `~numpy.ndarray`
        As for `power_law`.
    index : float or `~numpy.ndarray`
        Photon index at low energies.
    expfactor : float or `~numpy.ndarray`
        Exponential factor, in MeV to the power of ``-exp_index``.
    exp_index : float or `~numpy.ndarray`
        Exponential index.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude (energy / reference)**-index
        exp(expfactor (reference**exp_index - energy**exp_index))``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import super_exp_cutoff_2
    >>> float(super_exp_cutoff_2(1000.0, 1000.0, 1e-12, 2.0, 0.01, 0.6667))
    1e-12
    """
    cutoff = expfactor * (reference**exp_index - energy**exp_index)
    return amplitude * np.exp(cutoff - index * np.log(energy / reference))


def super_exp_cutoff_4(
    energy: Real, reference: Real, amplitude: Real, index: Real, expfactor: Real, exp_index: Real
) -> np.ndarray:
    """
    Evaluate a power law with super-exponential cutoff, as since DR3 (PLSuperExpCutoff4).

    Parameters
    ----------
    energy, reference, amplitude : float or `~numpy.ndarray`
        As for `power_law`.
    index, expfactor : float or `~numpy.ndarray`
        Local photon index and local curvature at the reference energy.
    exp_index : float or `~numpy.ndarray`
        Exponential index; at 0 the form is a log-parabola of ``beta = expfactor / 2``.

    Returns
    -------
    `~numpy.ndarray`
        ``amplitude x**(-index + expfactor / exp_index) exp(expfactor / exp_index**2
        (1 - x**exp_index))`` with ``x = energy / reference``.

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import super_exp_cutoff_4
    >>> float(super_exp_cutoff_4(1000.0, 1000.0, 1e-12, 2.0, 0.4, 0.6667))
    1e-12
    """
    # With x = ln(E / E0) and y = exp_index x, the exponent is -index x - expfactor x**2 f(y) with
    # f(y) = (exp(y) - 1 - y) / y**2. That loses its digits near y = 0; the series is good to 3e-11.
    x = np.log(energy / reference)
    y = np.asarray(exp_index * x, dtype=float)
    is_small = np.abs(y) < 1e-2
    safe = np.where(is_small, 1.0, y)
    series = 0.5 + y / 6 + y**2 / 24 + y**3 / 120
    f = np.where(is_small, series, (np.expm1(safe) - safe) / safe**2)
    return amplitude * np.exp(-index * x - expfactor * x**2 * f)


FORMS: dict[str, Callable[..., np.ndarray]] = {
    "PowerLaw": power_law,
    "LogParabola": log_parabola,
    "PLSuperExpCutoff2": super_exp_cutoff_2,
    "PLSuperExpCutoff4": super_exp_cutoff_4,
}
"""The forms by their names in the catalogues, with a number where there are two."""


@cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    # 80 points give the integrals to 1e-9 over seven e-folds of the sharpest cutoffs.
    return np.polynomial.legendre.leggauss(80)


def integrate(
    form: Callable[..., np.ndarray],
    low: ArrayLike,
    high: ArrayLike,
    parameters: Sequence[ArrayLike],
    *,
    power: int = 0,
) -> np.ndarray:
    """
    Integrate a spectrum, or the energy in it, over a band.

    Parameters
    ----------
    form : callable
        One of the forms above.
    low, high : array_like
        Ends of the band, or of several bands, in MeV.
    parameters : sequence of array_like
        Reference energy, amplitude and the other parameters of the form; scalars, or arrays with
        an entry per source.
    power : int, optional
        0 for the photon flux (cm-2 s-1), 1 for the energy flux (MeV cm-2 s-1).

    Returns
    -------
    `~numpy.ndarray`
        The integral of ``energy**power dN/dE``, by a Gauss-Legendre rule in ln(energy).

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.spectra import integrate, power_law
    >>> float(integrate(power_law, 1000.0, 100_000.0, (1000.0, 1e-12, 2.0)))
    9.9e-10
    """
    nodes, weights = _gauss_legendre()
    low, high = (np.asarray(end, dtype=float)[..., np.newaxis] for end in (low, high))
    half = np.log(high / low) / 2
    energy = np.sqrt(low * high) * np.exp(half * nodes)
    parameters = [np.asarray(parameter, dtype=float)[..., np.newaxis] for parameter in parameters]
    values = form(energy, *parameters) * energy ** (power + 1)  # dE = E d(ln E)
    return np.sum(values * weights * half, axis=-1)
