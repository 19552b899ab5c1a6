# Licensed under a 3-clause BSD style license - see LICENSE
"""The spectrum of a source: a callable of energy, with its uncertainty and its integrals."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from ...errors import InvalidInputError
from .spectra import FORMS, integrate

__all__ = ["SpectralModel", "spectral_model", "spectral_models"]

_DNDE = u.Unit("cm-2 s-1 MeV-1")
_PHOTON_FLUX = u.Unit("ph cm-2 s-1")
_ENERGY_FLUX = u.Unit("erg cm-2 s-1")
_ERG_PER_MEV = u.MeV.to(u.erg)
# SpectrumType -> prefix of the columns, and parameter -> the rest of their names.
_COLUMNS = {
    "PowerLaw": ("PL", {"amplitude": "Flux_Density", "index": "Index"}),
    "LogParabola": ("LP", {"amplitude": "Flux_Density", "index": "Index", "beta": "beta"}),
    "PLSuperExpCutoff": (
        "PLEC",
        {
            "amplitude": "Flux_Density",
            "index": "IndexS",
            "expfactor": "ExpfactorS",
            "exp_index": "Exp_Index",
        },
    ),
}


@dataclass(frozen=True)
class SpectralModel:
    """
    The fitted spectrum of a source.

    Parameters
    ----------
    form : str
        PowerLaw, LogParabola, PLSuperExpCutoff2 (DR1, DR2) or PLSuperExpCutoff4 (since DR3); the formulas are
        those of `astroquery_cfx.fermi.source.spectra`.
    reference : float
        Reference (pivot) energy in MeV.
    values, errors : dict
        Parameter -> value and 1-sigma (68%) error: ``amplitude`` in cm-2 s-1 MeV-1, the others without unit,
        but for the ``expfactor`` of PLSuperExpCutoff2, in MeV to the power of ``-exp_index``. A parameter
        that was fixed has the error 0.

    Notes
    -----
    Photons are counted without a unit in dN/dE, so that ``E**2 dN/dE`` is an energy flux; `photon_flux` has
    the catalogue's own unit, ``ph cm-2 s-1``.

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
    values: dict
    errors: dict

    def __call__(self, energy):
        """
        Differential photon flux.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies, of any shape, above zero.

        Returns
        -------
        `~astropy.units.Quantity`
            dN/dE in cm-2 s-1 MeV-1, of the same shape.

        Raises
        ------
        InvalidInputError
            If the energies have no unit of energy or are not above zero.
        """
        return self._evaluate(_mev(energy), self.values) * _DNDE

    def error(self, energy):
        """
        1-sigma (68%) error of the differential flux.

        The errors of the parameters are propagated to first order. The catalogue does not give their
        covariances: they are taken as independent, which the choice of the pivot energy makes nearly true for
        the amplitude, and is on the safe side for the rest.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies, above zero.

        Returns
        -------
        `~astropy.units.Quantity`
            In cm-2 s-1 MeV-1.
        """
        energy = _mev(energy)
        return self._evaluate(energy, self.values) * self._relative_error(energy) * _DNDE

    def error_band(self, energy, *, n_sigma=1):
        """
        The band that the spectrum lies in, at 1 sigma (68%) or more.

        Parameters
        ----------
        energy : `~astropy.units.Quantity`
            Energies, above zero.
        n_sigma : float, optional
            How many sigma.

        Returns
        -------
        low, high : `~astropy.units.Quantity`
            dN/dE divided and multiplied by ``exp(n_sigma error / value)``, in cm-2 s-1 MeV-1: to first order
            the value less and plus `error`, and never below zero.
        """
        energy = _mev(energy)
        value = self._evaluate(energy, self.values)
        factor = np.exp(np.minimum(n_sigma * self._relative_error(energy), 700))
        return value / factor * _DNDE, value * factor * _DNDE

    def photon_flux(self, low, high):
        """
        Photon flux in a band.

        Parameters
        ----------
        low, high : `~astropy.units.Quantity`
            The ends of the band, or of many.

        Returns
        -------
        `~astropy.units.Quantity`
            In ph cm-2 s-1, as Flux1000 (1 to 100 GeV).
        """
        return self._integral(low, high, power=0) * _PHOTON_FLUX

    def energy_flux(self, low, high):
        """
        Energy flux in a band.

        Parameters
        ----------
        low, high : `~astropy.units.Quantity`
            The ends of the band, or of many.

        Returns
        -------
        `~astropy.units.Quantity`
            In erg cm-2 s-1, as Energy_Flux100 (0.1 to 100 GeV).
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
        low, high = _mev(low), _mev(high)
        if not np.all(low < high):
            raise InvalidInputError(
                "The band does not begin below its end.",
                remedy="give the lower energy first, e.g. 1*u.GeV, 100*u.GeV.",
            )
        return integrate(
            FORMS[self.form], low, high, (self.reference, *self.values.values()), power=power
        )

    def _relative_error(self, energy):
        """sigma(dN/dE) / (dN/dE), by differences of its logarithm."""
        total = np.zeros(np.shape(energy))
        for name, error in self.errors.items():
            if not error:
                continue
            step = 1e-4 * (abs(self.values[name]) if name == "amplitude" else 1.0)
            with np.errstate(divide="ignore", invalid="ignore"):  # where the flux itself is zero
                up, down = (
                    np.log(self._evaluate(energy, self.values | {name: self.values[name] + shift}))
                    for shift in (step, -step)
                )
                total += ((up - down) / (2 * step) * error) ** 2
        return np.sqrt(np.nan_to_num(total, nan=np.inf))


def _mev(energy):
    """Energies in MeV, checked."""
    if not isinstance(energy, u.Quantity):
        raise InvalidInputError(
            f"The energy {energy!r} has no unit.", remedy="give it a unit, e.g. 1*u.GeV."
        )
    try:
        values = np.asarray(energy.to_value(u.MeV), dtype=float)
    except u.UnitsError as error:
        raise InvalidInputError(
            f"{energy.unit} is not a unit of energy.", remedy="give an energy, e.g. 1*u.GeV."
        ) from error
    if not np.all(np.isfinite(values) & (values > 0)):
        raise InvalidInputError(
            "An energy is not above zero, or not finite.", remedy="give energies above zero."
        )
    return values


def _form(spectrum_type, old_cutoff):
    """Name of the form; the file's own name of the cutoff, or its columns, tell the parametrisation."""
    if not spectrum_type.startswith("PLSuperExpCutoff"):
        return spectrum_type
    if spectrum_type in FORMS:
        return spectrum_type
    return "PLSuperExpCutoff2" if old_cutoff else "PLSuperExpCutoff4"


