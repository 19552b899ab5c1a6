# Licensed under a 3-clause BSD style license - see LICENSE
"""The columns of the 4FGL catalogues: one set of names, units and descriptions for all releases.

Pure data. The names are those of 4FGL-DR4. What the columns hold is told by
Table 12 of Abdollahi et al. 2020 (ApJS 247, 33) and Table 6 of Abdollahi et al.
2022 (ApJS 260, 53).
"""

__all__ = [
    "COLUMNS",
    "OTHER_COLUMNS",
    "REGION_COLUMNS",
    "RENAMED",
    "SHIPPED_COLUMNS",
    "UCDS",
    "column_description",
]

_PHOTONS = "ph cm-2 s-1"
_ENERGY = "erg cm-2 s-1"
_DENSITY = "ph cm-2 MeV-1 s-1"
_ONE_SIGMA = "1-sigma (68%) uncertainty of"
_ELLIPSE = "of the {0}% containment error ellipse of the position, masked where it was not fitted"
_BOTH_ERRORS = (
    "Lower and upper 1-sigma (68%) error of {0}; where it is compatible with 0 (TS < 1) the "
    "lower one is masked, and {0} plus twice the upper one is the 95% upper limit"
)
_PLEC2 = (
    "dN/dE = K (E/E0)^-Index exp(Expfactor (E0^Exp_Index - E^Exp_Index)), E in MeV: "
    "PLSuperExpCutoff2, of DR1 and DR2"
)
_PLEC4 = (
    "dN/dE = K (E/E0)^(-IndexS + ExpfactorS/Exp_Index) exp(ExpfactorS/Exp_Index^2 "
    "(1 - (E/E0)^Exp_Index)): PLSuperExpCutoff4, since DR3"
)


def _ellipse(containment):
    """Columns of the error ellipse of one containment."""
    prefix, text = f"Conf_{containment}", _ELLIPSE.format(containment)
    return {
        f"{prefix}_SemiMajor": ("deg", f"Semi-major axis {text}"),
        f"{prefix}_SemiMinor": ("deg", f"Semi-minor axis {text}"),
        f"{prefix}_PosAng": ("deg", f"Position angle of the major axis, east of north, {text}"),
    }


def _fitted(name, unit, description):
    """Columns of a value and of its uncertainty."""
    return {name: (unit, description), f"Unc_{name}": (unit, f"{_ONE_SIGMA} {name}")}


