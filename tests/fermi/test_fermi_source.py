# Licensed under a 3-clause BSD style license - see LICENSE
"""One source as an object: row, position, ellipse, points, light curve, names, words, plots."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from matplotlib.figure import Figure

from astroquery_cfx import ErrorEllipse, Fermi4FGL, InvalidInputError
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.source import FermiSource
from astroquery_cfx.fermi.source.points import time_edges


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
    assert np.isnan(quasar.data["RA_Counterpart"]) == np.isnan(row["RA_Counterpart"])
    assert quasar.data["Flux1000"].value.dtype == np.float32
    assert np.array_equal(quasar.data["Flux_Band"].value, row["Flux_Band"])
    assert set(raw["LAT_POINT_SOURCE_CATALOG"].dtype.names) <= set(quasar.data)


def test_its_position(quasar, raw):
    row = row_of(raw, quasar.name)
    assert quasar.position.ra.deg == float(row["RAJ2000"])
    assert quasar.position.dec.deg == float(row["DEJ2000"])
    assert quasar.position.galactic.l.deg == pytest.approx(row["GLON"], abs=1e-4)
    assert quasar.counterpart.separation(quasar.position) < 1 * u.arcmin


def test_its_class_and_flags(quasar, faint, dr4, raw):
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
    clump = Fermi4FGL.get_source("4FGL J0002.1+6721c", path=dr4)
    assert row_of(raw, clump.name)["Flags"] == 1 + 8 + 32
    assert clump.flags == ["TS_DROPPED", "LOW_CONTRAST", "GAS_CLUMP"]
    assert clump.summary()["Flags"] == "TS_DROPPED, LOW_CONTRAST, GAS_CLUMP"
    assert clump.summary()["Class"] == "counterpart of unknown kind (unk, associated)"


def test_its_associations(quasar, faint, raw):
    table = quasar.associations
    assert table["name"][table["column"] == "ASSOC1"].tolist() == ["3C 279"]
    assert table["kind"][table["column"] == "ASSOC1"].tolist() == ["counterpart"]
    assert {"3FGL J1256.1-0547", "3EG J1255-0549"} <= set(table["name"].tolist())
    row = row_of(raw, quasar.name)
    assert table.meta["probability"] == {
        "BAY": pytest.approx(row["ASSOC_PROB_BAY"]),
        "LR": pytest.approx(row["ASSOC_PROB_LR"]),
    }
    assert faint.associations["column"].tolist() == ["ASSOC_4FGL"]
    assert faint.associations.meta["probability"] == {"BAY": 0, "LR": 0}


def test_flux_points_are_the_bands_of_the_file(quasar, raw):
    points, row = quasar.flux_points, row_of(raw, quasar.name)
    edges = np.array([50, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6])
    assert points["e_min"].quantity.to_value(u.MeV).tolist() == edges[:-1].tolist()
    assert points["e_max"].quantity.to_value(u.MeV).tolist() == edges[1:].tolist()
    middle = np.sqrt(edges[1:] * edges[:-1]).tolist()
    assert points["e_ref"].quantity.to_value(u.MeV).tolist() == pytest.approx(middle)
    assert np.array_equal(points["flux"], row["Flux_Band"])
    assert np.array_equal(points["flux_errn"], -row["Unc_Flux_Band"][:, 0])
    assert np.array_equal(points["flux_errp"], row["Unc_Flux_Band"][:, 1])
    assert points["e2dnde"].unit == u.Unit("erg cm-2 s-1")
    assert not points["is_ul"].any()
    assert np.array_equal(points["e2dnde"], row["nuFnu_Band"])
    for error in ("errn", "errp"):
        relative = points[f"flux_{error}"] / points["flux"]
        own = points[f"e2dnde_{error}"] / points["e2dnde"]
        assert own.tolist() == pytest.approx(relative.tolist())
    assert np.array_equal(points["sqrt_ts"], row["Sqrt_TS_Band"])
    assert points.meta == {"source": "4FGL J1256.1-0547", "release": "DR4"}


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
    energy_limit = row["nuFnu_Band"] * (expected / row["Flux_Band"])
    assert points["e2dnde_ul"][is_limit].tolist() == pytest.approx(energy_limit[is_limit].tolist())


def made_source(**changes):
    """Make a source of two bands and two intervals of two months."""
    values = {
        "Source_Name": ["4FGL J0000.0+0000"],
        "Flux_Band": [[2.0, 0.0]] * u.Unit("ph cm-2 s-1"),
        "Unc_Flux_Band": [[[-1.0, 1.0], [np.nan, 3.0]]],
        "nuFnu_Band": [[4.0, 0.0]] * u.Unit("erg cm-2 s-1"),
        "Sqrt_TS_Band": [[5.0, 0.0]],
        "Flux2_History": [[1.0, 2.0]] * u.Unit("ph cm-2 s-1"),
        "Unc_Flux2_History": [[[-0.5, 0.25], [np.nan, 4.0]]],
        "Sqrt_TS2_History": [[3.0, 0.5]],
    }
    table = Table(values | changes, masked=True, copy=False)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].mask = np.isnan(table[name])
    table.meta = {"release": "DR1", "file": "made.fit"}
    times = {"2": Time([0.0, 60.0, 120.0], format="mjd")}
    return FermiSource(table, Table(), [100.0, 400.0, 900.0] * u.MeV, times)


def test_a_band_without_flux_has_a_limit_of_the_flux_only():
    points = made_source().flux_points
    assert points["e_ref"].tolist() == [200, 600]
    assert points["flux_ul"].tolist() == [None, 6]
    assert points["e2dnde"].tolist() == [4, 0]
    assert points["e2dnde_errp"].tolist() == [2, None]  # without a flux no ratio to scale by
    assert points["e2dnde_ul"].tolist() == [None, None]


def test_a_light_curve_of_two_months():
    curve = made_source().light_curve_two_months
    assert curve["flux"].tolist() == [1, 2]
    assert curve["flux_errn"].tolist() == [0.5, None]
    assert curve["flux_errp"].tolist() == [0.25, 4]
    assert curve["flux_ul"].tolist() == [None, 10]
    assert curve["sqrt_ts"].tolist() == [3, 0.5]
    assert curve["time_max"].mjd.tolist() == [60, 120]
    assert "energy_min" not in curve.meta
    with pytest.raises(InvalidInputError, match=r"made\.fit has no Hist_Start"):
        _ = made_source().light_curve
    three = {"Flux2_History": [[1.0, 2.0, 3.0]]}
    with pytest.raises(InvalidInputError, match="has 3 fluxes in 2 intervals"):
        _ = made_source(**three).light_curve_two_months


def test_edges_of_intervals_are_in_terrestrial_time():
    # MET 0 is 2001-01-01T00:00:00 UTC, 64.184 s less than TT
    header = {"MJDREFI": 51910, "MJDREFF": "7.428703703703703D-4", "TSTOP": 86400.0}
    expected = ["2001-01-01T00:01:04.184", "2001-01-02T00:01:04.184"]
    assert time_edges([0.0], 1, header).isot.tolist() == expected
    assert time_edges([0.0, 86400.0], 1, header).isot.tolist() == expected
    assert time_edges([0.0], 1, header).utc.isot[0] == "2001-01-01T00:00:00.000"


def test_the_light_curve_is_of_years(quasar, raw):
    curve, row = quasar.light_curve, row_of(raw, quasar.name)
    assert len(curve) == 14
    assert np.array_equal(curve["flux"], row["Flux_History"])
    assert curve["time_min"][0].utc.isot.startswith("2008-08-04T15:43:3")
    assert curve["time_max"][-1].utc.isot.startswith("2022-08-02T21:53:1")
    years = (curve["time_max"] - curve["time_min"]).to_value(u.yr)
    assert years == pytest.approx(np.ones(14), abs=0.01)
    assert (curve.meta["energy_min"], curve.meta["energy_max"]) == ("50 MeV", "1e+06 MeV")
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
    assert model.semi_minor.to_value(u.deg) == row["Model_SemiMinor"]
    assert model.position_angle.to_value(u.deg) == row["Model_PosAng"]
    assert model.position.dec.deg == float(row["DEJ2000"])
    assert model.function == row["Spatial_Function"].decode().strip()
    assert model.filename == row["Spatial_Filename"].decode().strip()
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
    fitted = quasar.fitted_model("PowerLaw")
    assert fitted.values["index"] == pytest.approx(quasar.data["PL_Index"].value)


def test_a_summary_in_words(quasar, faint, dr4, raw):
    assert quasar.summary() == {
        "Release": "DR4",
        "Class": "flat-spectrum radio quasar (FSRQ, identified)",
        "Associations": "3C 279 (counterpart); 3C 279 (TeVCat); 3FGL J1256.1-0547 (earlier FGL); "
        "3FHL J1256.1-0547 (FHL); 2AGL J1255-0543 (2AGL); 3EG J1255-0549 (3EG); "
        "EGR J1256-0552 (EGR)",
        "Position (ICRS)": "12h56m10.0s -05d47m19.3s",
        "Position (Galactic)": "l = 305.0952, b = 57.0632 deg",
        "95% ellipse": "semi-axes 0.0088 and 0.0088 deg, position angle -80.3 deg",
        "Significance": "319.3 sigma",
        "Energy flux, 0.1-100 GeV": "4.230e-10 +- 2.7e-12 erg / (s cm2)",
        "Photon flux, 1-100 GeV": "4.035e-08 +- 3.0e-10 ph / (s cm2)",
        "Spectrum": "PLSuperExpCutoff4: index 2.283 +- 0.008, expfactor 0.148 +- 0.007, exp_index "
        "0.221 +- 0.058; reference energy 980.9 MeV",
        "Variability index": "33299.4",
        "Flags": "none",
    }
    assert faint.summary()["Class"] == "unassociated"
    assert faint.summary()["Associations"] == "none"
    crab = Fermi4FGL.get_source("4FGL J0534.5+2201s", path=dr4).summary()
    assert crab["95% ellipse"] == "none: the position was not fitted"
    assert "Template" not in crab
    sources = raw["LAT_POINT_SOURCE_CATALOG"]
    is_cutoff = np.char.strip(sources["SpectrumType"]) == b"PLSuperExpCutoff"
    fixed = sources[is_cutoff & np.isnan(sources["Unc_PLEC_Exp_Index"])]["Source_Name"][0]
    pulsar = Fermi4FGL.get_source(fixed.decode(), path=dr4).summary()
    assert "exp_index 0.667 (fixed); reference energy" in pulsar["Spectrum"]


def test_a_source_as_text_and_html(quasar):
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


def test_a_source_of_the_shipped_part():
    source = Fermi4FGL.get_source("3C 279", path=shipped_catalog())
    assert "flat-spectrum radio quasar" in str(source)
    assert source.position.ra.deg == pytest.approx(194.04, abs=0.01)
    assert source.summary()["Spectrum"] == "PLSuperExpCutoff"
    with pytest.raises(InvalidInputError, match="no column PLEC_Flux_Density"):
        _ = source.spectral_model
    with pytest.raises(InvalidInputError, match=r"has no EnergyBounds.*whole catalogue"):
        _ = source.flux_points
    with pytest.raises(InvalidInputError, match="has no Hist_Start"):
        _ = source.light_curve


def test_a_name_of_several_sources_or_none_is_refused(dr4):
    with pytest.raises(InvalidInputError, match=r"2 sources of DR4 .*4FGL J0534\.5\+2201i, 4FGL"):
        Fermi4FGL.get_source("Crab Nebula", path=dr4)
    with pytest.raises(InvalidInputError, match=r"name '3C 2799'; the nearest names are 3C 279"):
        Fermi4FGL.get_source("3C 2799", path=dr4)


def test_the_name_of_the_source_itself_takes_precedence(shared_data):
    # in FL16Y more than one source may have the same earlier name
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
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "erg" in ax.get_ylabel()
    assert source.name in ax.get_title()
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert ("95% upper limits" in labels) == bool(points["is_ul"].any())
    ax.figure.savefig(tmp_path / "spectrum.png")

    curve = source.light_curve
    ax = source.plot_light_curve()
    tops = np.ma.where(curve["is_ul"], curve["flux_ul"], curve["flux"] + curve["flux_errp"])
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > np.ma.max(tops)
    assert "0.05-1000 GeV" in ax.get_ylabel()
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert ("95% upper limits" in labels) == bool(curve["is_ul"].any())
    ax.figure.savefig(tmp_path / "curve.png")
    assert min(file.stat().st_size for file in tmp_path.iterdir()) > 5000


def drawn(ax):
    """Return positions and ends of the error bars of the points and of the limits of a plot."""
    bars = {container.get_label(): container for container in ax.containers}
    for label, container in bars.items():
        segments = [np.array(lines.get_segments()) for lines in container.lines[2]]
        yield label, segments[0][:, :, 0], segments[1][:, :, 1]


def test_a_plotted_spectrum_is_that_of_the_tables(faint):
    ax, points = faint.plot_spectrum(), faint.flux_points
    is_limit = np.asarray(points["is_ul"])
    bands = np.column_stack([points["e_min"], points["e_max"]]) / 1000  # GeV
    value, limit = points["e2dnde"], points["e2dnde_ul"]
    ends = np.column_stack([value - points["e2dnde_errn"], value + points["e2dnde_errp"]])
    (label, x, y), (limit_label, limit_x, limit_y) = drawn(ax)
    assert (label, limit_label) == ("flux points, 1-sigma (68%) errors", "95% upper limits")
    assert x == pytest.approx(bands[~is_limit])
    assert y == pytest.approx(np.asarray(ends)[~is_limit])
    assert limit_x == pytest.approx(bands[is_limit])
    assert limit_y.max(axis=1) == pytest.approx(np.asarray(limit[is_limit]))  # the arrow hangs
    (line,) = [line for line in ax.lines if line.get_label() == faint.spectral_model.form]
    energy = line.get_xdata() * u.GeV
    curve = (energy**2 * faint.spectral_model(energy)).to_value("erg s-1 cm-2")
    assert line.get_ydata() == pytest.approx(curve)
    assert energy[[0, -1]].value == pytest.approx([0.05, 1000])
    low, high = faint.spectral_model.error_band(energy)
    outline = ax.collections[0].get_paths()[0].vertices
    assert outline[:, 1].max() == pytest.approx((energy**2 * high).to_value("erg s-1 cm-2").max())
    assert outline[:, 1].min() == pytest.approx((energy**2 * low).to_value("erg s-1 cm-2").min())


def test_a_plotted_light_curve_is_that_of_the_table(faint):
    ax, curve = faint.plot_light_curve(), faint.light_curve
    is_limit = np.asarray(curve["is_ul"])
    assert 0 < is_limit.sum() < len(curve)
    years = np.column_stack([curve["time_min"].decimalyear, curve["time_max"].decimalyear])
    flux = curve["flux"]
    ends = np.column_stack([flux - curve["flux_errn"], flux + curve["flux_errp"]])
    (label, x, y), (_, limit_x, limit_y) = drawn(ax)
    assert label == "flux, 1-sigma (68%) errors"
    assert x == pytest.approx(years[~is_limit])
    assert y == pytest.approx(np.asarray(ends)[~is_limit])
    assert limit_x == pytest.approx(years[is_limit])
    assert limit_y.max(axis=1) == pytest.approx(np.asarray(curve["flux_ul"][is_limit]))
    (mean,) = [line for line in ax.lines if line.get_label() == "mean flux"]
    assert mean.get_ydata()[0] == pytest.approx(np.mean(flux))


def test_titles_name_the_counterpart(quasar, faint):
    title = quasar.plot_spectrum().get_title()
    assert title == "4FGL J1256.1-0547, 3C 279 (flat-spectrum radio quasar)"
    assert faint.plot_light_curve().get_title() == "4FGL J0000.3-7355 (unassociated)"


def test_plots_take_axes_and_leave_pyplot_alone(quasar):
    had_pyplot = "matplotlib.pyplot" in sys.modules
    first, second = Figure().subplots(1, 2)
    assert quasar.plot_spectrum(ax=first) is first
    assert quasar.plot_light_curve(ax=second) is second
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot
