# Licensed under a 3-clause BSD style license - see LICENSE
"""The arguments of each command, with their help and examples."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from astropy import units as u

from ..arrays import angle_in_degrees
from ..version import version

_FILE_HELP = "file to write; its ending is the format: .ecsv .csv .fits .vot .parquet"


class _Parser(argparse.ArgumentParser):
    """A parser that explains a mistake in one sentence, without the usage, and exits with 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; ``command`` is the name of the command."""
    parser = _Parser(
        prog="astroquery-cfx",
        description="Whole catalogues from HEASARC, the Fermi LAT catalogues, and their "
        "cross-match.",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the lines of the examples
        epilog=r"""examples:
  astroquery-cfx reproduce --archive embedded
  astroquery-cfx query csc --columns name,ra,dec,b_flux_ap --output csc.parquet
  astroquery-cfx match left.fits right.ecsv --radius 3arcsec --output pairs.ecsv
  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap \
      --output associations.ecsv
  astroquery-cfx serve --port 8080""",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add = _add_command(
        commands,
        "reproduce",
        "Do the whole job: every table and every figure.",
        r"""  astroquery-cfx reproduce --archive embedded
  astroquery-cfx reproduce --archive embedded --csc my_sources.fits \
      --fermi gll_psc_v35.fit
  astroquery-cfx reproduce --archive heasarc --b-max 5deg --radius 3arcmin \
      --output plane5""",
    )
    _add_archive(add)
    add(
        "--fermi",
        metavar="DR4|FILE",
        help="a release of 4FGL, or a FITS file of one (default: DR4; with the embedded archive, "
        "the columns of DR4 that are shipped with the package)",
    )
    for name, default, words in (
        ("--b-max", "10deg", "half width of the Galactic plane"),
        ("--radius", "0.1deg", "radius of the cross-match"),
    ):
        add(
            name, type=angle, default=default, metavar="ANGLE", help=f"{words} (default: {default})"
        )
    add(
        "--output",
        type=Path,
        default="cfx-output",
        metavar="DIR",
        help="folder to write to (default: %(default)s)",
    )

    add = _add_command(
        commands,
        "query",
        "Write a whole table of the archive, or the whole result of a query, to a file.",
        r"""  astroquery-cfx query csc --columns name,ra,dec,b_flux_ap --output csc.parquet
  astroquery-cfx query "SELECT name, ra, dec FROM csc WHERE b_flux_ap > 1e-12" \
      --output bright.ecsv""",
    )
    add("what", metavar="TABLE|ADQL", help="name of a table (csc, chanmaster, ...) or ADQL")
    _add_archive(add)
    add(
        "--columns",
        metavar="A,B,...",
        help="columns of the table (default: the archive's standard columns; * for all)",
    )
    add("--maxrec", type=int, metavar="N", help="write only the first N rows")
    add("--output", type=Path, required=True, metavar="FILE", help=_FILE_HELP)

    add = _add_command(
        commands,
        "match",
        "Write all pairs of rows of two tables within a radius.",
        r"""  astroquery-cfx match left.fits right.ecsv --radius 3arcsec --output pairs.ecsv
  astroquery-cfx match chandra.fits gll_psc_v35.fit --radius Conf_95_SemiMajor \
      --right-coordinates GLON,GLAT --output pairs.parquet""",
    )
    add(
        "--radius",
        required=True,
        metavar="ANGLE|COLUMN",
        help="largest separation, e.g. 3arcsec, or a column of RIGHT",
    )
    add(
        "--join",
        default="inner",
        choices=("inner", "left", "right", "outer"),
        help="which rows without a partner are kept (default: %(default)s)",
    )
    add(
        "--keep",
        default="all",
        choices=("all", "nearest_left", "nearest_right", "mutual"),
        help="which pairs are kept (default: %(default)s)",
    )
    _add_sides(add, "a table file", "a table file")

    add = _add_command(
        commands,
        "associate",
        "Write the candidates for the counterpart of each row, with probabilities.",
        r"""  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap \
      --output associations.ecsv
  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap \
      --fields chanmaster.fits --calibration calibration.ecsv \
      --output associations.parquet""",
    )
    add("--flux", metavar="COLUMN", help="fluxes of LEFT (default: not used)")
    add("--fields", type=Path, metavar="FILE", help="table file with the observed fields")
    add(
        "--field-radius",
        default="8arcmin",
        metavar="ANGLE",
        help="radius of the fields (default: %(default)s)",
    )
    add(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="also write reliability and completeness by probability, to this file",
    )
    _add_sides(
        add,
        "a table file: sources with accurate positions",
        "a table file: sources with error ellipses",
    )

    add = _add_command(
        commands,
        "serve",
        "Run the embedded archive, a TAP service on this machine.",
        """  astroquery-cfx serve
  astroquery-cfx serve --csc my_sources.fits --table mine=other.ecsv --port 8080""",
    )
    _add_served_files(add)
    add(
        "--table",
        action="append",
        default=[],
        type=_named_file,
        metavar="NAME=FILE",
        help="another table to serve; may be repeated",
    )
    add(
        "--port", type=_port, default=0, metavar="N", help="port of 127.0.0.1 (default: a free one)"
    )

    joined: list[str] = []
    for argument in arguments:
        # argparse would take the angle of --radius -1deg for an option.
        if joined and joined[-1] in ("--radius", "--b-max") and re.match(r"-[\d.]", argument):
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return parser.parse_args(joined)


def _add_command(commands, name, text, examples):
    """Add a command, and return the method that adds its arguments."""
    command = commands.add_parser(
        name,
        help=text,
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"examples:\n{examples}",
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command.add_argument


def _add_archive(add):
    add(
        "--archive",
        default="heasarc",
        metavar="heasarc|embedded|URL",
        help="HEASARC, the embedded archive (a simulated sky), or the base URL of another service "
        "(default: %(default)s)",
    )
    _add_served_files(add)


def _add_served_files(add):
    for name, rows in (("csc", "sources"), ("chanmaster", "observations")):
        add(
            f"--{name}",
            type=Path,
            metavar="FILE",
            help=f"serve this file instead of the simulated {rows}",
        )


def _add_sides(add, left, right):
    add("left", type=Path, metavar="LEFT", help=left)
    add("right", type=Path, metavar="RIGHT", help=right)
    for side in ("left", "right"):
        add(
            f"--{side}-coordinates",
            metavar="LON,LAT",
            help=f"position columns of {side.upper()}, in degrees if without unit",
        )
    add("--output", type=Path, required=True, metavar="FILE", help=_FILE_HELP)


def angle(text: str) -> u.Quantity:
    """Parse an angle such as 0.1deg, from 0 to 90 degrees, in the unit in which it is given."""
    try:
        value = u.Quantity(text)  # not an Angle, which would read 3m as minutes
        angle_in_degrees(value, "angle", largest=90)
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an angle between 0deg and 90deg with a unit, such as 0.1deg"
        ) from None
    return value


def _port(text):
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 0 to 65535")
    return int(text)


def _named_file(text):
    name, equals, file = text.partition("=")
    if not (re.fullmatch(r"[A-Za-z]\w*", name) and equals and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE with a plain name")
    return name, Path(file)