# name: (unit or None, description), in the order of DR4
COLUMNS = {
    "Source_Name": (
        None,
        "Name of the source, 4FGL JHHMM.m+DDMM (FL16Y JHHMM.m+DDMM); at its end c: "
        "confused with diffuse emission, e: extended, i and s: parts of the Crab nebula",
    ),
    "DataRelease": (
        None,
        "Release that the source is first listed in: 1 (8 years), 2 (10), 3 (12), 4 (14)",
    ),
    "RAJ2000": ("deg", "Right ascension, J2000"),
    "DEJ2000": ("deg", "Declination, J2000"),
    "GLON": ("deg", "Galactic longitude"),
    "GLAT": ("deg", "Galactic latitude"),
    **_ellipse(68),
    **_ellipse(95),
    "ROI_num": (
        None,
        "Number of the region of interest (extension ROIs) that the source was fitted in",
    ),
    "Extended_Source_Name": (
        None,
        "Name in the extension ExtendedSources; masked for point sources",
    ),
    "Signif_Avg": (None, "Significance of the source over 100 MeV to 1 TeV, in Gaussian sigma"),
    "Pivot_Energy": (
        "MeV",
        "Energy at which the error of the differential flux is least: E0 of the spectra",
    ),
    **_fitted("Flux1000", _PHOTONS, "Integral photon flux from 1 to 100 GeV"),
    **_fitted("Energy_Flux100", _ENERGY, "Energy flux from 100 MeV to 100 GeV"),
    "SpectrumType": (
        None,
        "Spectral model of the source: PowerLaw, LogParabola or PLSuperExpCutoff",
    ),
    **_fitted("PL_Flux_Density", _DENSITY, "Differential flux at Pivot_Energy, power law"),
    **_fitted("PL_Index", None, "Photon index of the power law: dN/dE = K (E/E0)^-Index"),
    **_fitted("LP_Flux_Density", _DENSITY, "Differential flux at Pivot_Energy, log-parabola"),
    **_fitted(
        "LP_Index",
        None,
        "Photon index of the log-parabola at Pivot_Energy: "
        "dN/dE = K (E/E0)^(-Index - beta ln(E/E0))",
    ),
    **_fitted("LP_beta", None, "Curvature beta of the log-parabola"),
    "LP_SigCurv": (
        None,
        "Significance of the curvature, log-parabola against power law, in Gaussian sigma",
    ),
    **_fitted("LP_EPeak", "MeV", "Energy of the peak of nu F_nu, log-parabola"),
    **_fitted(
        "PLEC_Flux_Density", _DENSITY, "Differential flux at Pivot_Energy, super-exponential cutoff"
    ),
    **_fitted("PLEC_IndexS", None, f"Local photon index at Pivot_Energy; {_PLEC4}"),
    **_fitted("PLEC_ExpfactorS", None, f"Local curvature at Pivot_Energy; {_PLEC4}"),
    **_fitted(
        "PLEC_Exp_Index", None, "Exponential index of the power law with super-exponential cutoff"
    ),
    "PLEC_SigCurv": (
        None,
        "Significance of the curvature, super-exponential cutoff against power law, in "
        "Gaussian sigma",
    ),
    **_fitted(
        "PLEC_EPeak",
        "MeV",
        "Energy of the peak of nu F_nu, power law with super-exponential cutoff",
    ),
    "Npred": (None, "Number of events that the model predicts"),
    "Flux_Band": (_PHOTONS, "Integral photon flux in each band (extension EnergyBounds)"),
    "Unc_Flux_Band": (_PHOTONS, _BOTH_ERRORS.format("Flux_Band")),
    "nuFnu_Band": (_ENERGY, "Spectral energy distribution nu F_nu in each band"),
    "Sqrt_TS_Band": (None, "Square root of the test statistic in each band"),
    "Variability_Index": (
        None,
        "Twice the sum of the log-likelihood differences between the flux fitted in "
        "each interval of the light curve and the average flux",
    ),
    **_fitted("Frac_Variability", None, "Fractional variability from year to year"),
    "Signif_Peak": (None, "Significance in the interval of the highest flux, in Gaussian sigma"),
    **_fitted(
        "Flux_Peak", _PHOTONS, "Highest integral photon flux in an interval of the light curve"
    ),
    "Time_Peak": ("s", "Centre of the interval of the highest flux, mission elapsed time"),
    "Peak_Interval": ("s", "Length of the interval of the highest flux"),
    "Flux_History": (
        _PHOTONS,
        "Integral photon flux in each interval of time (extension Hist_Start)",
    ),
    "Unc_Flux_History": (_PHOTONS, _BOTH_ERRORS.format("Flux_History")),
    "Sqrt_TS_History": (
        None,
        "Square root of the test statistic in each interval of the light curve",
    ),
    "ASSOC_4FGL": (None, "Name of the source in the earlier releases of 4FGL"),
    "ASSOC_FGL": (None, "Most recent associated source of the earlier FGL catalogues"),
    "ASSOC_FHL": (None, "Most recent associated source of the FHL catalogues"),
    "ASSOC_GAM1": (None, "Associated source of the 2AGL catalogue (AGILE)"),
    "ASSOC_GAM2": (None, "Associated source of the 3EG catalogue (EGRET)"),
    "ASSOC_GAM3": (None, "Associated source of the EGR catalogue (EGRET)"),
    "TEVCAT_FLAG": (None, "P: point-like counterpart in TeVCat, E: extended one, N: none"),
    "ASSOC_TEV": (None, "Name of the counterpart in TeVCat"),
    "CLASS1": (None, "Class of the counterpart ASSOC1: capitals identified, lower case associated"),
    "CLASS2": (None, "Class of the other counterpart ASSOC2"),
    "ASSOC1": (None, "Name of the identified or likely associated counterpart"),
    "ASSOC2": (None, "Other name of the counterpart, or another counterpart"),
    "ASSOC_PROB_BAY": (None, "Probability of the association, Bayesian method"),
    "ASSOC_PROB_LR": (None, "Probability of the association, likelihood-ratio method"),
    "RA_Counterpart": ("deg", "Right ascension of the counterpart ASSOC1, J2000"),
    "DEC_Counterpart": ("deg", "Declination of the counterpart ASSOC1, J2000"),
    "Unc_Counterpart": ("deg", "95% containment radius of the position of the counterpart"),
    "Flags": (None, "Analysis flags: bit n, worth 2^(n-1), is set where check n failed"),
}

