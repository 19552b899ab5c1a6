# Licensed under a 3-clause BSD style license - see LICENSE
"""Flux points and light curves of a source, as tables."""

import numpy as np
from astropy.table import MaskedColumn, Table
from astropy.time import Time

from ...errors import InvalidInputError

__all__ = ["flux_points", "light_curve", "time_edges"]


def flux_points(row, edges):
    """
    Spectral energy distribution of a source.

    Parameters
    ----------
    row : `~astropy.table.Table`
        One row of the catalogue.
    edges : `~astropy.units.Quantity` or None
        Edges of the bands.

    Returns
    -------
    `~astropy.table.Table`
        See `FermiSource.flux_points`.
    """
    if edges is None:
        raise lacking(row, "EnergyBounds")
    low, high = edges[:-1], edges[1:]
    table = _points(row, "", "Band", {"e_min": low, "e_max": high, "e_ref": np.sqrt(low * high)})
    # nu F_nu comes without errors: they are those of the flux, in proportion.
    e2dnde = _entry(row, "nuFnu_Band")
    ratio = np.ma.masked_invalid(e2dnde.data / np.ma.masked_equal(table["flux"].data, 0))
    table["e2dnde"] = MaskedColumn(e2dnde, format=".3e")
    for name in ("errn", "errp", "ul"):
        table[f"e2dnde_{name}"] = MaskedColumn(
            table[f"flux_{name}"].data * ratio, unit=e2dnde.unit, format=".3e"
        )
    return table


def light_curve(row, number, edges):
    """
    Light curve of a source.

    Parameters
    ----------
    row : `~astropy.table.Table`
        One row of the catalogue.
    number : str
        ``''`` for years, ``'2'`` for two months.
    edges : `~astropy.time.Time` or None
        Edges of the intervals.

    Returns
    -------
    `~astropy.table.Table`
        See `FermiSource.light_curve`.
    """
    if edges is None:
        raise lacking(row, f"Hist{number}_Start")
    table = _points(row, number, "History", {"time_min": edges[:-1], "time_max": edges[1:]})
    band = row.meta.get("light_curve_band")
    if band:
        table.meta["energy_min"], table.meta["energy_max"] = (f"{energy:g} MeV" for energy in band)
    return table


def _points(row, number, kind, edges):
    """Fluxes of Flux_Band or Flux_History with errors and limits."""
    flux, error = _entry(row, f"Flux{number}_{kind}"), _entry(row, f"Unc_Flux{number}_{kind}")
    table = Table(edges)
    if len(table) != len(flux):
        raise InvalidInputError(
            f"{row['Source_Name'][0]} has {len(flux)} fluxes in {len(table)} intervals.",
            remedy="the file is not quite of this family: look at its extensions.",
        )
    lower, upper = np.abs(error.data[:, 0]), error.data[:, 1]
    is_limit = np.ma.getmaskarray(lower)
    # The upper error of a limit is half of what the limit lies above the flux (ApJS 218, 23, section 3.5).
    limit = np.ma.masked_where(~is_limit, flux.data + 2 * upper)
    columns = {"flux": flux.data, "flux_errn": lower, "flux_errp": upper, "flux_ul": limit}
    for name, data in columns.items():
        table[name] = MaskedColumn(data, unit=flux.unit, format=".3e")
    table["sqrt_ts"] = MaskedColumn(_entry(row, f"Sqrt_TS{number}_{kind}"), format=".2f")
    table["is_ul"] = is_limit
    table.meta.update(source=str(row["Source_Name"][0]), release=row.meta["release"])
    return table


def _entry(row, name):
    """An entry that is an array, as a masked column."""
    if name not in row.colnames or name in row.meta.get("absent", ()):
        raise lacking(row, name)
    return MaskedColumn(row[name].data[0], unit=row[name].unit)


def lacking(row, what):
    """The error of a file that has not what is asked for."""
    return InvalidInputError(
        f"{row.meta.get('file', 'The file')} has no {what}.",
        remedy="read the source from the whole catalogue, of a release that has it.",
    )


def time_edges(starts, intervals, header):
    """
    Edges of the intervals of a light curve.

    Parameters
    ----------
    starts : array_like
        Column of the extension Hist_Start, in s of mission elapsed time: edges, or starts.
    intervals : int
        How many intervals there are.
    header : dict
        With MJDREFI, MJDREFF and TSTOP.

    Returns
    -------
    `~astropy.time.Time`
        Terrestrial time (TT).

    Examples
    --------
    >>> from astroquery_cfx.fermi.source.points import time_edges
    >>> header = {"MJDREFI": 51910, "MJDREFF": "7.428703703703703D-4", "TSTOP": 86400.0}
    >>> time_edges([0.0], 1, header).isot.tolist()
    ['2001-01-01T00:01:04.184', '2001-01-02T00:01:04.184']
    """
    seconds = np.asarray(starts, dtype=float)
    if len(seconds) == intervals:
        seconds = np.append(seconds, float(header["TSTOP"]))
    fraction = float(str(header["MJDREFF"]).replace("D", "E"))
    return Time(float(header["MJDREFI"]), fraction + seconds / 86400.0, format="mjd", scale="tt")
