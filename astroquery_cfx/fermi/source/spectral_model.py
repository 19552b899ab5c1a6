# Licensed under a 3-clause BSD style license - see LICENSE
"""The spectrum of a source: a callable of energy, with its uncertainty and its integrals."""

import math
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Table

from ...arrays import to_floats
from ...errors import InvalidInputError
from .spectra import FORMS, integrate

__all__ = ["SpectralModel", "spectral_model", "spectral_models"]

_DNDE = u.Unit("cm-2 s-1 MeV-1")
_PHOTON_FLUX = u.Unit("ph cm-2 s-1")
_ENERGY_FLUX = u.Unit("erg cm-2 s-1")
_ERG_PER_MEV = u.MeV.to(u.erg)
_CUTOFF = "PLSuperExpCutoff"
# SpectrumType -> prefix of the columns, and parameter -> the rest of their names.
# fmt: off
_COLUMNS = {
    "PowerLaw":    ("PL",   {"amplitude": "Flux_Density", "index": "Index"}),
    "LogParabola": ("LP",   {"amplitude": "Flux_Density", "index": "Index", "beta": "beta"}),
    _CUTOFF:       ("PLEC", {"amplitude": "Flux_Density", "index": "IndexS",
                             "expfactor": "ExpfactorS", "exp_index": "Exp_Index"}),
}
# fmt: on


@dataclass(frozen=True)
class SpectralModel:
    """
    The fitted spectrum of a source.

    Parameters
    ----------
    form : str
        PowerLaw, LogParabola, PLSuperExpCutoff2 (DR1, DR2) or PLSuperExpCutoff4 (since DR3): the
        formulas are those of `astroquery_cfx.fermi.source.spectra`.
    reference : float
        Reference (pivot) energy in MeV.
    values, errors : dict
        Parameter -> value and 1-sigma (68%) error: ``amplitude`` in cm-2 s-1 MeV-1, the others
        without unit, except for the ``expfactor`` of PLSuperExpCutoff2, in MeV to the power of
        ``-exp_index``. A parameter that was fixed in the fit has the error 0.

    Notes
    -----
    Photons are counted without a unit in dN/dE, so that ``E**2 dN/dE`` is an energy flux;
    `photon_flux` has the catalogue's own unit, ``ph cm-2 s-1``.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_cfx.fermi.source.spectral_model import SpectralModel
    >>> model = SpectralModel("PowerLaw", 1000.0, {"amplitude": 1e-12, "index": 2.0},
    ...                       {"amplitude": 1e-13, "index": 0.1})
    >>> model(2 * u.GeV)
    <Quantity 2.5e-13 1 / (MeV s cm2)>
    >>> model.energy_flux(100 * u.MeV, 100 * u.GeV).to(u.MeV / u.s / u.cm**2)
    <Quantity 6.90775528e-06 MeV / (s cm2)>
    """

    form: str
    reference: float
    values: dict[str, float]
    errors: dict[str, float]

    def __call__(self, energy: u.Quantity) -> u.Quantity:
        """
        Evaluate the differential photon flux.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies above zero, of any shape.

        Returns
        -------
        `~astropy.units.Quantity`
            dN/dE in cm-2 s-1 MeV-1, of the shape of ``energy``.

        Raises
        ------
        InvalidInputError
            If the energies do not have a unit of energy, or are not above zero.
        """
        return self._evaluate(_in_mev(energy), self.values) * _DNDE

    def error(self, energy: u.Quantity) -> u.Quantity:
        """
        Propagate the errors of the parameters to the differential photon flux, to first order.

        The catalogue does not give the covariances of the parameters: they are taken as
        independent. By the choice of the pivot energy this is nearly true for the amplitude; for
        the others it is on the safe side.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies above zero, of any shape.

        Returns
        -------
        `~astropy.units.Quantity`
            1-sigma (68%) error of dN/dE in cm-2 s-1 MeV-1, of the shape of ``energy``.

        Raises
        ------
        InvalidInputError
            If the energies do not have a unit of energy, or are not above zero.
        """
        energy = _in_mev(energy)
        value = self._evaluate(energy, self.values)
        # Where the flux underflows, far above a cutoff, so does its error.
        return value * np.where(value > 0, self._relative_error(energy), 0.0) * _DNDE

    def error_band(
        self, energy: u.Quantity, *, n_sigma: float = 1
    ) -> tuple[u.Quantity, u.Quantity]:
        """
        Return the lower and upper limit of the spectrum, at 1 sigma (68%) or more.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies above zero, of any shape.
        n_sigma : float, optional
            Half-width of the band, in sigma.

        Returns
        -------
        low, high : `~astropy.units.Quantity`
            dN/dE divided and multiplied by ``exp(n_sigma error / value)``, in cm-2 s-1 MeV-1: to
            first order the value minus and plus `error`, and never below zero.

        Raises
        ------
        InvalidInputError
            If the energies do not have a unit of energy, or are not above zero.
        """
        energy = _in_mev(energy)
        value = self._evaluate(energy, self.values)
        # exp(710) overflows; far above a cutoff the first-order error grows without limit.
        factor = np.exp(np.minimum(n_sigma * self._relative_error(energy), 700))
        return value / factor * _DNDE, value * factor * _DNDE

    def photon_flux(self, low: u.Quantity, high: u.Quantity) -> u.Quantity:
        """
        Integrate the photon flux over a band.

        Parameters
        ----------
        low, high : `~astropy.units.Quantity`
            The ends of the band, or of several bands.

        Returns
        -------
        `~astropy.units.Quantity`
            In ph cm-2 s-1, like Flux1000 (1 to 100 GeV).

        Raises
        ------
        InvalidInputError
            If the ends are not energies above zero, or ``low`` is not below ``high``.
        """
        return self._integral(low, high, power=0) * _PHOTON_FLUX

    def energy_flux(self, low: u.Quantity, high: u.Quantity) -> u.Quantity:
        """
        Integrate the energy flux over a band.

        Parameters
        ----------
        low, high : `~astropy.units.Quantity`
            The ends of the band, or of several bands.

        Returns
        -------
        `~astropy.units.Quantity`
            In erg cm-2 s-1, like Energy_Flux100 (0.1 to 100 GeV).

        Raises
        ------
        InvalidInputError
            If the ends are not energies above zero, or ``low`` is not below ``high``.
        """
        return self._integral(low, high, power=1) * _ERG_PER_MEV * _ENERGY_FLUX

    def __str__(self):
        lines = [f"{self.form}, reference energy {self.reference:.6g} MeV"]
        for name, value in self.values.items():
            unit = f" {_DNDE}" if name == "amplitude" else ""
            error = f"+- {self.errors[name]:.2g}" if self.errors[name] else "(fixed)"
            lines.append(f"  {name:<9} {value:.5g} {error}{unit}")
        return "\n".join(lines)

    def _evaluate(self, energy, values):
        return FORMS[self.form](energy, self.reference, *values.values())

    def _integral(self, low, high, *, power):
        low, high = _in_mev(low), _in_mev(high)
        if not np.all(low < high):
            raise InvalidInputError(
                "The lower end of the band is not below its upper end.",
                remedy="give the lower energy first, e.g. 1*u.GeV, 100*u.GeV.",
            )
        parameters = (self.reference, *self.values.values())
        return integrate(FORMS[self.form], low, high, parameters, power=power)

    def _relative_error(self, energy):
        """Return sigma(dN/dE) / (dN/dE), from finite differences of ln(dN/dE)."""
        variance = np.zeros(np.shape(energy))
        for name, error in self.errors.items():
            if not error:
                continue
            step = 1e-4 * (abs(self.values[name]) if name == "amplitude" else 1.0)
            with np.errstate(divide="ignore", invalid="ignore"):  # where the flux itself underflows
                up, down = (
                    np.log(self._evaluate(energy, self.values | {name: self.values[name] + shift}))
                    for shift in (step, -step)
                )
                variance += ((up - down) / (2 * step) * error) ** 2
        return np.sqrt(np.nan_to_num(variance, nan=np.inf))


