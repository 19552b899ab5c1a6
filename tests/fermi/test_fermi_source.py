# Licensed under a 3-clause BSD style license - see LICENSE
"""One source as an object: its row, position, ellipse, points, light curve, names, words and plots."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from astroquery_cfx import ErrorEllipse, Fermi4FGL, InvalidInputError
from astroquery_cfx.fermi import shipped_catalog


@pytest.fixture(scope="module")
def dr4(shared_data):
    return shared_data / "fermi" / "gll_psc_v35.fit.gz"


@pytest.fixture(scope="module")
def raw(dr4):
    with fits.open(dr4) as hdus:
        return {hdu.name.upper(): np.array(hdu.data) for hdu in hdus[1:]}


@pytest.fixture(scope="module")
def quasar(dr4):
    return Fermi4FGL.get_source("3C 279", path=dr4)


@pytest.fixture(scope="module")
def faint(dr4):
    return Fermi4FGL.get_source("4FGL J0000.3-7355", path=dr4)


def row_of(raw, name):
    sources = raw["LAT_POINT_SOURCE_CATALOG"]
    return sources[np.flatnonzero(np.char.strip(sources["Source_Name"]) == name.encode())[0]]


def test_its_row(quasar, raw):
    row = row_of(raw, quasar.name)
    assert quasar.name == "4FGL J1256.1-0547"
    assert quasar.release == "DR4"
    assert quasar.data["Flux1000"] == row["Flux1000"] * u.Unit("ph cm-2 s-1")
    assert quasar.data["CLASS1"] == "FSRQ"
    assert quasar.data["DataRelease"] == 1
    assert quasar.data["ASSOC2"] == ""
    assert np.array_equal(quasar.data["Flux_Band"].value, row["Flux_Band"])
    assert set(raw["LAT_POINT_SOURCE_CATALOG"].dtype.names) <= set(quasar.data)


def test_its_position(quasar, raw):
    row = row_of(raw, quasar.name)
    assert quasar.position.ra.deg == float(row["RAJ2000"])
    assert quasar.position.dec.deg == float(row["DEJ2000"])
    assert quasar.position.galactic.l.deg == pytest.approx(row["GLON"], abs=1e-4)
    assert quasar.counterpart.separation(quasar.position) < 1 * u.arcmin


def test_its_class_and_flags(quasar, faint):
    assert (quasar.class_name, quasar.class_group, quasar.identified) == (
        "flat-spectrum radio quasar",
        "extragalactic",
        True,
    )
    assert (faint.class_name, faint.class_group, faint.identified) == (
        "unassociated",
        "unassociated",
        False,
    )
    assert faint.counterpart is None
    assert quasar.flags == []


def test_its_associations(quasar, faint):
    table = quasar.associations
    assert table["name"][table["column"] == "ASSOC1"].tolist() == ["3C 279"]
    assert {"3FGL J1256.1-0547", "3EG J1255-0549"} <= set(table["name"].tolist())
    assert table.meta["probability"]["BAY"] == pytest.approx(1, abs=0.01)
    assert faint.associations["column"].tolist() == ["ASSOC_4FGL"]


def test_flux_points_are_the_bands_of_the_file(quasar, raw):
    points, row = quasar.flux_points, row_of(raw, quasar.name)
    assert points["e_min"].quantity.to_value(u.MeV).tolist() == [
        50,
        100,
        300,
        1e3,
        3e3,
        1e4,
        3e4,
        1e5,
    ]
    assert points["e_max"].quantity[-1] == 1 * u.TeV
    assert np.array_equal(points["flux"], row["Flux_Band"])
    assert np.array_equal(points["flux_errn"], -row["Unc_Flux_Band"][:, 0])
    assert np.array_equal(points["flux_errp"], row["Unc_Flux_Band"][:, 1])
    assert points["e2dnde"].unit == u.Unit("erg cm-2 s-1")
    assert not points["is_ul"].any()
    assert np.array_equal(points["e2dnde"], row["nuFnu_Band"])
    assert (points["e2dnde_errp"] / points["e2dnde"]).tolist() == pytest.approx(
        (points["flux_errp"] / points["flux"]).tolist()
    )


def test_points_compatible_with_zero_are_limits(faint, raw):
    points, row = faint.flux_points, row_of(raw, faint.name)
    is_limit = np.isnan(row["Unc_Flux_Band"][:, 0])
    assert is_limit.sum() == 3
    assert np.array_equal(points["is_ul"], is_limit)
    assert np.array_equal(points["flux_errn"].mask, is_limit)
    assert np.array_equal(points["flux_ul"].mask, ~is_limit)
    expected = row["Flux_Band"] + 2 * row["Unc_Flux_Band"][:, 1]
    assert points["flux_ul"][is_limit].tolist() == pytest.approx(expected[is_limit].tolist())
    assert np.all(points["sqrt_ts"][is_limit] < 1)


def test_the_light_curve_is_of_years(quasar, raw):
    curve, row = quasar.light_curve, row_of(raw, quasar.name)
    assert len(curve) == 14
    assert np.array_equal(curve["flux"], row["Flux_History"])
    assert curve["time_min"][0].utc.isot.startswith("2008-08-04T15:43:3")
    assert curve["time_max"][-1].utc.isot.startswith("2022-08-02T21:53:1")
    years = (curve["time_max"] - curve["time_min"]).to_value(u.yr)
    assert years == pytest.approx(np.ones(14), abs=0.01)
    assert curve.meta["energy_min"] == "50 MeV"
    assert curve["flux_ul"].mask.all()


def test_only_dr1_has_two_months(quasar):
    with pytest.raises(InvalidInputError, match="no Hist2_Start"):
        _ = quasar.light_curve_two_months


@pytest.mark.parametrize("name", ["Cygnus Loop", "Vela X", "W 44", "Rosette"])
def test_an_extended_source_has_its_template(dr4, raw, name):
    source = Fermi4FGL.get_source(name, path=dr4)
    templates = raw["EXTENDEDSOURCES"]
    row = templates[np.flatnonzero(np.char.strip(templates["Source_Name"]) == name.encode())[0]]
    model = source.extended_model
    assert source.name.endswith("e")
    assert source.error_ellipse is None
    assert model.form == row["Model_Form"].decode().strip()
    assert model.semi_major.to_value(u.deg) == row["Model_SemiMajor"]
    assert model.position.separation(source.position) < 1 * u.arcmin
    assert f"{model.form} of {name}" in str(source)


def test_a_point_source_has_no_template(quasar):
    assert quasar.extended_model is None


def test_the_ellipse_is_that_of_the_catalogue(dr4):
    source = Fermi4FGL.get_source("4FGL J0000.5+0743", path=dr4)
    ellipse = source.error_ellipse
    assert ellipse.containment == 0.95
    assert ellipse.major == source.data["Conf_95_SemiMajor"]
    assert ellipse.minor == source.data["Conf_95_SemiMinor"]
    assert ellipse.angle == source.data["Conf_95_PosAng"]
    assert ellipse.major > ellipse.scaled(0.68).major
    assert ellipse.major < ellipse.scaled(0.99).major


@pytest.mark.parametrize("version", [27, 35, 41])
def test_the_68_and_95_percent_ellipses_are_one_gaussian(shared_data, version):
    """The catalogue's own two ellipses check the conversion between containments."""
    table = Fermi4FGL.get_catalog(path=shared_data / "fermi" / f"gll_psc_v{version}.fit.gz")
    names = ("SemiMajor", "SemiMinor", "PosAng")
    ellipse = ErrorEllipse(*(f"Conf_95_{name}" for name in names), containment=0.95)
    scaled = ellipse.of(table).scaled(0.68)
    for name, found in zip(names, (scaled.major, scaled.minor, scaled.angle), strict=True):
        own = np.ma.filled(table[f"Conf_68_{name}"].data.astype(float), np.nan)
        found = found.to_value(u.deg)
        assert np.array_equal(np.isnan(found), np.isnan(own))
        assert found[~np.isnan(own)] == pytest.approx(own[~np.isnan(own)], rel=1e-6)


