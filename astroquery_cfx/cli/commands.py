# Licensed under a 3-clause BSD style license - see LICENSE
"""What each command does with its arguments."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.table import Table

from ..archive import EmbeddedArchive, simulated_tables
from ..archive.fermilpsc import fermilpsc_table
from ..association import associate_tables, calibrate_association
from ..crossmatch import crossmatch_tables
from ..csc import CSCPlaneClass
from ..errors import InvalidInputError
from ..fermi import Fermi4FGL, shipped_catalog
from ..files import file_format, read_table, write_table
from ..progress import progress_bar
from ..reproduce import reproduce
from ..reproduce.report import closing_text
from .parser import angle

# Usual names of positions. A CSV file has no units: where these columns have none, it is degrees.
_POSITIONS = {"ra", "dec", "raj2000", "dej2000", "glon", "glat", "l", "b", "lii", "bii"}

_SERVING = """\
TAP service: {url}/tap
  pyvo        pyvo.dal.TAPService("{url}/tap").search("SELECT COUNT(*) AS n FROM csc")
  astroquery  from astroquery.heasarc import Heasarc; Heasarc.VO_URL = "{url}"
  this        CSCPlaneClass(vo_url="{url}")
  command     astroquery-cfx reproduce --archive {url}
  TOPCAT      VO > Table Access Protocol (TAP) Query > TAP URL: {url}/tap
Ctrl-C stops it.
"""


def run_reproduce(arguments: argparse.Namespace) -> None:
    """Do the whole job with the Fermi catalogue that is asked for, and say what it found."""
    _check_archive(arguments)
    named = arguments.fermi or "DR4"
    if arguments.fermi is None and arguments.archive == "embedded":
        sys.stderr.write(
            "Fermi: the columns of 4FGL-DR4 that are shipped with the package"
            " (--fermi DR4 downloads the whole catalogue).\n"
        )
        fermi = Fermi4FGL.get_catalog(path=shipped_catalog())
    elif Path(named).is_file() or re.search(r"[/\\]|\.fits?(\.gz)?$", named):
        fermi = Fermi4FGL.get_catalog(path=Path(named))
    else:
        fermi = Fermi4FGL.get_catalog(release=named)
    with _client(arguments) as client:
        summary = reproduce(
            arguments.output,
            client=client,
            fermi=fermi,
            b_max=arguments.b_max,
            radius=arguments.radius,
        )
    sys.stdout.write(closing_text(summary, arguments.output))


def run_query(arguments: argparse.Namespace) -> None:
    """Write a table of the archive, or the result of ADQL, to a file."""
    _check_archive(arguments)
    file_format(arguments.output)  # refuses an unknown ending before anything is fetched
    adql = re.match(r"\s*select\s", arguments.what, re.IGNORECASE)
    if adql and arguments.columns:
        raise InvalidInputError(
            "--columns is for a table, not for an ADQL query.",
            remedy="name the columns in the query.",
        )
    with _client(arguments) as client:
        if adql:
            table = client.query_tap(arguments.what, maxrec=arguments.maxrec)
        else:
            table = client.query_table(
                arguments.what, columns=arguments.columns, maxrec=arguments.maxrec
            )
    write_table(table, arguments.output)
    sys.stdout.write(f"{len(table):,} rows, {len(table.colnames)} columns: {arguments.output}\n")


def run_match(arguments: argparse.Namespace) -> None:
    """Write the pairs of two table files to a file."""
    file_format(arguments.output)
    left, right, positions = _read_sides(arguments)
    radius = arguments.radius
    pairs = crossmatch_tables(
        left,
        right,
        radius if radius in right.colnames else _radius(radius),
        join=arguments.join,
        keep=arguments.keep,
        **positions,
    )
    write_table(pairs, arguments.output)
    sys.stdout.write(f"{len(pairs):,} pairs: {arguments.output}\n")


def run_associate(arguments: argparse.Namespace) -> None:
    """Write the candidates of two table files to a file, and their calibration to another."""
    steps: list[tuple[Callable[..., Table], Path]] = [(associate_tables, arguments.output)]
    if arguments.calibration is not None:
        steps.append((calibrate_association, arguments.calibration))
    for _, path in steps:
        file_format(path)
    left, right, options = _read_sides(arguments)
    options |= {
        "flux": arguments.flux,
        "field_radius": _radius(arguments.field_radius),
        "fields": None if arguments.fields is None else read_table(arguments.fields),
    }
    with progress_bar(len(steps), description="Associations", unit="table") as bar:
        for step, path in steps:
            table = step(left, right, **options)
            write_table(table, path)
            sys.stdout.write(f"{len(table):,} rows: {path}\n")
            bar.update(1)


def run_serve(arguments: argparse.Namespace) -> None:
    """Run the embedded archive until Ctrl-C."""
    with _embedded(arguments, arguments.table, arguments.port) as archive:
        sys.stdout.write(_SERVING.format(url=archive.url))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("Stopped.\n")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "reproduce": run_reproduce,
    "query": run_query,
    "match": run_match,
    "associate": run_associate,
    "serve": run_serve,
}


def _check_archive(arguments):
    if arguments.archive != "embedded" and (arguments.csc or arguments.chanmaster):
        raise InvalidInputError(
            "--csc and --chanmaster are files for the embedded archive.",
            remedy="add --archive embedded, or leave them out.",
        )
    if arguments.archive not in ("heasarc", "embedded") and not re.match(
        r"https?://", arguments.archive
    ):
        raise InvalidInputError(
            f"There is no archive {arguments.archive!r}.",
            remedy="choose heasarc, embedded, or a URL that begins with http.",
        )


@contextmanager
def _client(arguments):
    """Yield the client of the archive that is asked for; the embedded one runs meanwhile."""
    if arguments.archive == "heasarc":
        yield CSCPlaneClass()
    elif arguments.archive == "embedded":
        with _embedded(arguments) as archive:
            yield CSCPlaneClass(vo_url=archive.url)
    else:
        yield CSCPlaneClass(vo_url=arguments.archive.rstrip("/").removesuffix("/tap"))


@contextmanager
def _embedded(arguments, tables=(), port=0) -> Iterator[EmbeddedArchive]:
    """Run the embedded archive: the simulated sky, the user's files in its place, more tables."""
    given = dict(tables)
    given |= {
        name: file
        for name, file in (("csc", arguments.csc), ("chanmaster", arguments.chanmaster))
        if file is not None
    }
    if {"csc", "chanmaster"} <= given.keys():  # no need to simulate the sky, which takes a while
        own = {"fermilpsc": fermilpsc_table()}
    else:
        own = simulated_tables()
    archive = EmbeddedArchive({**own, **given}, port=port)
    with progress_bar(1, description="Embedded archive", unit="service") as bar:
        archive.start()
        bar.update(1)
    try:
        yield archive
    finally:
        archive.stop()


def _read_sides(arguments):
    """Read LEFT and RIGHT; return the tables, and the columns of their positions as options."""
    tables, options = [], {}
    for side in ("left", "right"):
        table = read_table(getattr(arguments, side))
        named = getattr(arguments, f"{side}_coordinates")
        columns = tuple(named.split(",")) if named else ()
        for column in table.itercols():
            if column.unit is None and (
                column.name in columns or column.name.lower() in _POSITIONS
            ):
                column.unit = "deg"
        tables.append(table)
        options[f"{side}_coordinates"] = columns or None
    return *tables, options


def _radius(text):
    try:
        return angle(text)
    except argparse.ArgumentTypeError as error:
        raise InvalidInputError(f"The radius {error}, or a column of RIGHT.") from None
