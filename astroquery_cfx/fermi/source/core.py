# Licensed under a 3-clause BSD style license - see LICENSE
"""One source of the catalogue as an object."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

from ...arrays import to_floats, to_texts
from ...crossmatch import ErrorEllipse
from ..catalog import CatalogFile
from ..classes import class_group, class_name, flag_names, is_identified
from .gammapy import sky_model
from .plots import plot_light_curve, plot_spectrum
from .points import flux_points, light_curve, time_edges
from .spectral_model import SpectralModel, spectral_model
from .summary import as_html, as_text, summarize

if TYPE_CHECKING:  # slow to load
    from gammapy.modeling.models import SkyModel
    from matplotlib.axes import Axes

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
    Spatial template of an extended source, from the extension ExtendedSources.

    Parameters
    ----------
    name : str
        Name of the extended source.
    form : str
        Disk, Ring, 2D Gaussian or Map.
    position : `~astropy.coordinates.SkyCoord`
        Centre of the template.
    semi_major, semi_minor : `~astropy.units.Quantity`
        Radius of a disk, outer radius of a ring, 68% containment radius of a Gaussian, extent of a
        map, in degrees.
    position_angle : `~astropy.units.Quantity`
        Position angle of the major axis, east of north, in degrees.
    function, filename : str
        Spatial function of the Fermitools, and the file of a map.
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
    One source of a 4FGL catalogue, from `~astroquery_cfx.Fermi4FGLClass.get_source`.

    Parameters
    ----------
    table : `~astropy.table.Table`
        One row of the catalogue.
    extended : `~astropy.table.Table`
        The row of the extension ExtendedSources; without rows for a point source.
    energy_edges : `~astropy.units.Quantity` or None
        Edges of the bands of the flux points.
    time_edges : dict
        ``''`` and ``'2'`` -> edges (`~astropy.time.Time`) of the intervals of the light curves of
        years and of two months.

    Examples
    --------
    >>> from astroquery_cfx.fermi import Fermi4FGL, shipped_catalog
    >>> source = Fermi4FGL.get_source("3C 279", path=shipped_catalog())
    >>> source.name, source.class_name, source.identified
    ('4FGL J1256.1-0547', 'flat-spectrum radio quasar', True)
    >>> source.data["Energy_Flux100"]
    <Quantity 4.2302e-10 erg / (s cm2)>
    """

    def __init__(
        self,
        table: Table,
        extended: Table,
        energy_edges: u.Quantity | None = None,
        time_edges: dict[str, Time] | None = None,
    ):
        self._table = table
        self._extended = extended
        self._energy_edges = energy_edges
        self._time_edges = time_edges or {}

    @property
    def name(self) -> str:
        """Name of the source: ``'4FGL J1256.1-0547'``."""
        return str(self._table["Source_Name"][0])

    @property
    def release(self) -> str:
        """Release of the catalogue: ``'DR4'``."""
        return self._table.meta["release"]

    @cached_property
    def data(self) -> dict[str, Any]:
        """Its row: name -> Quantity, int or str; NaN, 0 and empty strings for what is masked."""
        return _first_row(self._table)

    @cached_property
    def position(self) -> SkyCoord:
        """Position, `~astropy.coordinates.SkyCoord` (ICRS)."""
        return _position(self.data)

    @property
    def counterpart(self) -> SkyCoord | None:
        """Position of the counterpart ASSOC1, `~astropy.coordinates.SkyCoord`; None without one."""
        if not np.isfinite(self.data["RA_Counterpart"]):
            return None
        return SkyCoord(self.data["RA_Counterpart"], self.data["DEC_Counterpart"])

    @property
    def error_ellipse(self) -> ErrorEllipse | None:
        """
        The 95% error ellipse, `~astroquery_cfx.ErrorEllipse`; None if the position was not fitted.

        Its method ``scaled(0.68)`` gives the ellipse of another containment.
        """
        major, minor, angle = (
            self.data[f"Conf_95_{axis}"].astype(float)
            for axis in ("SemiMajor", "SemiMinor", "PosAng")
        )
        return ErrorEllipse(major, minor, angle, containment=0.95) if np.isfinite(major) else None

    @cached_property
    def extended_model(self) -> ExtendedModel | None:
        """Template of an extended source, `ExtendedModel`; None for a point source."""
        if not len(self._extended):
            return None
        row = _first_row(self._extended)
        axes = (row[f"Model_{axis}"] for axis in ("SemiMajor", "SemiMinor", "PosAng"))
        files = (row.get(f"Spatial_{name}", "") for name in ("Function", "Filename"))
        return ExtendedModel(row["Source_Name"], row["Model_Form"], _position(row), *axes, *files)

    @cached_property
    def spectral_model(self) -> SpectralModel:
        """Best spectrum, a `~astroquery_cfx.fermi.source.spectral_model.SpectralModel`."""
        return spectral_model(self._table)

    def fitted_model(self, spectrum_type: str) -> SpectralModel:
        """
        Return the fit of another spectrum than the best one.

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
    def class_name(self) -> str:
        """Class of the counterpart in words."""
        return class_name(self.data.get("CLASS1", ""))

    @property
    def class_group(self) -> str:
        """Galactic, extragalactic, unknown or unassociated."""
        return class_group(self.data.get("CLASS1", ""))

    @property
    def identified(self) -> bool:
        """Whether the source is identified with its counterpart, not just associated."""
        return is_identified(self.data.get("CLASS1", ""))

    @property
    def flags(self) -> list[str]:
        """Names of its analysis flags, see `~astroquery_cfx.fermi.classes.AnalysisFlag`."""
        return flag_names(self.data["Flags"])

    @property
    def associations(self) -> Table:
        """
        Other names of the source: a table of ``name``, ``kind`` and ``column``.

        ``meta["probability"]`` has the probabilities of the association of ASSOC1, by the Bayesian
        (``'BAY'``) and the likelihood-ratio method (``'LR'``), where they are known.
        """
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
    def flux_points(self) -> Table:
        """
        Spectral energy distribution in the catalogue's bands.

        A table of e_min, e_max, e_ref (MeV), flux (ph cm-2 s-1) and e2dnde (erg cm-2 s-1) with
        their 1-sigma (68%) errors ``_errn`` and ``_errp`` and 95% upper limits ``_ul``, sqrt_ts and
        is_ul. Points compatible with zero (TS < 1) are upper limits: they have no lower error.
        """
        return flux_points(self._table, self._energy_edges)

    @cached_property
    def light_curve(self) -> Table:
        """
        Photon flux in each year.

        A table of time_min, time_max (`~astropy.time.Time`), flux (ph cm-2 s-1), its 1-sigma (68%)
        errors ``flux_errn`` and ``flux_errp``, 95% upper limits ``flux_ul``, sqrt_ts and is_ul, as
        in `flux_points`. The energy band is in ``meta``.
        """
        return light_curve(self._table, "", self._time_edges.get(""))

    @property
    def light_curve_two_months(self) -> Table:
        """As `light_curve`, in intervals of two months: DR1 only."""
        return light_curve(self._table, "2", self._time_edges.get("2"))

    def plot_spectrum(self, *, ax: "Axes | None" = None) -> "Axes":
        """
        Plot the flux points and the best spectrum with its 1-sigma (68%) band.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`, optional
            Axes to plot into. Those of a new figure, if None.

        Returns
        -------
        `~matplotlib.axes.Axes`
            E**2 dN/dE (erg / (s cm2)) against energy (GeV), both logarithmic. Upper limits (95%)
            are arrows.
        """
        return plot_spectrum(self, ax=ax)

    def plot_light_curve(self, *, ax: "Axes | None" = None) -> "Axes":
        """
        Plot the light curve of years, and the mean of their fluxes.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`, optional
            Axes to plot into. Those of a new figure, if None.

        Returns
        -------
        `~matplotlib.axes.Axes`
            Photon flux (s-1 cm-2) against year. Upper limits (95%) are arrows, and count in the
            mean with their best fit.
        """
        return plot_light_curve(self, ax=ax)

    def to_gammapy(self) -> "SkyModel":
        """
        Return the source as a model of gammapy.

        Returns
        -------
        `gammapy.modeling.models.SkyModel`
            The spectrum with the errors of its parameters, and a point, disk or Gaussian on the
            sky. A ring or a map has no spatial model, and a warning says so: its template is not in
            the catalogue.

        Raises
        ------
        MissingDependencyError
            If gammapy is not installed.
        """
        return sky_model(self)

    def summary(self) -> dict[str, str]:
        """
        Return what is known of the source, in words.

        Returns
        -------
        dict
            Label -> text, as in ``print(source)``.
        """
        return summarize(self)

    def __repr__(self):
        return f"<FermiSource {self.name} ({self.release})>"

    def __str__(self):
        return as_text(self)

    def _repr_html_(self):
        return as_html(self)


def read_source(catalog: CatalogFile, row: int) -> FermiSource:
    """Read the source in a row of a catalogue, with what the other extensions have on it."""
    table = catalog.read(rows=[row])
    table.meta["light_curve_band"] = catalog.energy_band("Flux_History")
    present = catalog.extension_names()
    extended, energies, times = Table(), None, {}
    if "ExtendedSources" in present:
        extended = catalog.read_extension("ExtendedSources")
        name = to_texts(table["Extended_Source_Name"])[0]
        extended = extended[to_texts(extended["Source_Name"]) == name]
    if "EnergyBounds" in present:
        bounds = catalog.read_extension("EnergyBounds")
        energies = np.unique([bounds["LowerEnergy"], bounds["UpperEnergy"]]) * u.MeV
    for number in ("", "2"):
        extension, column = f"Hist{number}_Start", f"Flux{number}_History"
        if extension in present and column in table.colnames:
            starts = catalog.read_extension(extension)
            intervals = table[column].shape[1]
            times[number] = time_edges(starts.columns[0], intervals, catalog.sources.header)
    return FermiSource(table, extended, energies, times)


def _first_row(table: Table) -> dict[str, Any]:
    """Return a row: name -> Quantity, int or str; NaN, 0 and empty strings for what is masked."""
    row: dict[str, Any] = {}
    for column in table[:1].itercols():
        if column.dtype.kind == "U":
            row[column.name] = str(to_texts(column)[0])
        elif column.dtype.kind in "iub":
            row[column.name] = int(np.ma.filled(np.ma.asarray(column), 0)[0])
        else:  # with the type of the column: float32 stays float32
            value = to_floats(column, dtype=None)[0]
            unit = column.unit or u.dimensionless_unscaled
            row[column.name] = u.Quantity(value, unit, dtype=value.dtype)
    return row


def _position(row: dict) -> SkyCoord:
    """Return a position in double precision, so that separations are not rounded to float32."""
    return SkyCoord(row["RAJ2000"].astype(float), row["DEJ2000"].astype(float))