def test_the_spectrum_goes_through_the_points(quasar):
    points = quasar.flux_points[1:5]
    energy = points["e_ref"].quantity
    model = (energy**2 * quasar.spectral_model(energy)).to_value("erg cm-2 s-1")
    assert model == pytest.approx(points["e2dnde"].tolist(), rel=0.15)
    assert quasar.fitted_model("PowerLaw").values["index"] == pytest.approx(
        quasar.data["PL_Index"].value
    )


def test_words(quasar):
    text = str(quasar)
    assert text.startswith("4FGL J1256.1-0547\n")
    for part in (
        "3C 279 (counterpart)",
        "FSRQ, identified",
        "PLSuperExpCutoff4",
        "4.230e-10 +- 2.7e-12",
    ):
        assert part in text
    assert repr(quasar) == "<FermiSource 4FGL J1256.1-0547 (DR4)>"
    html = quasar._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == len(quasar.summary())
    assert "95% ellipse" in html
    assert "\n" not in html


def test_html_is_escaped(quasar, monkeypatch):
    monkeypatch.setitem(quasar.data, "ASSOC2", "<script>&")
    assert "&lt;script&gt;&amp;" in quasar._repr_html_()


def test_the_shipped_part_gives_what_it_has():
    source = Fermi4FGL.get_source("3C 279", path=shipped_catalog())
    assert "flat-spectrum radio quasar" in str(source)
    assert source.position.ra.deg == pytest.approx(194.04, abs=0.01)
    with pytest.raises(InvalidInputError, match="no column PLEC_Flux_Density"):
        _ = source.spectral_model
    with pytest.raises(InvalidInputError, match=r"has no EnergyBounds.*whole catalogue"):
        _ = source.flux_points
    with pytest.raises(InvalidInputError, match="has no Hist_Start"):
        _ = source.light_curve


