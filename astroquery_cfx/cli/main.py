# Licensed under a 3-clause BSD style license - see LICENSE
"""The command line: a thin shell over the package."""

import argparse
import re
import sys
from contextlib import contextmanager
from pathlib import Path

from ..errors import CFXError, InvalidInputError
from ..version import version
from .examples import EXAMPLES

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """One sentence instead of the usage, and exit code 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def main(argv=None):
    """
    Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit code: 0, 1 for a failure, 2 for a command that is not right, 130 when stopped by Ctrl-C.

    Examples
    --------
    >>> from astroquery_cfx.cli import main
    >>> main(["reproduce", "--archive", "nowhere"])
    2
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parsed = _parser().parse_args(_join_negative(arguments))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    try:
        parsed.run(parsed)
    except KeyboardInterrupt:
        return _fail(parsed, "stopped. Older results are unchanged.", 130)
    except InvalidInputError as error:
        return _fail(parsed, str(error), 2)
    except (CFXError, OSError) as error:
        return _fail(parsed, str(error), 1)
    except Exception as error:
        if parsed.debug:
            raise
        return _fail(
            parsed,
            f"unexpected {type(error).__name__}: {error}. Call again with --debug and"
            f" report what"
            " it shows.",
            1,
        )
    return 0


def _fail(parsed, message, code):
    if parsed.debug and code != 130:
        import traceback

        traceback.print_exc()
    sys.stderr.write(f"astroquery-cfx {parsed.command}: {' '.join(message.split())}\n")
    return code


def _join_negative(arguments):
    """``--radius -1deg`` is a negative radius, which argparse would take for an option."""
    joined = []
    for argument in arguments:
        if joined and joined[-1] in ("--radius", "--b-max") and re.match(r"-[\d.]", argument):
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def _parser():
    parser = _Parser(
        prog="astroquery-cfx",
        epilog=EXAMPLES[""],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Whole catalogues from HEASARC, the Fermi LAT catalogues, and their"
        " cross-match.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    _add_reproduce(commands)
    _add_query(commands)
    _add_match(commands)
    _add_associate(commands)
    _add_serve(commands)
    return parser


def _add_command(commands, name, run, text):
    command = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    command.set_defaults(run=run)
    return command


def _add_archive_options(command):
    command.add_argument(
        "--archive",
        default="heasarc",
        metavar="heasarc|embedded|URL",
        help="HEASARC, the embedded archive (a simulated sky), or the base URL of another"
        " service"
        " (default: %(default)s)",
    )
    _add_file_options(command)


def _add_file_options(command):
    command.add_argument(
        "--csc", type=Path, metavar="FILE", help="serve this file in place of the simulated sources"
    )
    command.add_argument(
        "--chanmaster",
        type=Path,
        metavar="FILE",
        help="serve this file in place of the simulated observations",
    )


def _add_reproduce(commands):
    command = _add_command(
        commands, "reproduce", _run_reproduce, "Do the whole job: every table and every figure."
    )
    _add_archive_options(command)
    command.add_argument(
        "--fermi",
        metavar="DR4|FILE",
        help="a release of 4FGL, or a FITS file of one"
        " (default: DR4;"
        " with the embedded archive, the columns of DR4 that are shipped with the package)",
    )
    command.add_argument(
        "--b-max",
        type=_angle,
        default="10deg",
        metavar="ANGLE",
        help="half width of the Galactic plane (default: %(default)s)",
    )
    command.add_argument(
        "--radius",
        type=_angle,
        default="0.1deg",
        metavar="ANGLE",
        help="radius of the cross-match (default: %(default)s)",
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path("cfx-output"),
        metavar="DIR",
        help="where to write (default: %(default)s)",
    )


def _add_query(commands):
    command = _add_command(
        commands,
        "query",
        _run_query,
        "Write a whole table of the archive, or of a query, to a file.",
    )
    command.add_argument(
        "what", metavar="TABLE|ADQL", help="name of a table (csc, chanmaster, ...) or an ADQL query"
    )
    _add_archive_options(command)
    command.add_argument(
        "--columns",
        metavar="A,B,...",
        help="columns of the table (default: the usual ones; * for all)",
    )
    command.add_argument("--maxrec", type=int, metavar="N", help="only the first N rows")
    command.add_argument("--output", type=Path, required=True, metavar="FILE", help=_file_help())


def _add_sides(command, left="a table file", right="a table file"):
    command.add_argument("left", type=Path, metavar="LEFT", help=left)
    command.add_argument("right", type=Path, metavar="RIGHT", help=right)
    for side in ("left", "right"):
        command.add_argument(
            f"--{side}-coordinates",
            metavar="LON,LAT",
            help=f"position columns of {side.upper()}, in degrees if without unit",
        )
    command.add_argument("--output", type=Path, required=True, metavar="FILE", help=_file_help())


def _add_match(commands):
    command = _add_command(
        commands, "match", _run_match, "Write all pairs of rows of two tables within a radius."
    )
    command.add_argument(
        "--radius",
        required=True,
        metavar="ANGLE|COLUMN",
        help="the largest separation, e.g. 3arcsec, or a column of RIGHT",
    )
    command.add_argument(
        "--join",
        default="inner",
        choices=("inner", "left", "right", "outer"),
        help="which rows without a partner are kept (default: %(default)s)",
    )
    command.add_argument(
        "--keep",
        default="all",
        choices=("all", "nearest_left", "nearest_right", "mutual"),
        help="which pairs are kept (default: %(default)s)",
    )
    _add_sides(command)


def _add_associate(commands):
    command = _add_command(
        commands,
        "associate",
        _run_associate,
        "Write the candidates for the counterpart of each row, with probabilities.",
    )
    command.add_argument("--flux", metavar="COLUMN", help="fluxes of LEFT (default: not used)")
    command.add_argument(
        "--fields", type=Path, metavar="FILE", help="table file with the observed fields"
    )
    command.add_argument(
        "--field-radius",
        default="8arcmin",
        metavar="ANGLE",
        help="radius of the fields (default: %(default)s)",
    )
    command.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="write reliability and completeness by probability to this file, too",
    )
    _add_sides(
        command, "a table file: sources located well", "a table file: sources with error ellipses"
    )


