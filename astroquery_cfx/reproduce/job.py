# Licensed under a 3-clause BSD style license - see LICENSE
"""The job as a whole: fetch, match, write, draw, and say what was found."""

import hashlib
import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from astropy import units as u
from astropy.table import Table

from ..errors import CFXError, OutputError
from ..files import write_aside, write_table
from ..progress import progress_bar
from ..version import version
from .associating import associations_tables
from .drawings import choose_drawings, draw_figures
from .matching import class_shares, group_table, match_plane, matched_table, separations_table
from .report import write_report
from .selection import (
    angle,
    flux_statistics,
    select_classes,
    select_observed,
    select_plane,
    select_positive,
)

__all__ = ["reproduce"]

_ALL_FORMATS = (".ecsv", ".csv", ".fits", ".vot", ".parquet")
_TABLE_FORMATS = {
    "observations": (".fits", ".parquet"),
    "sources_plane": (".fits", ".parquet"),
    "matched": _ALL_FORMATS,
    "grouped": _ALL_FORMATS,
    "separations": (".ecsv", ".parquet"),
    "class_shares": (".ecsv", ".csv"),
    "pulsars": (".ecsv", ".csv"),
    "associations": (".ecsv", ".parquet"),
    "calibration": (".ecsv",),
}


def reproduce(
    output, *, client, fermi, b_max=10 * u.deg, radius=0.1 * u.deg, figures=None, show_progress=None
):
    """
    Do the whole job: fetch, select, match, write tables and figures, and a page that shows them.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The folder to write to. It gets ``tables/``, ``figures/``, ``summary.json`` and ``index.html``. All is
        written aside and moved there at the end: after an error, older results are as they were.
    client : `~astroquery_cfx.CSCPlaneClass`
        Where the Chandra tables come from.
    fermi : `~astropy.table.Table`
        A 4FGL catalogue, from `~astroquery_cfx.Fermi4FGLClass.get_catalog`.
    b_max : `~astropy.units.Quantity`, optional
        The half width of the Galactic plane.
    radius : `~astropy.units.Quantity`, optional
        The radius of the cross-match.
    figures : iterable of str, optional
        Names of the figures to draw, ``'matches_map'`` for `~astroquery_cfx.figures.plot_matches_map`;
        all of them by default.
    show_progress : bool or None, optional
        Whether to show progress bars; None shows them on a terminal only.

    Returns
    -------
    dict
        What stands in ``summary.json``: the counts, the fluxes, the files with their checksums, and the
        proof that each Chandra table is complete.

    Raises
    ------
    InvalidInputError
        If an angle has no unit or is out of range. Nothing has been fetched then.
    OutputError
        If the folder cannot be written to.
    CFXError
        If the archive fails, or nothing is left to match.

    Examples
    --------
    On an archive with one source; with ``client=CSCPlane``, on HEASARC's.

    >>> import tempfile
    >>> from astropy.table import Table
    >>> from astroquery_cfx import CSCPlaneClass, Fermi4FGL
    >>> from astroquery_cfx.archive import EmbeddedArchive
    >>> from astroquery_cfx.fermi import shipped_catalog
    >>> from astroquery_cfx.reproduce import reproduce
    >>> fermi = Fermi4FGL.get_catalog(path=shipped_catalog())
    >>> source = Table({"name": ["Crab"], "ra": [83.633], "dec": [22.014], "b_flux_ap": [1e-9]})
    >>> observation = Table({"obsid": [1], "ra": [83.6], "dec": [22.0], "exposure": [1e4],
    ...                      "detector": ["ACIS-S"], "time": [5e4], "name": ["Crab"]})
    >>> with EmbeddedArchive({"csc": source, "chanmaster": observation}) as archive:
    ...     client = CSCPlaneClass(vo_url=archive.url)
    ...     summary = reproduce(tempfile.mkdtemp(), client=client, fermi=fermi, figures=[])
    >>> summary["pairs"], summary["fermi_matched"]
    (3, 3)
    """
    options = {"b_max": b_max, "radius": radius}
    for name, value in options.items():
        angle(value, name, limit=90 * u.deg)
    drawings = choose_drawings(figures)
    with _staged(Path(output)) as folder:
        fetched = _fetch(client, show_progress)
        tables = _make_tables(fetched, fermi, options, show_progress)
        _write_tables(tables, folder / "tables", show_progress)
        left_out = draw_figures(
            tables,
            folder / "figures",
            options=options,
            drawings=drawings,
            show_progress=show_progress,
        )
        summary = _summarize(fetched, tables, fermi, options)
        summary["figures_left_out"] = left_out
        summary["files"] = _checksums(folder)
        shown = [drawing for drawing in drawings if drawing.name not in left_out]
        write_report(summary, shown, folder / "index.html")
        with write_aside(folder / "summary.json") as aside:
            aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