def test_a_name_of_many_or_none_is_refused(dr4):
    with pytest.raises(InvalidInputError, match=r"2 sources of DR4 .*4FGL J0534\.5\+2201i, 4FGL"):
        Fermi4FGL.get_source("Crab Nebula", path=dr4)
    with pytest.raises(InvalidInputError, match=r"name '3C 2799'; the nearest names are 3C 279"):
        Fermi4FGL.get_source("3C 2799", path=dr4)


def test_the_name_of_the_source_comes_before_those_of_others(shared_data):
    # in FL16Y earlier names may be borne by more than one source
    source = Fermi4FGL.get_source("J1256.1-0547", path=shared_data / "fermi" / "gll_psc_v41.fit.gz")
    assert source.data["ASSOC1"] == "3C 279"


@pytest.mark.parametrize("name", ["3C 279", "4FGL J0000.3-7355", "Vela X", "4FGL J0358.4-5446"])
def test_plots_show_all_points(dr4, tmp_path, name):
    source = Fermi4FGL.get_source(name, path=dr4)
    ax = source.plot_spectrum()
    points = source.flux_points
    shown = np.ma.filled(points["e2dnde_ul"].data, 0) + np.where(
        points["is_ul"], 0, points["e2dnde"]
    )
    low, high = ax.get_ylim()
    assert np.all((shown[shown > 0] > low) & (shown[shown > 0] < high))
    left, right = ax.get_xlim()
    assert left < 0.05
    assert right > 1000
    assert "erg" in ax.get_ylabel()
    assert source.name in ax.get_title()
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert ("95% upper limits" in labels) == bool(points["is_ul"].any())
    ax.figure.savefig(tmp_path / "spectrum.png")

    curve = source.light_curve
    ax = source.plot_light_curve()
    top = np.ma.max(
        np.ma.where(curve["is_ul"], curve["flux_ul"], curve["flux"] + curve["flux_errp"])
    )
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > top
    assert "0.05-1000 GeV" in ax.get_ylabel()
    ax.figure.savefig(tmp_path / "curve.png")
    assert min(file.stat().st_size for file in tmp_path.iterdir()) > 5000


def test_plots_take_axes_and_leave_pyplot_alone(quasar):
    import sys

    from matplotlib.figure import Figure

    had_pyplot = "matplotlib.pyplot" in sys.modules
    first, second = Figure().subplots(1, 2)
    assert quasar.plot_spectrum(ax=first) is first
    assert quasar.plot_light_curve(ax=second) is second
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot
