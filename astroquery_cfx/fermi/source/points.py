# Licensed under a 3-clause BSD style license - see LICENSE
"""Flux points and light curves of a source, as tables."""

import numpy as np
from astropy import units as u
from astropy.io.fits import Header
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from numpy.typing import ArrayLike

from ...errors import InvalidInputError


def flux_points(row: Table, edges: u.Quantity | None) -> Table:
    """Return the spectral energy distribution of a source: see `FermiSource.flux_points`.

    ``row`` is one row of the catalogue; ``edges`` are those of the energy bands.
    """
    if edges is None:
        raise _missing(row, "EnergyBounds")
    low, high = edges[:-1], edges[1:]
    table = _fluxes(row, "", "Band", {"e_min": low, "e_max": high, "e_ref": np.sqrt(low * high)})
    # The catalogue gives no errors of nu F_nu: they are those of the flux, in proportion.
    e2dnde = _entry(row, "nuFnu_Band")
    ratio = np.ma.masked_invalid(e2dnde.data / np.ma.masked_equal(table["flux"].data, 0))
    table["e2dnde"] = MaskedColumn(e2dnde, format=".3e")
    for name in ("errn", "errp", "ul"):
        table[f"e2dnde_{name}"] = MaskedColumn(
            table[f"flux_{name}"].data * ratio, unit=e2dnde.unit, format=".3e"
        )
    return table


def light_curve(row: Table, number: str, edges: Time | None) -> Table:
    """Return a light curve of a source: see `FermiSource.light_curve`.

    ``row`` is one row of the catalogue; ``number`` is ``''`` for intervals of a year and ``'2'``
    for two months; ``edges`` are those of the intervals.
    """
    if edges is None:
        raise _missing(row, f"Hist{number}_Start")
    table = _fluxes(row, number, "History", {"time_min": edges[:-1], "time_max": edges[1:]})
    if band := row.meta.get("light_curve_band"):
        table.meta["energy_min"], table.meta["energy_max"] = (f"{energy:g} MeV" for energy in band)
    return table


def _fluxes(row, number, kind, edges) -> Table:
    """Return the fluxes of Flux_Band or Flux_History with their errors and limits."""
    flux, error = _entry(row, f"Flux{number}_{kind}"), _entry(row, f"Unc_Flux{number}_{kind}")
    table = Table(edges)
    if len(table) != len(flux):
        raise InvalidInputError(
            f"{row['Source_Name'][0]} has {len(flux)} fluxes in {len(table)} intervals.",
            remedy="the file differs from the known releases: look at its extensions.",
        )
    lower, upper = np.abs(error.data[:, 0]), error.data[:, 1]
    is_limit = np.ma.getmaskarray(lower)
    # A limit is the flux plus twice the upper error (Acero et al. 2015, ApJS 218, 23, section 3.5).
    limit = np.ma.masked_where(~is_limit, flux.data + 2 * upper)
    columns = {"flux": flux.data, "flux_errn": lower, "flux_errp": upper, "flux_ul": limit}
    for name, data in columns.items():
        table[name] = MaskedColumn(data, unit=flux.unit, format=".3e")
    table["sqrt_ts"] = MaskedColumn(_entry(row, f"Sqrt_TS{number}_{kind}"), format=".2f")
    table["is_ul"] = is_limit
    table.meta.update(source=str(row["Source_Name"][0]), release=row.meta["release"])
    return table


def _entry(row, name) -> MaskedColumn:
    """Return an array-valued entry as a column."""
    if name not in row.colnames or name in row.meta.get("absent", ()):
        raise _missing(row, name)
    return MaskedColumn(row[name].data[0], unit=row[name].unit)


def _missing(row, what) -> InvalidInputError:
    """Return the error for a column or an extension that the file does not have."""
    return InvalidInputError(
        f"{row.meta.get('file', 'The file')} has no {what}.",
        remedy="read the source from the whole catalogue, of a release that has it.",
    )


def time_edges(starts: ArrayLike, intervals: int, header: Header) -> Time:
    """Return the edges of the intervals of a light curve in Terrestrial Time (TT).

    ``starts`` is the column of the extension Hist_Start, in s of mission elapsed time: the edges,
    or the starts only, and then the last interval ends at TSTOP.
    """
    seconds = np.asarray(starts, dtype=float)
    if len(seconds) == intervals:
        seconds = np.append(seconds, float(header["TSTOP"]))
    fraction = float(str(header["MJDREFF"]).replace("D", "E"))  # a text with a Fortran exponent
    return Time(float(header["MJDREFI"]), fraction + seconds / 86400.0, format="mjd", scale="tt")
