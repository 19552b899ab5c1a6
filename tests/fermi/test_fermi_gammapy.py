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
from astroquery_cfx.fermi.source.core import read_source
from astroquery_cfx.fermi.source.spectral_model import spectral_models

ENERGIES = np.geomspace(0.05, 1000, 25) * u.GeV

needs_gammapy = pytest.mark.skipif(
    importlib.util.find_spec("gammapy") is None, reason="gammapy is not installed"
)
pytestmark = pytest.mark.filterwarnings("default")  # gammapy's own warnings are not ours


@pytest.fixture(scope="module")
def catalogs(release):
    """The same file by gammapy and by this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gammapy.catalog import SourceCatalog4FGL

        theirs = SourceCatalog4FGL(release[1])
    return theirs, open_catalog(release[1])


@needs_gammapy
def test_spectra_agree_with_gammapy(catalogs):
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
def test_error_bands_agree_with_those_that_gammapy_draws(catalogs, spectrum_type):
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
def test_positions_flux_points_and_limits_agree_with_gammapy(catalogs):
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
def test_models_for_gammapy_agree_with_its_own(catalogs):
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
def test_extended_models_for_gammapy(dr4):
    for name, form in (("Rosette", "Map"), ("W 44", "Ring")):
        source = Fermi4FGL.get_source(name, path=dr4)
        assert source.extended_model.form == form
        with pytest.warns(InputWarning, match=f"{name}.*no shape on the sky") as warned:
            assert source.to_gammapy().spatial_model is None
        assert warned[0].filename == __file__
    disk = Fermi4FGL.get_source("HB 3", path=dr4)
    model = disk.to_gammapy().spatial_model
    assert model.tag[0] == "DiskSpatialModel"
    assert model.r_0.quantity == disk.extended_model.semi_major
    assert model.position.separation(disk.extended_model.position) < 1e-8 * u.deg
    gaussian = Fermi4FGL.get_source("3C 58", path=dr4)
    model = gaussian.to_gammapy().spatial_model
    # The radius in the catalogue holds 68%, sigma 39%.
    ratio = (model.sigma.quantity / gaussian.extended_model.semi_major).to_value("")
    assert ratio == pytest.approx(1 / 1.5096, rel=1e-4)


@needs_gammapy
def test_elliptic_templates_keep_their_axes_and_angle(dr4):
    templates = Fermi4FGL.get_extension("ExtendedSources", path=dr4)
    elliptic = (templates["Model_Form"] == "Disk") & (
        templates["Model_SemiMinor"] < templates["Model_SemiMajor"]
    )
    entry = templates[np.asarray(elliptic)][0]
    source = Fermi4FGL.get_source(entry["Source_Name"], path=dr4)
    model = source.to_gammapy().spatial_model
    assert model.phi.quantity.to_value("deg") == pytest.approx(entry["Model_PosAng"])
    minor = model.r_0.value * np.sqrt(1 - model.e.value**2)
    assert minor == pytest.approx(entry["Model_SemiMinor"], rel=1e-6)


def test_without_gammapy_the_extra_is_named(dr4, monkeypatch):
    monkeypatch.setitem(sys.modules, "gammapy.modeling", None)
    source = Fermi4FGL.get_source("3C 279", path=dr4)
    with pytest.raises(MissingDependencyError, match=r"astroquery_cfx\[gammapy\]"):
        source.to_gammapy()
