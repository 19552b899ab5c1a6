# Licensed under a 3-clause BSD style license - see LICENSE
"""One source of the catalogue as an object."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from ..classes import class_group, class_name, is_identified
from ..flags import flag_names
from .points import flux_points, light_curve, time_edges
from .spectral_model import spectral_model

__all__ = ["ExtendedModel", "FermiSource", "read_source"]

_ASSOCIATIONS = {
    "ASSOC1": "counterpart",
    "ASSOC2": "other counterpart or name",
    "ASSOC_TEV": "TeVCat",
    "ASSOC_4FGL": "4FGL, earlier releases",
    "ASSOC_FGL": "earlier FGL",
    "ASSOC_FHL": "FHL",
    "ASSOC_GAM": "earlier catalogues",
    "ASSOC_GAM1": "2AGL",
    "ASSOC_GAM2": "3EG",
    "ASSOC_GAM3": "EGR",
    "Extended_Source_Name": "extended source",
}


class ExtendedModel(NamedTuple):
    """
    Template of an extended source, from the extension ExtendedSources.

    Parameters
    ----------
    name : str
        Of the extended source.
    form : str
        Disk, Ring, 2D Gaussian or Map.
    position : `~astropy.coordinates.SkyCoord`
        Its centre.
    semi_major, semi_minor : `~astropy.units.Quantity`
        Radius of a disk, outer radius of a ring, 68% containment radius of a Gaussian, extent of a map.
    position_angle : `~astropy.units.Quantity`
        Of the major axis, east of north.
    function, filename : str
        Spatial function, and file of a map, of the Fermitools.
    """

    name: str
    form: str
    position: SkyCoord
    semi_major: u.Quantity
    semi_minor: u.Quantity
    position_angle: u.Quantity
    function: str
    filename: str


class FermiSource:
    """
    One source of a 4FGL catalogue; made by `~astroquery_cfx.Fermi4FGLClass.get_source`.

    Parameters
    ----------
    table : `~astropy.table.Table`
        One row of the catalogue.
    extended : `~astropy.table.Table`
        The row of the extension ExtendedSources; without rows for a point source.
    energy_edges : `~astropy.units.Quantity` or None
        Edges of the bands of the flux points.
    time_edges : dict
        ``''`` and ``'2'`` -> edges of the intervals of the light curves of years and of two months,
        `~astropy.time.Time`.

    Examples
    --------
    >>> from astroquery_cfx import Fermi4FGL
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> source = Fermi4FGL.get_source("3C 279", path=shipped_catalog())
    >>> source.name, source.class_name, source.identified
    ('4FGL J1256.1-0547', 'flat-spectrum radio quasar', True)
    >>> source.data["Energy_Flux100"]
    <Quantity 4.2302e-10 erg / (s cm2)>
    """

    def __init__(self, table, extended, energy_edges=None, time_edges=None):
        self._table = table
        self._extended = extended
        self._energy_edges = energy_edges
        self._time_edges = time_edges or {}

    @property
    def name(self):
        """Name of the source: ``'4FGL J1256.1-0547'``."""
        return str(self._table["Source_Name"][0])

    @property
    def release(self):
        """Release of the catalogue: ``'DR4'``."""
        return self._table.meta["release"]

    @cached_property
    def data(self):
        """Its row: name -> Quantity, int or str; NaN and empty strings for what is masked."""
        return {column.name: _plain(column) for column in self._table.itercols()}

    @cached_property
    def position(self):
        """Position, `~astropy.coordinates.SkyCoord` (ICRS)."""
        return SkyCoord(_double(self.data["RAJ2000"]), _double(self.data["DEJ2000"]))

    @property
    def counterpart(self):
        """Position of the counterpart ASSOC1, `~astropy.coordinates.SkyCoord`; None without one."""
        if not np.isfinite(self.data["RA_Counterpart"]):
            return None
        return SkyCoord(self.data["RA_Counterpart"], self.data["DEC_Counterpart"])

    @property
    def error_ellipse(self):
        """
        The 95% error ellipse, `~astroquery_cfx.ErrorEllipse`; None where the position was not fitted.

        Its method ``scaled(0.68)`` gives the ellipse of another containment.
        """
        from ...crossmatch import ErrorEllipse

        major, minor, angle = (
            _double(self.data[f"Conf_95_{axis}"]) for axis in ("SemiMajor", "SemiMinor", "PosAng")
        )
        return ErrorEllipse(major, minor, angle, containment=0.95) if np.isfinite(major) else None

    @cached_property
    def extended_model(self):
        """Template of an extended source, `ExtendedModel`; None for a point source."""
        if not len(self._extended):
            return None
        entry = {column.name: _plain(column) for column in self._extended.itercols()}
        return ExtendedModel(
            entry["Source_Name"],
            entry["Model_Form"],
            SkyCoord(_double(entry["RAJ2000"]), _double(entry["DEJ2000"])),
            entry["Model_SemiMajor"],
            entry["Model_SemiMinor"],
            entry["Model_PosAng"],
            entry.get("Spatial_Function", ""),
            entry.get("Spatial_Filename", ""),
        )

    @cached_property
    def spectral_model(self):
        """Best spectrum, `~astroquery_cfx.fermi.source.spectral_model.SpectralModel`: a callable of energy."""
        return spectral_model(self._table)

    def fitted_model(self, spectrum_type):
        """
        The fit of another spectrum than the best one.

        Parameters
        ----------
        spectrum_type : str
            PowerLaw, LogParabola or PLSuperExpCutoff.

        Returns
        -------
        `~astroquery_cfx.fermi.source.spectral_model.SpectralModel`
            A callable of energy.

        Raises
        ------
        InvalidInputError
            If the source was not fitted with it.
        """
        return spectral_model(self._table, spectrum_type=spectrum_type)

    @property
    def class_name(self):
        """Class of the counterpart in words."""
        return class_name(self._class)

    @property
    def class_group(self):
        """Galactic, extragalactic, unknown or unassociated."""
        return class_group(self._class)

    @property
    def identified(self):
        """Whether the counterpart is identified, and not only associated."""
        return is_identified(self._class)

    @property
    def _class(self):
        return self.data.get("CLASS1", "")

    @property
    def flags(self):
        """Names of the analysis flags that are set; see `~astroquery_cfx.fermi.flags.AnalysisFlag`."""
        return flag_names(self.data["Flags"])

    @property
    def associations(self):
        """All other names of the source: a table of ``name``, ``kind`` and ``column``."""
        rows = [
            (self.data[column], kind, column)
            for column, kind in _ASSOCIATIONS.items()
            if self.data.get(column)
        ]
        table = Table(rows=rows or None, names=["name", "kind", "column"], dtype=[str, str, str])
        table.meta["probability"] = {
            method: float(self.data[f"ASSOC_PROB_{method}"])
            for method in ("BAY", "LR")
            if np.isfinite(self.data.get(f"ASSOC_PROB_{method}", np.nan))
        }
        return table

    @cached_property
    def flux_points(self):
        """
        Spectral energy distribution in the catalogue's bands.

        A table of e_min, e_max, e_ref (MeV), flux (ph cm-2 s-1) and e2dnde (erg cm-2 s-1) with their 1-sigma
        (68%) errors ``_errn`` and ``_errp`` and 95% upper limits ``_ul``, sqrt_ts and is_ul. Points
        compatible with zero (TS < 1) are upper limits: they have no lower error.
        """
        return flux_points(self._table, self._energy_edges)

    @cached_property
    def light_curve(self):
        """
        Photon flux in each year.

        A table of time_min, time_max (`~astropy.time.Time`), flux (ph cm-2 s-1), its 1-sigma (68%) errors
        ``flux_errn`` and ``flux_errp``, 95% upper limits ``flux_ul``, sqrt_ts and is_ul, as in `flux_points`.
        The energy band is in ``meta``.
        """
        return light_curve(self._table, "", self._time_edges.get(""))

    @property
    def light_curve_two_months(self):
        """As `light_curve`, in intervals of two months: DR1 only."""
        return light_curve(self._table, "2", self._time_edges.get("2"))

    def plot_spectrum(self, *, ax=None):
        """
        Plot the flux points and the best spectrum with its 1-sigma (68%) band.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`, optional
            Where to plot. A new figure, if None.

        Returns
        -------
        `~matplotlib.axes.Axes`
            E**2 dN/dE (erg / (s cm2)) by energy (GeV). Upper limits (95%) are arrows.
        """
        from .plots import plot_spectrum

        return plot_spectrum(self, ax=ax)

    def plot_light_curve(self, *, ax=None):
        """
        Plot the light curve of years.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`, optional
            Where to plot. A new figure, if None.

        Returns
        -------
        `~matplotlib.axes.Axes`
            Photon flux (s-1 cm-2) by year. Upper limits (95%) are arrows.
        """
        from .plots import plot_light_curve

        return plot_light_curve(self, ax=ax)

    def to_gammapy(self):
        """
        The source as a model of gammapy.

        Returns
        -------
        `gammapy.modeling.models.SkyModel`
            The spectrum with the errors of its parameters, and a point, disk or Gaussian on the sky. A ring
            or a map has no spatial model, and a warning says so: its template is not in the catalogue.

        Raises
        ------
        MissingDependencyError
            If gammapy is not installed.
        """
        from .gammapy import sky_model

        return sky_model(self)

    def summary(self):
        """
        What is known of the source, in words.

        Returns
        -------
        dict
            What -> text.
        """
        from .summary import summarize

        return summarize(self)

    def __repr__(self):
        return f"<FermiSource {self.name} ({self.release})>"

    def __str__(self):
        from .summary import as_text

        return as_text(self)

    def _repr_html_(self):
        from .summary import as_html

        return as_html(self)


def read_source(catalog, row):
    """
    Read one source, with what the other extensions say of it.

    Parameters
    ----------
    catalog : `~astroquery_cfx.fermi.catalog.CatalogFile`
        The file.
    row : int
        Which source.

    Returns
    -------
    `FermiSource`
        The source.
    """
    table = catalog.read(rows=[row])
    table.meta["light_curve_band"] = catalog.energy_band("Flux_History")
    present = catalog.extension_names()
    extended = (
        catalog.read_extension("ExtendedSources") if "ExtendedSources" in present else Table()
    )
    if len(extended):
        name = np.ma.filled(np.ma.asarray(table["Extended_Source_Name"]), "")[0]
        extended = extended[np.asarray(extended["Source_Name"] == name)]
    energies = None
    if "EnergyBounds" in present:
        bounds = catalog.read_extension("EnergyBounds")
        energies = np.unique([bounds["LowerEnergy"], bounds["UpperEnergy"]]) * u.MeV
    return FermiSource(table, extended, energies, _time_edges(catalog, table))


def _time_edges(catalog, table):
    """Edges of the intervals of the light curves that the file has."""
    edges = {}
    for number in ("", "2"):
        extension, column = f"Hist{number}_Start", f"Flux{number}_History"
        if extension in catalog.extension_names() and column in table.colnames:
            starts = catalog.read_extension(extension)
            starts = starts[starts.colnames[0]]
            edges[number] = time_edges(starts, table[column].shape[1], catalog.sources.header)
    return edges


def _double(angle):
    """In double precision: separations of float32 positions would be rounded."""
    return angle.astype(float)


def _plain(column):
    """The first entry of a column: Quantity, int or str."""
    value = column[0]
    if column.dtype.kind == "U":
        return "" if np.ma.is_masked(value) else str(value)
    if column.dtype.kind in "iub":
        return 0 if value is np.ma.masked else int(value)
    value = np.ma.filled(np.ma.asarray(value, dtype=column.dtype), np.nan)
    return u.Quantity(value, column.unit or u.dimensionless_unscaled, dtype=value.dtype)