def _add_serve(commands):
    command = _add_command(
        commands, "serve", _run_serve, "Run the embedded archive, a TAP service on this machine."
    )
    _add_file_options(command)
    command.add_argument(
        "--table",
        action="append",
        default=[],
        type=_named_file,
        metavar="NAME=FILE",
        help="one more table; may be given again",
    )
    command.add_argument(
        "--port", type=_port, default=0, metavar="N", help="port on 127.0.0.1 (default: a free one)"
    )


def _file_help():
    return "file to write; its ending is the format: .ecsv .csv .fits .vot .parquet"


def _angle(text):
    """An angle with a unit, as in 0.1deg."""
    from astropy import units as u

    try:
        value = u.Quantity(text)
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an angle; write it like 0.1deg"
        ) from None
    if value.unit == u.dimensionless_unscaled:
        raise argparse.ArgumentTypeError(f"{text!r} has no unit; write it like 0.1deg")
    if not value.unit.is_equivalent(u.deg):
        raise argparse.ArgumentTypeError(f"{text!r} is not an angle; write it like 0.1deg")
    if not 0 <= value <= 90 * u.deg:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0deg and 90deg")
    return value


def _port(text):
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to 65535")
    return int(text)


def _named_file(text):
    name, equals, file = text.partition("=")
    if not (re.fullmatch(r"[A-Za-z]\w*", name) and equals and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE with a plain name")
    return name, Path(file)


def _run_reproduce(parsed):
    from ..fermi import Fermi4FGL
    from ..reproduce import reproduce
    from ..reproduce.closing import closing_table

    _check_archive(parsed)
    fermi = Fermi4FGL.get_catalog(**_fermi_source(parsed))
    with _client(parsed) as client:
        summary = reproduce(
            parsed.output, client=client, fermi=fermi, b_max=parsed.b_max, radius=parsed.radius
        )
    sys.stdout.write(closing_table(summary, parsed.output))


def _fermi_source(parsed):
    """Arguments of get_catalog: a file where one is named, what is shipped with the embedded archive, else"
    " a release."""
    if parsed.fermi is None and parsed.archive == "embedded":
        from ..fermi import shipped_catalog

        sys.stderr.write(
            "Fermi: the columns of 4FGL-DR4 that are shipped with the package"
            " (--fermi DR4 downloads the whole catalogue).\n"
        )
        return {"path": shipped_catalog()}
    named = parsed.fermi or "DR4"
    is_file = Path(named).is_file() or re.search(r"[/\\]|\.fits?(\.gz)?$", named)
    return {"path": Path(named)} if is_file else {"release": named}


def _check_archive(parsed):
    if parsed.archive != "embedded" and (parsed.csc or parsed.chanmaster):
        raise InvalidInputError(
            "--csc and --chanmaster are files for the embedded archive.",
            remedy="add --archive embedded, or leave them out.",
        )
    if parsed.archive not in ("heasarc", "embedded") and not re.match(r"https?://", parsed.archive):
        raise InvalidInputError(
            f"There is no archive {parsed.archive!r}.",
            remedy="choose heasarc, embedded, or a URL that begins with http.",
        )


@contextmanager
def _client(parsed):
    """The Chandra client of the archive that was asked for; the embedded one runs as long as it is needed."""
    from ..csc import CSCPlaneClass

    if parsed.archive == "heasarc":
        yield CSCPlaneClass()
    elif parsed.archive == "embedded":
        with _embedded(parsed) as archive:
            yield CSCPlaneClass(vo_url=archive.url)
    else:
        yield CSCPlaneClass(vo_url=parsed.archive.rstrip("/").removesuffix("/tap"))


@contextmanager
def _embedded(parsed, tables=(), port=0):
    """The embedded archive over the simulated tables, with the files that were given in their place."""
    from ..archive import EmbeddedArchive, simulated_tables
    from ..archive.fermilpsc import fermilpsc_table
    from ..progress import progress_bar

    replaced = {"csc": parsed.csc, "chanmaster": parsed.chanmaster}
    given = dict(tables) | {name: file for name, file in replaced.items() if file is not None}
    own = (
        {"fermilpsc": fermilpsc_table()}
        if {"csc", "chanmaster"} <= set(given)
        else simulated_tables()
    )
    archive = EmbeddedArchive({**own, **given}, port=port)
    with progress_bar(1, description="Embedded archive", unit="service") as bar:
        archive.start()
        bar.update(1)
    try:
        yield archive
    finally:
        archive.stop()


def _run_query(parsed):
    from ..files import file_format, write_table

    _check_archive(parsed)
    file_format(parsed.output)
    adql = re.match(r"\s*select\s", parsed.what, re.IGNORECASE)
    if adql and parsed.columns:
        raise InvalidInputError(
            "--columns is for a table, not for an ADQL query.",
            remedy="name the columns in the query.",
        )
    with _client(parsed) as client:
        if adql:
            table = client.query_tap(parsed.what, maxrec=parsed.maxrec)
        else:
            table = client.query_table(parsed.what, columns=parsed.columns, maxrec=parsed.maxrec)
    write_table(table, parsed.output)
    sys.stdout.write(f"{len(table):,} rows, {len(table.colnames)} columns: {parsed.output}\n")


def _read_sides(parsed):
    """The two tables, and where their positions are."""
    from ..files import read_table

    positions, tables = {}, []
    for side in ("left", "right"):
        named = getattr(parsed, f"{side}_coordinates")
        tables.append(read_table(getattr(parsed, side)))
        _assume_degrees(tables[-1], (named or "").split(","))
        positions[f"{side}_coordinates"] = tuple(named.split(",")) if named else None
    return *tables, positions


def _run_match(parsed):
    from ..crossmatch import crossmatch_tables
    from ..files import file_format, write_table

    file_format(parsed.output)
    left, right, positions = _read_sides(parsed)
    radius = parsed.radius if parsed.radius in right.colnames else _radius(parsed.radius)
    pairs = crossmatch_tables(left, right, radius, join=parsed.join, keep=parsed.keep, **positions)
    write_table(pairs, parsed.output)
    sys.stdout.write(f"{len(pairs):,} pairs: {parsed.output}\n")


def _run_associate(parsed):
    from ..association import associate_tables, calibrate_association
    from ..files import file_format, read_table, write_table
    from ..progress import progress_bar

    paths = [path for path in (parsed.output, parsed.calibration) if path is not None]
    for path in paths:
        file_format(path)
    left, right, options = _read_sides(parsed)
    options |= {
        "flux": parsed.flux,
        "field_radius": _radius(parsed.field_radius),
        "fields": None if parsed.fields is None else read_table(parsed.fields),
    }
    with progress_bar(len(paths), description="Associations", unit="table") as bar:
        for path, step in zip(paths, (associate_tables, calibrate_association), strict=False):
            table = step(left, right, **options)
            write_table(table, path)
            sys.stdout.write(f"{len(table):,} rows: {path}\n")
            bar.update(1)


def _assume_degrees(table, named):
    """A CSV file has no units: positions without one are in degrees."""
    usual = {"ra", "dec", "raj2000", "dej2000", "glon", "glat", "l", "b", "lii", "bii"}
    for column in table.itercols():
        if column.unit is None and (column.name in named or column.name.lower() in usual):
            column.unit = "deg"


def _radius(text):
    try:
        return _angle(text)
    except argparse.ArgumentTypeError as error:
        raise InvalidInputError(f"The radius {error}, or name a column of RIGHT.") from None


def _run_serve(parsed):
    import threading

    from ..reproduce.closing import serving_text

    with _embedded(parsed, parsed.table, parsed.port) as archive:
        sys.stdout.write(serving_text(archive.url))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("Stopped.\n")
