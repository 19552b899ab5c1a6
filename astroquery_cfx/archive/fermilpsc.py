# Licensed under a 3-clause BSD style license - see LICENSE
"""HEASARC's table fermilpsc, made from the 4FGL-DR4 catalogue that the package ships."""

import numpy as np

__all__ = ["FERMILPSC_COLUMNS", "fermilpsc_table"]

_ELLIPSE = "phys.angSize.{}axis;pos.errorEllipse"

# name at HEASARC, dtype, unit, UCD, description
FERMILPSC_COLUMNS = [
    ("name", "U", None, "meta.id;meta.main", "Source Designation (4FGL JHHMM.m+DDMM[c])"),
    ("ra", "f8", "deg", "pos.eq.ra;meta.main", "Right Ascension"),
    ("dec", "f8", "deg", "pos.eq.dec;meta.main", "Declination"),
    ("lii", "f8", "deg", "pos.galactic.lon", "Galactic Longitude"),
    ("bii", "f8", "deg", "pos.galactic.lat", "Galactic Latitude"),
    (
        "semi_major_axis_68",
        "f4",
        "deg",
        _ELLIPSE.format("smaj"),
        "Semi-Major Axis of the 68% Error Ellipse",
    ),
    (
        "semi_minor_axis_68",
        "f4",
        "deg",
        _ELLIPSE.format("smin"),
        "Semi-Minor Axis of the 68% Error Ellipse",
    ),
    (
        "position_angle_68",
        "f4",
        "deg",
        "pos.posAng;pos.errorEllipse",
        "Position Angle of the 68% Error Ellipse",
    ),
    (
        "semi_major_axis_95",
        "f4",
        "deg",
        _ELLIPSE.format("smaj"),
        "Semi-Major Axis of the 95% Error Ellipse",
    ),
    (
        "semi_minor_axis_95",
        "f4",
        "deg",
        _ELLIPSE.format("smin"),
        "Semi-Minor Axis of the 95% Error Ellipse",
    ),
    (
        "position_angle_95",
        "f4",
        "deg",
        "pos.posAng;pos.errorEllipse",
        "Position Angle of the 95% Error Ellipse",
    ),
    (
        "detection_significance",
        "f4",
        None,
        "stat.snr",
        "Source Significance in Sigma, 100 MeV to 1 TeV",
    ),
    (
        "pivot_energy",
        "f4",
        "MeV",
        "em.energy",
        "Energy at Which the Error in the Differential Flux is Minimal",
    ),
    (
        "flux_1_100_gev",
        "f4",
        "count / (s cm2)",
        "phot.count;em.gamma",
        "Integral Photon Flux, 1 to 100 GeV",
    ),
    (
        "flux_1_100_gev_error",
        "f4",
        "count / (s cm2)",
        "stat.error;phot.count;em.gamma",
        "1-Sigma (68%) Error of the Integral Photon Flux, 1 to 100 GeV",
    ),
    ("energy_flux", "f4", "erg / (s cm2)", "phot.flux;em.gamma", "Energy Flux, 100 MeV to 100 GeV"),
    (
        "energy_flux_error",
        "f4",
        "erg / (s cm2)",
        "stat.error;phot.flux;em.gamma",
        "1-Sigma (68%) Error of the Energy Flux, 100 MeV to 100 GeV",
    ),
    ("spectrum_type", "U", None, "meta.code;spect", "Spectral Type of the Best Model"),
    ("variability_index", "f4", None, "src.var", "Variability Index, One-Year Intervals"),
    ("source_type", "U", None, "src.class", "Class of the Source; Upper-Case for Identifications"),
    (
        "assoc_name",
        "U",
        None,
        "meta.id.assoc",
        "Name of the Identified or Likely Associated Source",
    ),
    (
        "assoc_prob_bayes",
        "f4",
        None,
        "stat.probability",
        "Probability of the Association, Bayesian Method",
    ),
]

_ORIGINAL_NAMES = {
    "name": "Source_Name",
    "ra": "RAJ2000",
    "dec": "DEJ2000",
    "lii": "GLON",
    "bii": "GLAT",
    "semi_major_axis_68": "Conf_68_SemiMajor",
    "semi_minor_axis_68": "Conf_68_SemiMinor",
    "position_angle_68": "Conf_68_PosAng",
    "semi_major_axis_95": "Conf_95_SemiMajor",
    "semi_minor_axis_95": "Conf_95_SemiMinor",
    "position_angle_95": "Conf_95_PosAng",
    "detection_significance": "Signif_Avg",
    "pivot_energy": "Pivot_Energy",
    "flux_1_100_gev": "Flux1000",
    "flux_1_100_gev_error": "Unc_Flux1000",
    "energy_flux": "Energy_Flux100",
    "energy_flux_error": "Unc_Energy_Flux100",
    "spectrum_type": "SpectrumType",
    "variability_index": "Variability_Index",
    "source_type": "CLASS1",
    "assoc_name": "ASSOC1",
    "assoc_prob_bayes": "ASSOC_PROB_BAY",
}


def fermilpsc_table(path=None):
    """
    Make HEASARC's ``fermilpsc`` from a 4FGL catalogue.

    Parameters
    ----------
    path : str or `~pathlib.Path`, optional
        A 4FGL FITS file as published; the part of 4FGL-DR4 that the package ships by default.

    Returns
    -------
    `~astropy.table.Table`
        In order of name; the real catalogue, so nothing in it is simulated.
    """
    from astropy.io import fits
    from astropy.table import Column, Table

    from ..fermi.shipped import shipped_catalog

    with fits.open(path or shipped_catalog()) as hdus:
        rows = hdus["LAT_Point_Source_Catalog"].data
        table = Table()
        for name, dtype, unit, ucd, description in FERMILPSC_COLUMNS:
            values = np.asarray(rows[_ORIGINAL_NAMES[name]])
            if dtype == "U":
                values = np.char.rstrip(values.astype("U"))
            else:
                values = values.astype(dtype)
            table[name] = Column(values, unit=unit, description=description, meta={"ucd": ucd})
    table.meta["description"] = "Fermi LAT 14-Year Point Source Catalog (4FGL-DR4)"
    return table[np.argsort(table["name"], kind="stable")]