def _columns(spectrum_type):
    """Parameter -> column, and parameter -> column of its error."""
    kind = "PLSuperExpCutoff" if spectrum_type.startswith("PLSuperExpCutoff") else spectrum_type
    if kind not in _COLUMNS:
        raise InvalidInputError(
            f"The spectrum type {spectrum_type!r} is not known.",
            remedy=f"the known ones are {', '.join(_COLUMNS)}.",
        )
    prefix, names = _COLUMNS[kind]
    return (
        {name: f"{prefix}_{rest}" for name, rest in names.items()},
        {name: f"Unc_{prefix}_{rest}" for name, rest in names.items()},
    )


def spectral_models(table, spectrum_type=None):
    """
    The spectra of all sources of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, with the columns of the spectra.
    spectrum_type : str, optional
        PowerLaw, LogParabola or PLSuperExpCutoff: the catalogue has fits of all three. The best one of each
        source (SpectrumType), if None.

    Returns
    -------
    list of `SpectralModel` or None
        One a row; None where that model was not fitted.

    Raises
    ------
    InvalidInputError
        If the table lacks columns of the spectra, or has a type of spectrum that is not known.
    """
    old_cutoff = "PLEC_IndexS" in table.meta.get("renamed", {})
    types = (
        [spectrum_type] * len(table)
        if spectrum_type
        else [str(kind) for kind in table["SpectrumType"]]
    )
    arrays, models = {}, []
    for kind in dict.fromkeys(types):
        names, errors = _columns(kind)
        columns = [
            _floats(table, column) for column in ("Pivot_Energy", *names.values(), *errors.values())
        ]
        arrays[kind] = _form(kind, old_cutoff), tuple(names), np.column_stack(columns).tolist()
    for row, kind in enumerate(types):
        form, names, numbers = arrays[kind]
        models.append(_model(form, names, numbers[row]))
    return models


def _model(form, names, numbers):
    reference, values, errors = numbers[0], numbers[1 : len(names) + 1], numbers[len(names) + 1 :]
    if any(value != value for value in (reference, *values)):
        return None
    errors = [error if error == error else 0.0 for error in errors]
    return SpectralModel(
        form,
        reference,
        dict(zip(names, values, strict=True)),
        dict(zip(names, errors, strict=True)),
    )


def _floats(table, name):
    if name not in table.colnames:
        raise InvalidInputError(
            f"{table.meta.get('file', 'The table')} has no column {name}, which the spectra need.",
            remedy="read all columns of the whole catalogue.",
        )
    return np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)


def spectral_model(table, row=0, spectrum_type=None):
    """
    The spectrum of one source of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, with the columns of the spectra.
    row : int, optional
        Which source.
    spectrum_type : str, optional
        As for `spectral_models`.

    Returns
    -------
    `SpectralModel`
        A callable of energy.

    Raises
    ------
    InvalidInputError
        If that model was not fitted, or the columns are not there.
    """
    (model,) = spectral_models(table[row : row + 1], spectrum_type)
    if model is None:
        raise InvalidInputError(
            f"{table['Source_Name'][row]} was not fitted with the spectrum "
            f"{spectrum_type or table['SpectrumType'][row]}."
        )
    return model