@contextmanager
def _staged(output):
    """Yield a folder whose files move to `output` when all of them are there."""
    folder = output / f".aside-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"The folder {output} cannot be written to: {error.strerror}.",
            remedy="name another one with --output.",
        ) from error
    try:
        yield folder
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = output / path.relative_to(folder)
            with suppress(FileExistsError):
                target.parent.mkdir(parents=True)
            os.replace(path, target)
    except OSError as error:
        if isinstance(error, CFXError):
            raise
        raise OutputError(
            f"The results could not be moved to {output}: {error}.",
            remedy="make room there, or name another folder with --output.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(client, show_progress):
    """Whole tables from the archive: the observations and the sources, each with its proof."""
    return {
        "observations": client.query_observations(show_progress=show_progress),
        "sources": client.query_sources(show_progress=show_progress),
    }


def _make_tables(fetched, fermi, options, show_progress):
    observations = select_observed(fetched["observations"])
    sources = select_plane(select_positive(fetched["sources"]), options["b_max"])
    if not len(sources):
        raise CFXError(
            "The Chandra table has no source with a positive flux within"
            f" {options['b_max']} of the Galactic plane.",
            remedy="check the table, or widen the plane.",
        )
    with progress_bar(
        len(sources), description="Cross-match", unit="source", show=show_progress
    ) as bar:
        pairs = match_plane(sources, fermi, options["radius"])
        bar.update(len(sources))
    if not len(pairs):
        raise CFXError(
            f"No Chandra source lies within {options['radius']} of a Fermi source.",
            remedy="widen the radius or the plane.",
        )
    grouped = group_table(pairs)
    tables = {
        "observations": observations,
        "sources_plane": sources,
        "matched": matched_table(pairs),
        "grouped": grouped,
        "separations": separations_table(pairs),
        "class_shares": class_shares(fermi, pairs, options["b_max"]),
        "pulsars": select_classes(grouped, "psr", "msp"),
    }
    with progress_bar(1, description="Associations", unit="table", show=show_progress) as bar:
        tables["associations"], tables["calibration"] = associations_tables(
            fetched["sources"], observations, fermi
        )
        bar.update(1)
    return {name: _with_meta(table, fermi, options) for name, table in tables.items()}


def _with_meta(table, fermi, options):
    """Keep in the meta what the same input gives again: no time of retrieval, no address of a service."""
    table = Table(table, copy=False)
    told = {key: table.meta[key] for key in ("simulated",) if key in table.meta}
    told |= {key: table.meta[key] for key in ("association", "calibration") if key in table.meta}
    told["fermi"] = {
        key: str(fermi.meta[key]) for key in ("release", "sha256", "citation") if key in fermi.meta
    }
    table.meta = told | {name: str(value) for name, value in options.items()}
    return table


def _write_tables(tables, folder, show_progress):
    jobs = [(name, ending) for name, endings in _TABLE_FORMATS.items() for ending in endings]
    with progress_bar(len(jobs), description="Tables", unit="file", show=show_progress) as bar:
        for name, ending in jobs:
            write_table(tables[name], folder / f"{name}{ending}")
            bar.update(1)


def _summarize(fetched, tables, fermi, options):
    sources, observations = fetched["sources"], fetched["observations"]
    flux = flux_statistics(select_positive(sources))
    matched = tables["matched"]
    simulated = [
        f"Chandra {name}: {table.meta['simulated']}"
        for name, table in fetched.items()
        if table.meta.get("simulated")
    ]
    summary = {
        "observations": len(observations),
        "observations_with_position": len(tables["observations"]),
        "sources": len(sources),
        "sources_with_flux": flux["count"],
        "sources_plane": len(tables["sources_plane"]),
        "fermi_sources": len(fermi),
        "pairs": len(matched),
        "fermi_matched": len(tables["grouped"]),
        "csc_matched": len(set(matched["csc_name"])),
        "pulsars_matched": len(tables["pulsars"]),
        "flux": flux,
        "left_out": {
            "observations_without_position": len(observations) - len(tables["observations"]),
            "sources_without_positive_flux": len(sources) - flux["count"],
            "sources_outside_plane": flux["count"] - len(tables["sources_plane"]),
        },
        "parameters": {name: str(value) for name, value in options.items()},
        "fermi": {
            key: str(value)
            for key, value in fermi.meta.items()
            if key in ("release", "file", "sha256", "citation", "title")
        },
        "versions": _versions(),
        "completeness": {name: table.meta.get("completeness") for name, table in fetched.items()},
    }
    if simulated:
        summary["simulated"] = " ".join(simulated)
    return summary


def _versions():
    from importlib import metadata

    names = ("astropy", "astroquery", "matplotlib", "numpy", "pyarrow", "pyvo")
    return {"astroquery_cfx": version} | {name: metadata.version(name) for name in names}


def _checksums(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
