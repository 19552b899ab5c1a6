# Licensed under a 3-clause BSD style license - see LICENSE
"""What HEASARC says of columns and tables by their names, for files that do not say it themselves."""

from .catalogue import ColumnInfo
from .columns import HEASARC_UNITS
from .fermilpsc import FERMILPSC_COLUMNS
from .sky.columns import CHANMASTER_COLUMNS, CSC_COLUMNS

__all__ = ["default_columns", "default_radius", "known_columns", "known_description"]

_DATATYPES = {"U": "char", "f8": "double", "f4": "float", "i4": "int", "i2": "short"}
_PRECISION = {
    "csc": {
        "ra": "F6",
        "dec": "F6",
        "significance": "E3",
        "error_ellipse_r0": "F5",
        "error_ellipse_r1": "F5",
        "error_ellipse_angle": "F3",
        "hardness_ratio_hs": "E2",
        "hardness_ratio_hm": "E2",
        "b_flux_ap": "E2",
        "b_flux_ap_lo": "E2",
        "b_flux_ap_hi": "E2",
        "m_flux_ap": "E2",
        "m_flux_ap_lo": "E2",
        "m_flux_ap_hi": "E2",
    },
}
_WIDTH = {"csc": {"error_ellipse_r0": "7", "error_ellipse_r1": "7", "error_ellipse_angle": "7"}}
_COLUMNS = {"csc": CSC_COLUMNS, "chanmaster": CHANMASTER_COLUMNS, "fermilpsc": FERMILPSC_COLUMNS}
_DESCRIPTIONS = {
    "csc": "Chandra Source Catalog",
    "chanmaster": "Chandra Observations",
    "fermilpsc": "Fermi LAT 14-Year Point Source Catalog (4FGL-DR4)",
}
_DEFAULTS = {
    "csc": "name ra dec b_flux_ap b_flux_ap_lo b_flux_ap_hi m_flux_ap m_flux_ap_lo m_flux_ap_hi significance",
    "chanmaster": "obsid status name ra dec time detector grating exposure type pi public_date",
    "fermilpsc": "name ra dec lii bii semi_major_axis_95 semi_minor_axis_95 position_angle_95 "
    "flux_1_100_gev energy_flux source_type assoc_name",
}
_RADII = {"csc": 1.0, "chanmaster": 21.0, "fermilpsc": 60.0}


def known_columns(table):
    """ColumnInfo by name of the columns of HEASARC's table of that name; empty for unknown tables."""
    precision, width = _PRECISION.get(table, {}), _WIDTH.get(table, {})
    return {
        name: ColumnInfo(
            name,
            _DATATYPES[dtype],
            HEASARC_UNITS.get(unit, unit or ""),
            ucd or "",
            description,
            precision.get(name, ""),
            width.get(name, ""),
        )
        for name, dtype, unit, ucd, description in _COLUMNS.get(table, ())
    }


def known_description(table):
    """What HEASARC calls the table, or ''."""
    return _DESCRIPTIONS.get(table, "")


def default_columns(table, names):
    """The columns that HEASARC shows when none are named; all for tables that it does not have."""
    wanted = _DEFAULTS.get(table, "").split()
    return [name for name in wanted if name in names] or list(names)


def default_radius(table):
    """Default radius of a search around a position, arcmin."""
    return _RADII.get(table, 5.0)