# Columns that DR4 does not have.
OTHER_COLUMNS = {
    "PriorSigma_Band": "Width of the prior on Flux_Band; masked where there was none (FL16Y)",
    "ASSOC_GAM": "Associated source of an earlier gamma-ray catalogue (preliminary files of DR1)",
    "Variability2_Index": "As Variability_Index, for intervals of two months (DR1)",
    "Frac2_Variability": "Fractional variability from two months to two months (DR1)",
    "Unc_Frac2_Variability": f"{_ONE_SIGMA} Frac2_Variability",
    "Signif2_Peak": "Significance in the two months of the highest flux, in Gaussian sigma (DR1)",
    "Flux2_Peak": "Highest integral photon flux in two months (DR1)",
    "Unc_Flux2_Peak": f"{_ONE_SIGMA} Flux2_Peak",
    "Time2_Peak": "Centre of the two months of the highest flux, mission elapsed time (DR1)",
    "Peak2_Interval": "Length of the interval of the highest flux (DR1)",
    "Flux2_History": "Integral photon flux in each two months (extension Hist2_Start; DR1)",
    "Unc_Flux2_History": _BOTH_ERRORS.format("Flux2_History"),
    "Sqrt_TS2_History": "Square root of the test statistic in each two months (DR1)",
}

# Made here of the error ellipse and of the extension ExtendedSources.
_REGION = (
    "of the region of the source: its 95% containment error ellipse, or the template of an extended "
    "source (disk radius, outer ring radius, 68% containment radius of a Gaussian, extent of a map)"
)
REGION_COLUMNS = {
    "Region_SemiMajor": ("deg", f"Semi-major axis {_REGION}"),
    "Region_SemiMinor": ("deg", f"Semi-minor axis {_REGION}"),
    "Region_PosAng": ("deg", f"Position angle of the major axis, east of north, {_REGION}"),
    "Region_Kind": (
        None,
        "ellipse: the region is the 95% containment error ellipse; template: it is that of "
        "an extended source; masked: there is neither",
    ),
}

# Canonical names of what older releases call otherwise.
RENAMED = {
    "CLASS": "CLASS1",
    "nuFnu": "nuFnu_Band",
    "PLEC_Index": "PLEC_IndexS",
    "Unc_PLEC_Index": "Unc_PLEC_IndexS",
    "PLEC_Expfactor": "PLEC_ExpfactorS",
    "Unc_PLEC_Expfactor": "Unc_PLEC_ExpfactorS",
}

# The older columns mean something else: the description must say so, the name cannot.
_RENAMED_DESCRIPTIONS = {
    "PLEC_Index": f"Low-energy photon index, not the local one of later releases; {_PLEC2}",
    "Unc_PLEC_Index": f"{_ONE_SIGMA} PLEC_Index, the low-energy photon index",
    "PLEC_Expfactor": f"Exponential factor in MeV^-Exp_Index, not the local curvature; {_PLEC2}",
    "Unc_PLEC_Expfactor": f"{_ONE_SIGMA} PLEC_Expfactor, in MeV^-Exp_Index",
}

# The files name no UCD. These say which of the positions is the one to match by.
UCDS = {
    "Source_Name": "meta.id;meta.main",
    "RAJ2000": "pos.eq.ra;meta.main",
    "DEJ2000": "pos.eq.dec;meta.main",
    "GLON": "pos.galactic.lon",
    "GLAT": "pos.galactic.lat",
}

# What the package ships of 4FGL-DR4: the columns that the job and the simulated sky use.
SHIPPED_COLUMNS = (
    "Source_Name",
    "DataRelease",
    "RAJ2000",
    "DEJ2000",
    "GLON",
    "GLAT",
    "Conf_68_SemiMajor",
    "Conf_68_SemiMinor",
    "Conf_68_PosAng",
    "Conf_95_SemiMajor",
    "Conf_95_SemiMinor",
    "Conf_95_PosAng",
    "Extended_Source_Name",
    "Signif_Avg",
    "Pivot_Energy",
    "Flux1000",
    "Unc_Flux1000",
    "Energy_Flux100",
    "Unc_Energy_Flux100",
    "SpectrumType",
    "Variability_Index",
    "CLASS1",
    "CLASS2",
    "ASSOC1",
    "ASSOC2",
    "ASSOC_PROB_BAY",
    "RA_Counterpart",
    "DEC_Counterpart",
    "Unc_Counterpart",
    "Flags",
)


def column_description(name):
    """
    Say what a column of the catalogue holds.

    Parameters
    ----------
    name : str
        Name of the column, in the file.

    Returns
    -------
    str
        Empty for a column that is not known.

    Examples
    --------
    >>> from astroquery_cfx.fermi.columns import column_description
    >>> column_description("Conf_95_SemiMinor")[:43]
    'Semi-minor axis of the 95% containment erro'
    """
    if name in _RENAMED_DESCRIPTIONS:
        return _RENAMED_DESCRIPTIONS[name]
    if name in OTHER_COLUMNS:
        return OTHER_COLUMNS[name]
    return COLUMNS.get(RENAMED.get(name, name), (None, ""))[1]
