# Licensed under a 3-clause BSD style license - see LICENSE
"""The job as a whole: fetch, match, write, draw, and say what was found."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from astropy import units as u
from astropy.table import Table

from ..arrays import angle_in_degrees
from ..csc import CSCPlaneClass
from ..errors import CFXError, OutputError
from ..files import write_aside, write_table
from ..progress import progress_bar
from ..version import version
from .drawings import choose_drawings, draw_figures
from .report import write_report
from .steps import (
    associations_tables,
    class_shares,
    flux_statistics,
    group_table,
    match_plane,
    matched_table,
    select_classes,
    select_observed,
    select_plane,
    select_positive,
    separations_table,
)

# Matched and grouped sources are written in every format, large tables in binary formats only.
_ALL_FORMATS = (".ecsv", ".csv", ".fits", ".vot", ".parquet")
_FORMATS = {
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
    output: str | Path,
    *,
    client: CSCPlaneClass,
    fermi: Table,
    b_max: u.Quantity = 10 * u.deg,
    radius: u.Quantity = 0.1 * u.deg,
    figures: Iterable[str] | None = None,
    show_progress: bool | None = None,
) -> dict:
    """
    Do the whole job: fetch, select, match, write tables and figures, and a page that shows them.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The folder to write to. It gets ``tables/``, ``figures/``, ``summary.json`` and
        ``index.html``, all of them at the end: after an error, older results are unchanged.
    client : `~astroquery_cfx.CSCPlaneClass`
        The archive that has the Chandra tables.
    fermi : `~astropy.table.Table`
        A 4FGL catalogue from `~astroquery_cfx.Fermi4FGLClass.get_catalog`.
    b_max : `~astropy.units.Quantity`, optional
        The half width of the Galactic plane, from 0 to 90 deg.
    radius : `~astropy.units.Quantity`, optional
        The radius of the cross-match, from 0 to 90 deg.
    figures : iterable of str, optional
        Names of the figures to draw, ``'matches_map'`` for
        `~astroquery_cfx.figures.plot_matches_map`; all of them by default.
    show_progress : bool or None, optional
        Whether to show progress bars; None shows them on a terminal only.

    Returns
    -------
    dict
        The content of ``summary.json``: the counts, the fluxes, the files with their checksums, and
        the proof that each Chandra table is complete.

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
    options = {}
    for name, angle in (("b_max", b_max), ("radius", radius)):
        degrees = angle_in_degrees(angle, name, largest=90)
        options[name] = angle if isinstance(angle, u.Quantity) else degrees * u.deg
    drawings = choose_drawings(figures)
    with _staged(Path(output)) as folder:
        fetched = {
            "observations": client.query_observations(show_progress=show_progress),
            "sources": client.query_sources(show_progress=show_progress),
        }
        tables = _make_tables(fetched, fermi, options, show_progress)
        files = [f"{name}{ending}" for name, endings in _FORMATS.items() for ending in endings]
        with progress_bar(len(files), description="Tables", unit="file", show=show_progress) as bar:
            for file in files:
                write_table(tables[Path(file).stem], folder / "tables" / file)
                bar.update(1)
        left_out = draw_figures(
            drawings, tables, folder / "figures", options=options, show_progress=show_progress
        )
        summary = _summarize(fetched, tables, fermi, options)
        summary["figures_left_out"] = left_out
        summary["files"] = {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        shown = [drawing for drawing in drawings if drawing.name not in left_out]
        write_report(summary, shown, folder / "index.html")
        with write_aside(folder / "summary.json") as aside:
            aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


@contextmanager
def _staged(output):
    """Yield a new folder below `output`, whose files move up to it if all goes well."""
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
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    except CFXError:  # some are OSErrors, too
        raise
    except OSError as error:
        raise OutputError(
            f"The results could not be moved to {output}: {error}.",
            remedy="make room there, or name another folder with --output.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_tables(fetched, fermi, options, show_progress):
    """Return the tables of the job by name; `fetched` has the whole tables of the archive."""
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
    # The meta of each is what the same input gives again, so that the files are the same bytes:
    # neither the address of the service nor the time of retrieval.
    about = {
        "fermi": {
            key: str(fermi.meta[key])
            for key in ("release", "sha256", "citation")
            if key in fermi.meta
        }
    } | {name: str(angle) for name, angle in options.items()}
    for name, table in tables.items():
        kept = ("simulated", "association", "calibration")
        tables[name] = Table(table, copy=False)  # the caller's table keeps its own meta
        tables[name].meta = {key: table.meta[key] for key in kept if key in table.meta} | about
    return tables


def _summarize(fetched, tables, fermi, options):
    """Return the numbers of ``summary.json``, the parameters, the versions and the proofs."""
    sources, observations = fetched["sources"], fetched["observations"]
    flux = flux_statistics(select_positive(sources))
    matched = tables["matched"]
    packages = ("astropy", "astroquery", "matplotlib", "numpy", "pyarrow", "pyvo")
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
        "parameters": {name: str(angle) for name, angle in options.items()},
        "fermi": {
            key: str(value)
            for key, value in fermi.meta.items()
            if key in ("release", "file", "sha256", "citation", "title")
        },
        "versions": {"astroquery_cfx": version}
        | {name: metadata.version(name) for name in packages},
        "completeness": {name: table.meta.get("completeness") for name, table in fetched.items()},
    }
    simulated = [
        f"Chandra {name}: {table.meta['simulated']}"
        for name, table in fetched.items()
        if table.meta.get("simulated")
    ]
    if simulated:
        summary["simulated"] = " ".join(simulated)
    return summary