def _in_mev(energy) -> np.ndarray:
    """Return energies in MeV, checked."""
    if not isinstance(energy, u.Quantity):
        raise InvalidInputError(
            f"The energy {energy!r} has no unit.", remedy="give it one, e.g. 1*u.GeV."
        )
    try:
        values = to_floats(energy.to_value(u.MeV))
    except u.UnitsError as error:
        raise InvalidInputError(
            f"{energy.unit} is not a unit of energy.", remedy="give an energy, e.g. 1*u.GeV."
        ) from error
    if not np.all(np.isfinite(values) & (values > 0)):
        raise InvalidInputError(
            "An energy is not above zero, or not finite.", remedy="give energies above zero."
        )
    return values


def spectral_models(table: Table, spectrum_type: str | None = None) -> list[SpectralModel | None]:
    """
    Return the spectra of all sources of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, with the columns of the spectra.
    spectrum_type : str, optional
        PowerLaw, LogParabola or PLSuperExpCutoff: the catalogue has fits of all three. The best
        one of each source (SpectrumType), if None.

    Returns
    -------
    list of `SpectralModel` or None
        One per row; None where that model was not fitted.

    Raises
    ------
    InvalidInputError
        If the table lacks columns of the spectra, or has an unknown type of spectrum.
    """
    types = [spectrum_type] * len(table) if spectrum_type else list(map(str, table["SpectrumType"]))
    models: list[SpectralModel | None] = [None] * len(table)
    for kind in dict.fromkeys(types):
        family = _CUTOFF if kind.startswith(_CUTOFF) else kind
        form = kind
        if (
            kind == _CUTOFF
        ):  # its older form has columns of other names, which the catalogue renames
            form += "2" if "PLEC_IndexS" in table.meta.get("renamed", {}) else "4"
        if form not in FORMS:
            raise InvalidInputError(
                f"The spectrum type {kind!r} is not known.",
                remedy=f"the known ones are {', '.join(_COLUMNS)}.",
            )
        prefix, parameters = _COLUMNS[family]
        names = [f"{prefix}_{rest}" for rest in parameters.values()]
        columns = ["Pivot_Energy", *names, *(f"Unc_{name}" for name in names)]
        missing = [name for name in columns if name not in table.colnames]
        if missing:
            raise InvalidInputError(
                f"{table.meta.get('file', 'The table')} has no column {missing[0]}, which the "
                "spectra need.",
                remedy="read all columns of the whole catalogue.",
            )
        numbers = np.column_stack([to_floats(table[name]) for name in columns]).tolist()
        for row in [row for row, other in enumerate(types) if other == kind]:
            reference, *fitted = numbers[row]
            values = dict(zip(parameters, fitted[: len(names)], strict=True))
            errors = dict(zip(parameters, fitted[len(names) :], strict=True))
            if not any(map(math.isnan, (reference, *values.values()))):
                errors = {
                    name: 0.0 if math.isnan(error) else error for name, error in errors.items()
                }
                models[row] = SpectralModel(form, reference, values, errors)
    return models


def spectral_model(table: Table, row: int = 0, spectrum_type: str | None = None) -> SpectralModel:
    """
    Return the spectrum of one source of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, with the columns of the spectra.
    row : int, optional
        The row of the source.
    spectrum_type : str, optional
        As for `spectral_models`.

    Returns
    -------
    `SpectralModel`
        A callable of energy.

    Raises
    ------
    InvalidInputError
        If that model was not fitted, or the table lacks columns of the spectra.
    """
    (model,) = spectral_models(table[row : row + 1], spectrum_type)
    if model is None:
        raise InvalidInputError(
            f"{table['Source_Name'][row]} was not fitted with the spectrum "
            f"{spectrum_type or table['SpectrumType'][row]}.",
            remedy="use the best spectrum of the source.",
        )
    return model
