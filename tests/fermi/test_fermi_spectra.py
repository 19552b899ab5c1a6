# Licensed under a 3-clause BSD style license - see LICENSE
"""Spectra: formulas against their papers, integrals against scipy and the catalogue's fluxes."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from scipy.integrate import quad

from astroquery_cfx import Fermi4FGL, InvalidInputError
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.source import spectra
from astroquery_cfx.fermi.source.spectral_model import (
    SpectralModel,
    spectral_model,
    spectral_models,
)

MODELS = {
    "PowerLaw": {"amplitude": 2e-12, "index": 2.3},
    "LogParabola": {"amplitude": 2e-12, "index": 2.3, "beta": 0.15},
    "PLSuperExpCutoff2": {
        "amplitude": 2e-12,
        "index": 1.2,
        "expfactor": 0.013,
        "exp_index": 0.6667,
    },
    "PLSuperExpCutoff4": {"amplitude": 2e-12, "index": 2.1, "expfactor": 0.6, "exp_index": 0.6667},
}


def model(form, **changes):
    values = MODELS[form] | changes
    return SpectralModel(
        form, 1500.0, values, {name: abs(value) * 0.05 for name, value in values.items()}
    )


@pytest.fixture(scope="module")
def table(release):
    return Fermi4FGL.get_catalog(path=release[1])


def printed(form, e, e0, k, *p):
    """Evaluate eq. 2 to 4 of 4FGL (ApJS 247, 33), and 1 and 2 of DR3 (ApJS 260, 53), as printed."""
    if form == "PowerLaw":
        return k * (e / e0) ** -p[0]
    if form == "LogParabola":
        return k * (e / e0) ** (-p[0] - p[1] * np.log(e / e0))
    if form == "PLSuperExpCutoff2":
        return k * (e / e0) ** -p[0] * np.exp(p[1] * (e0 ** p[2] - e ** p[2]))
    gamma, d, b = p
    if abs(b * np.log(e / e0)) < 1e-2:
        x = np.log(e / e0)
        return k * (e / e0) ** (-gamma - d / 2 * x - d * b / 6 * x**2 - d * b**2 / 24 * x**3)
    return k * (e / e0) ** (-gamma + d / b) * np.exp(d / b**2 * (1 - (e / e0) ** b))


@pytest.mark.parametrize("form", MODELS)
def test_formulas_are_as_printed(form):
    energies = np.geomspace(30, 1e6, 200)
    found = model(form)(energies * u.MeV).to_value("cm-2 s-1 MeV-1")
    expected = [printed(form, e, 1500.0, *MODELS[form].values()) for e in energies]
    assert found == pytest.approx(expected, rel=1e-8, abs=0)


@pytest.mark.parametrize("exp_index", [0.0, 1e-9, 1e-4, 3e-3, 0.0099, 0.0101, 0.1, 1.0, -0.2])
def test_the_cutoff_is_smooth_where_its_index_is_small(exp_index):
    energies = np.geomspace(50, 1e6, 40)
    found = spectra.super_exp_cutoff_4(energies, 1000.0, 1.0, 2.0, 0.4, exp_index)
    x = np.log(energies / 1000)
    if exp_index == 0:  # the limit is a log-parabola
        expected = spectra.log_parabola(energies, 1000.0, 1.0, 2.0, 0.2)
    else:
        with localcontext(prec=50):  # as printed, in 50 digits
            b, d = Decimal(exp_index), Decimal("0.4")
            expected = [
                float((-2 * y + d / b * y + d / b**2 * (1 - (b * y).exp())).exp())
                for y in map(Decimal, x)
            ]
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_the_two_cutoffs_are_one_curve():
    # index_s = index + a b E0^b, expfactor_s = a b^2 E0^b (DR3 paper, section 3.2)
    a, b, e0, index = 0.013, 0.6667, 1500.0, 1.2
    energies = np.geomspace(50, 1e6, 40)
    new = spectra.super_exp_cutoff_4(energies, e0, 1.0, index + a * b * e0**b, a * b**2 * e0**b, b)
    assert new == pytest.approx(
        spectra.super_exp_cutoff_2(energies, e0, 1.0, index, a, b), rel=1e-9
    )


@pytest.mark.parametrize("form", MODELS)
@pytest.mark.parametrize("band", [(100, 1e5), (1000, 1e5), (50, 1e6), (1000, 1001)])
def test_integrals_are_those_of_scipy(form, band):
    spectrum = model(form)

    def integrand(x, power):
        return printed(form, np.exp(x), 1500.0, *MODELS[form].values()) * np.exp((1 + power) * x)

    low, high = band * u.MeV
    for power, found in (
        (0, spectrum.photon_flux(low, high).to_value("ph cm-2 s-1")),
        (1, spectrum.energy_flux(low, high).to_value("MeV cm-2 s-1")),
    ):
        expected = quad(integrand, *np.log(band), args=(power,), epsrel=1e-12, epsabs=0, limit=500)[
            0
        ]
        assert found == pytest.approx(expected, rel=1e-8)


def test_several_bands_at_a_time():
    spectrum = model("LogParabola")
    edges = np.geomspace(100, 1e5, 10) * u.MeV
    parts = spectrum.energy_flux(edges[:-1], edges[1:])
    assert parts.shape == (9,)
    whole = spectrum.energy_flux(edges[0], edges[-1])
    assert parts.sum().value == pytest.approx(whole.value, rel=1e-10)
    # and for several sources: here the sum of two power laws
    flux = spectra.integrate(
        spectra.power_law, 100.0, 1e5, ([1e3, 2e3], [1e-12, 3e-12], [2.0, 2.5]), power=1
    )
    assert flux[0] == pytest.approx(1e-12 * 1e6 * np.log(1000), rel=1e-12)
    assert flux[1] == pytest.approx(3e-12 * 2e3**2.5 / 0.5 * (100**-0.5 - 1e5**-0.5), rel=1e-9)


def test_units_are_those_of_the_catalogue():
    spectrum = model("PowerLaw")
    assert spectrum(1 * u.GeV).to("TeV-1 cm-2 s-1").value == pytest.approx(
        spectrum(1000 * u.MeV).value * 1e6
    )
    assert (1 * u.GeV) ** 2 * spectrum(1 * u.GeV) < 1 * u.erg / u.s / u.cm**2
    assert spectrum.photon_flux(1 * u.GeV, 2 * u.GeV).unit == u.Unit("ph cm-2 s-1")
    assert spectrum.energy_flux(1 * u.GeV, 2 * u.GeV).unit == u.Unit("erg cm-2 s-1")
    assert spectrum(np.ones((2, 3)) * u.GeV).shape == (2, 3)


@pytest.mark.parametrize(
    "energy", [1, [1.0], 0 * u.GeV, -1 * u.GeV, np.nan * u.GeV, [1, 0] * u.GeV, 1 * u.m, "1 GeV"]
)
def test_invalid_energies_are_refused(energy):
    for ask in (model("PowerLaw"), model("PowerLaw").error, model("PowerLaw").error_band):
        with pytest.raises(InvalidInputError, match=r"GeV|above zero"):
            ask(energy)


@pytest.mark.parametrize("high", [1 * u.GeV, 2 * u.GeV, [3, 1] * u.GeV])
def test_a_band_without_width_is_refused(high):
    for flux in (model("PowerLaw").photon_flux, model("PowerLaw").energy_flux):
        with pytest.raises(InvalidInputError, match="lower end of the band is not below"):
            flux(2 * u.GeV, high)


@pytest.mark.parametrize("form", MODELS)
def test_the_error_band_agrees_with_drawn_parameters(form):
    spectrum = model(form)
    spectrum = SpectralModel(
        form,
        spectrum.reference,
        spectrum.values,
        {name: 0.002 * abs(value) for name, value in spectrum.values.items()},
    )
    random = np.random.default_rng(4)
    energies = np.geomspace(100, 5e4, 7)
    draws = [
        random.normal(value, spectrum.errors[name], 20_000)[:, None]
        for name, value in spectrum.values.items()
    ]
    drawn = spectra.FORMS[form](energies, spectrum.reference, *draws)
    error = spectrum.error(energies * u.MeV).value
    assert error == pytest.approx(drawn.std(axis=0), rel=0.04)
    low, high = spectrum.error_band(energies * u.MeV)
    value = spectrum(energies * u.MeV)
    assert np.all((low < value) & (value < high))
    assert ((high - low) / 2).value == pytest.approx(error, rel=0.01)
    wide, _ = spectrum.error_band(energies * u.MeV, n_sigma=2)
    assert np.all(wide < low)


def test_errors_follow_the_derivatives_of_the_formula():
    """For a log-parabola, d ln(dN/dE) is dK/K, -x dIndex and -x^2 dbeta, with x = ln(E/E0)."""
    values = {"amplitude": 1e-12, "index": 2.0, "beta": 0.1}
    errors = {"amplitude": 2e-13, "index": 0.3, "beta": 0.05}
    spectrum = SpectralModel("LogParabola", 1000.0, values, errors)
    energies = np.geomspace(100, 1e5, 7)
    x = np.log(energies / 1000)
    relative = np.sqrt(0.2**2 + (0.3 * x) ** 2 + (0.05 * x**2) ** 2)
    value = spectrum(energies * u.MeV).value
    assert spectrum.error(energies * u.MeV).value == pytest.approx(value * relative, rel=1e-7)
    for n_sigma in (1, 2.5):
        low, high = spectrum.error_band(energies * u.MeV, n_sigma=n_sigma)
        assert low.value == pytest.approx(value * np.exp(-n_sigma * relative), rel=1e-6)
        assert high.value == pytest.approx(value * np.exp(n_sigma * relative), rel=1e-6)
        assert low.unit == high.unit == u.Unit("cm-2 s-1 MeV-1")


def test_far_above_a_cutoff_everything_is_zero():
    energies = [1e8, 1e10] * u.MeV
    spectrum = model("PLSuperExpCutoff2")
    low, high = spectrum.error_band(energies)
    for flux in (spectrum(energies), spectrum.error(energies), low, high):
        assert flux.value.tolist() == [0, 0]


def test_a_spectrum_in_words():
    spectrum = SpectralModel(
        "PowerLaw", 1234.56789, {"amplitude": 1e-12, "index": 2.0}, {"amplitude": 1e-13, "index": 0}
    )
    assert str(spectrum).splitlines() == [
        "PowerLaw, reference energy 1234.57 MeV",
        "  amplitude 1e-12 +- 1e-13 1 / (MeV s cm2)",
        "  index     2 (fixed)",
    ]


def test_a_fixed_parameter_adds_no_error():
    spectrum = SpectralModel(
        "PowerLaw", 1000.0, {"amplitude": 1e-12, "index": 2.0}, {"amplitude": 1e-13, "index": 0.0}
    )
    relative = spectrum.error([0.1, 1, 100] * u.GeV) / spectrum([0.1, 1, 100] * u.GeV)
    assert relative.value == pytest.approx([0.1, 0.1, 0.1], rel=1e-6)


def test_all_spectra_agree_with_the_fluxes_of_the_catalogue(table):
    """Over 0.1-100 GeV and 1-100 GeV."""
    models = np.array(spectral_models(table))
    forms = np.array([one.form for one in models])
    energy_flux, photon_flux = np.empty((2, len(models)))
    for form in set(forms):  # all sources of a form at a time
        rows = np.flatnonzero(forms == form)
        parameters = np.array([[one.reference, *one.values.values()] for one in models[rows]]).T
        kernel = spectra.FORMS[form]
        energy_flux[rows] = spectra.integrate(kernel, 100.0, 1e5, parameters, power=1)
        photon_flux[rows] = spectra.integrate(kernel, 1e3, 1e5, parameters)
    energy_flux *= u.MeV.to(u.erg)
    for row in range(0, len(models), 200):
        one = models[row]
        assert one.energy_flux(100 * u.MeV, 100 * u.GeV).value == pytest.approx(energy_flux[row])
        assert one.photon_flux(1 * u.GeV, 100 * u.GeV).value == pytest.approx(photon_flux[row])
    for found, column in ((energy_flux, "Energy_Flux100"), (photon_flux, "Flux1000")):
        difference = np.abs(found / np.asarray(table[column], dtype=float) - 1)
        assert np.median(difference) < 0.0005
        assert np.percentile(difference, 99) < 0.002
        # the largest are maps of the Magellanic Clouds and the steepest spectra
        assert difference.max() < 0.01


def test_there_are_spectra_of_all_three_kinds(table):
    forms = {one.form for one in spectral_models(table)}
    cutoff = "PLSuperExpCutoff2" if table.meta["release"] == "DR2" else "PLSuperExpCutoff4"
    assert forms == {"PowerLaw", "LogParabola", cutoff}
    others = spectral_models(table, "PowerLaw")
    assert {one.form for one in others if one} == {"PowerLaw"}
    assert others.count(None) == 1  # a source that was not fitted with it


def test_a_missing_fit_is_an_error(table):
    row = spectral_models(table, "PowerLaw").index(None)
    with pytest.raises(InvalidInputError, match="was not fitted with the spectrum PowerLaw"):
        spectral_model(table, row, "PowerLaw")
    with pytest.raises(InvalidInputError, match=r"'BrokenPowerLaw' is not known"):
        spectral_model(table, row, "BrokenPowerLaw")


def test_values_and_errors_are_those_of_the_columns(table):
    prefixes = {"PowerLaw": "PL", "LogParabola": "LP"}
    for row in range(0, len(table), 700):
        found, entry = spectral_model(table, row), table[row]
        prefix = prefixes.get(found.form, "PLEC")
        assert found.reference == entry["Pivot_Energy"]
        rest = ["Flux_Density", "Index", "beta"]
        if prefix == "PLEC":
            rest = ["Flux_Density", "IndexS", "ExpfactorS", "Exp_Index"]
        columns = [f"{prefix}_{name}" for name in rest[: len(found.values)]]
        assert list(found.values.values()) == [entry[name] for name in columns]
        errors = [np.ma.filled(entry[f"Unc_{name}"], 0) for name in columns]
        assert list(found.errors.values()) == errors


def test_the_name_of_the_cutoff_in_dr1_is_understood():
    values = {
        "Source_Name": ["4FGL J0000.0+0000"],
        "SpectrumType": ["PLSuperExpCutoff2"],
        "Pivot_Energy": [1e3],
        "PLEC_Flux_Density": [1e-12],
        "PLEC_IndexS": [1.2],
        "PLEC_ExpfactorS": [0.01],
        "PLEC_Exp_Index": [0.6667],
        "Unc_PLEC_Flux_Density": [1e-13],
        "Unc_PLEC_IndexS": [0.1],
        "Unc_PLEC_ExpfactorS": [0.001],
        "Unc_PLEC_Exp_Index": [np.nan],
    }
    found = spectral_model(Table(values))
    assert found.form == "PLSuperExpCutoff2"
    assert found.errors["exp_index"] == 0
    values["SpectrumType"] = ["PLSuperExpCutoff5"]
    with pytest.raises(InvalidInputError, match="'PLSuperExpCutoff5' is not known"):
        spectral_model(Table(values))


def test_a_catalogue_without_columns_of_spectra_is_refused():
    table = Fermi4FGL.get_catalog(path=shipped_catalog())
    with pytest.raises(
        InvalidInputError, match=r"gll_psc_v35_part\.fits\.gz has no column PL_Flux_Density"
    ):
        spectral_models(table)
