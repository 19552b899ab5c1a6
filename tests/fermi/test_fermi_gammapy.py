# Licensed under a 3-clause BSD style license - see LICENSE
"""Source by source against gammapy's catalogue classes; skipped where gammapy is not installed."""

import importlib.util
import sys
import warnings

import numpy as np
import pytest
from astropy import units as u
from astroquery.exceptions import InputWarning

from astroquery_cfx import Fermi4FGL, MissingDependencyError
from astroquery_cfx.fermi.catalog import open_catalog
from astroquery_cfx.fermi.source import read_source
from astroquery_cfx.fermi.source.spectral_model import spectral_models

FILES = {"DR2": "gll_psc_v27.fit.gz", "DR4": "gll_psc_v35.fit.gz", "FL16Y": "gll_psc_v41.fit.gz"}
ENERGIES = np.geomspace(0.05, 1000, 25) * u.GeV

needs_gammapy = pytest.mark.skipif(
    importlib.util.find_spec("gammapy") is None, reason="gammapy is not installed"
)
pytestmark = pytest.mark.filterwarnings("default")  # gammapy's own warnings are no errors of ours


@pytest.fixture(scope="module", params=FILES)
def catalogs(request, shared_data):
    """The same file by gammapy and by this package."""
    path = shared_data / "fermi" / FILES[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gammapy.catalog import SourceCatalog4FGL

        theirs = SourceCatalog4FGL(path)
    return theirs, open_catalog(path)


@needs_gammapy
def test_spectra_are_those_of_gammapy(catalogs):
    theirs, ours = catalogs
    table = ours.read()
    models = spectral_models(table)
    rows = range(0, len(models), 20)
    differences = []
    for row in rows:
        source = theirs[row]
        assert source.name == table["Source_Name"][row]
        expected = source.spectral_model()(ENERGIES).to_value("cm-2 s-1 MeV-1")
        found = models[row](ENERGIES).to_value("cm-2 s-1 MeV-1")
        visible = expected > 1e-100
        differences.append(np.max(np.abs(found / expected - 1)[visible]))
    assert max(differences) < 1e-6
    assert len(differences) > 280


@needs_gammapy
@pytest.mark.parametrize("spectrum_type", ["PowerLaw", "LogParabola", "PLSuperExpCutoff"])
def test_error_bands_are_those_that_gammapy_draws(catalogs, spectrum_type):
    theirs, ours = catalogs
    table = ours.read()
    models = spectral_models(table)
    bright = (table["SpectrumType"] == spectrum_type) & (table["Signif_Avg"] > 20)
    for row in np.flatnonzero(bright)[::40]:
        energies = models[row].reference * np.geomspace(0.5, 2, 5) * u.MeV
        _, lower, upper = theirs[int(row)].spectral_model().evaluate_error(energies)
        low, high = models[row].error_band(energies)
        assert ((high - low) / (lower + upper)).to_value("") == pytest.approx(np.ones(5), abs=0.08)


@needs_gammapy
def test_positions_flux_points_and_limits_are_those_of_gammapy(catalogs):
    theirs, ours = catalogs
    for row in range(3, len(theirs.table), 450):
        expected, found = theirs[row], read_source(ours, row)
        assert found.name == expected.name
        assert found.position.separation(expected.position) < 1e-5 * u.deg
        points, table = expected.flux_points_table, found.flux_points
        assert len(points) == len(table)
        for name in (
            "e_min",
            "e_max",
            "flux",
            "flux_errn",
            "flux_errp",
            "flux_ul",
            "e2dnde",
            "e2dnde_errn",
            "e2dnde_errp",
            "e2dnde_ul",
            "sqrt_ts",
        ):
            own = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
            other = np.asarray(points[name], dtype=float)
            good = np.isfinite(other)
            assert own[good] == pytest.approx(other[good], rel=1e-5), name
        assert np.array_equal(table["is_ul"], points["is_ul"])


@needs_gammapy
def test_models_for_gammapy_are_gammapys_own(catalogs):
    theirs, ours = catalogs
    for row in range(5, len(theirs.table), 900):
        source = read_source(ours, row)
        if source.extended_model:
            continue
        model, expected = source.to_gammapy(), theirs[row].spectral_model()
        assert model.name == source.name
        assert model.spectral_model.tag == expected.tag
        for parameter in expected.parameters:
            own = model.spectral_model.parameters[parameter.name]
            assert own.quantity.to_value(parameter.unit) == pytest.approx(parameter.value, rel=1e-6)
            assert own.error == pytest.approx(np.nan_to_num(parameter.error), rel=1e-6)
        assert model.spatial_model.position.separation(source.position) < 1e-8 * u.deg


@needs_gammapy
def test_extended_models_for_gammapy(shared_data):
    path = shared_data / "fermi" / FILES["DR4"]
    disk = Fermi4FGL.get_source("Rosette", path=path)
    assert disk.extended_model.form == "Map"
    with pytest.warns(InputWarning, match="Rosette.*no shape on the sky"):
        assert disk.to_gammapy().spatial_model is None
    disk = Fermi4FGL.get_source("HB 3", path=path)
    model = disk.to_gammapy().spatial_model
    assert model.tag[0] == "DiskSpatialModel"
    assert model.r_0.quantity == disk.extended_model.semi_major
    gaussian = Fermi4FGL.get_source("3C 58", path=path)
    model = gaussian.to_gammapy().spatial_model
    # the radius in the catalogue holds 68%, sigma 39%
    ratio = (model.sigma.quantity / gaussian.extended_model.semi_major).to_value("")
    assert ratio == pytest.approx(1 / 1.5096, rel=1e-4)


def test_without_gammapy_the_extra_is_named(shared_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "gammapy.modeling", None)
    source = Fermi4FGL.get_source("3C 279", path=shared_data / "fermi" / FILES["DR4"])
    with pytest.raises(MissingDependencyError, match=r"astroquery_cfx\[gammapy\]"):
        source.to_gammapy()
