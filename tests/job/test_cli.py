# Licensed under a 3-clause BSD style license - see LICENSE
"""The command line: what it writes, how it fails, and that it can be stopped."""

import functools
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from astroquery_cfx import CSCPlaneClass, Fermi4FGL, __version__, conf
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.arrays import to_texts
from astroquery_cfx.cli import main
from astroquery_cfx.cli.commands import COMMANDS
from astroquery_cfx.cli.parser import parse_arguments
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.files import read_table, write_table
from astroquery_cfx.reproduce import reproduce


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A Chandra table around Fermi sources and a few observations, as files."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(7)
    # Around PSR B1706-44 and the Galactic Centre.
    ra = np.concatenate([rng.uniform(257.3, 257.5, 100), rng.uniform(266.3, 266.5, 200)])
    dec = np.concatenate([rng.uniform(-44.6, -44.4, 100), rng.uniform(-29.1, -28.9, 200)])
    csc = Table(
        {
            "name": [f"2CXO J{row:06d}.0-440000" for row in range(300)],
            "ra": ra,
            "dec": dec,
            "lii": ra,
            "bii": np.zeros(300),
            "b_flux_ap": 10 ** rng.uniform(-15, -12, 300),
        }
    )
    chanmaster = Table(
        {
            "obsid": np.arange(40),
            "ra": rng.uniform(0, 360, 40),
            "dec": rng.uniform(-80, 80, 40),
            "exposure": rng.uniform(1e3, 1e5, 40),
            "detector": ["ACIS-I"] * 40,
            "time": rng.uniform(5e4, 6e4, 40),
            "name": ["x"] * 40,
        }
    )
    for table in (csc, chanmaster):
        table["ra"].unit = table["dec"].unit = "deg"
    write_table(csc, folder / "csc.fits")
    write_table(chanmaster, folder / "chanmaster.parquet")
    return folder


@pytest.fixture(scope="module")
def archive(files):
    with EmbeddedArchive(
        {"csc": files / "csc.fits", "chanmaster": files / "chanmaster.parquet"}
    ) as running:
        yield running


def embedded(files):
    return [
        "--archive",
        "embedded",
        "--csc",
        str(files / "csc.fits"),
        "--chanmaster",
        str(files / "chanmaster.parquet"),
    ]


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def assert_one_sentence(error, *words):
    assert error.count("\n") == 1, error
    assert error.startswith("astroquery-cfx")
    assert "Traceback" not in error
    for word in words:
        assert word in error


def tables_of(folder):
    return {
        path.name: path.read_bytes()
        for path in (folder / "tables").iterdir()
        if path.suffix in {".ecsv", ".csv"}
    }


@pytest.mark.slow
def test_embedded_and_a_service_give_the_same_tables(files, archive, tmp_path, capsys):
    code, out, error = run(capsys, "reproduce", *embedded(files), "--output", tmp_path / "one")
    assert code == 0, error
    assert "shipped with the package" in error
    assert re.search(r"Fermi sources in them +[1-9]", out)
    assert str(tmp_path / "one" / "index.html") in out
    reproduce(
        tmp_path / "two",
        client=CSCPlaneClass(vo_url=archive.url),
        figures=[],
        show_progress=False,
        fermi=Fermi4FGL.get_catalog(path=shipped_catalog()),
    )
    one, two = tables_of(tmp_path / "one"), tables_of(tmp_path / "two")
    assert len(one) == 11
    assert len(list((tmp_path / "one" / "figures").iterdir())) == 28
    assert one == two


def test_query_writes_whole_tables(archive, tmp_path, capsys):
    code, out, error = run(
        capsys,
        "query",
        "csc",
        "--archive",
        archive.url + "/tap",
        "--columns",
        "name,ra",
        "--output",
        tmp_path / "csc.parquet",
    )
    assert (code, error) == (0, "")
    table = read_table(tmp_path / "csc.parquet")
    assert (len(table), table.colnames) == (300, ["name", "ra"])
    assert table.meta["completeness"]["rows"] == 300
    assert out.startswith("300 rows, 2 columns")
    code, _, _ = run(
        capsys,
        "query",
        "SELECT obsid FROM chanmaster WHERE obsid < 5",
        "--archive",
        archive.url,
        "--output",
        tmp_path / "few.csv",
    )
    assert code == 0
    assert read_table(tmp_path / "few.csv")["obsid"].tolist() == [0, 1, 2, 3, 4]
    code, _, _ = run(
        capsys,
        "query",
        "chanmaster",
        "--columns",
        "obsid",
        "--archive",
        archive.url,
        "--maxrec",
        3,
        "--output",
        tmp_path / "first.ecsv",
    )
    assert (code, len(read_table(tmp_path / "first.ecsv"))) == (0, 3)


def test_match_writes_pairs(files, tmp_path, capsys):
    arguments = [
        "match",
        files / "csc.fits",
        shipped_catalog(),
        "--right-coordinates",
        "RAJ2000,DEJ2000",
        "--left-coordinates",
        "ra,dec",
        "--output",
        tmp_path / "pairs.ecsv",
    ]
    code, out, error = run(capsys, *arguments, "--radius", "0.1deg")
    assert (code, error) == (0, "")
    pairs = read_table(tmp_path / "pairs.ecsv")
    assert out.startswith(f"{len(pairs)} pairs")
    assert 0 < pairs["separation"].max() <= 0.1
    code, _, _ = run(capsys, *arguments, "--radius", "Conf_95_SemiMajor")
    by_column = read_table(tmp_path / "pairs.ecsv")
    assert code == 0
    assert np.all(by_column["separation"] <= by_column["Conf_95_SemiMajor"])


def test_match_takes_degrees_where_a_file_has_no_units(tmp_path, capsys):
    (tmp_path / "left.csv").write_text("name,x,y\na,10.0,0\nb,50,1\n")
    (tmp_path / "right.csv").write_text("name,RA,Dec,r95\nX,10.01,0,0.1\nY,49,1,0.1\n")
    arguments = ["match", tmp_path / "left.csv", tmp_path / "right.csv"]
    arguments += ["--radius", "0.1deg", "--output", tmp_path / "pairs.csv"]
    code, _, error = run(capsys, *arguments)
    assert code == 2
    assert_one_sentence(error, "left table")
    arguments += ["--left-coordinates", "x,y"]
    for join, pairs in (("inner", ["aX"]), ("left", ["aX", "b"]), ("right", ["aX", "Y"])):
        code, out, _ = run(capsys, *arguments, "--join", join)
        assert (code, out.split()[0]) == (0, str(len(pairs)))
        table = read_table(tmp_path / "pairs.csv")
        found = zip(to_texts(table["left_name"]), to_texts(table["right_name"]), strict=True)
        assert ["".join(pair) for pair in found] == pairs


@pytest.mark.parametrize("keep", ["all", "nearest_left", "nearest_right", "mutual"])
def test_keep_reaches_the_match(keep, tmp_path, capsys):
    # Three points on a line: a is nearest to X, X is nearest to b, and Y to b.
    left = Table({"left": ["a", "b"], "ra": [0.0, 0.5], "dec": [0.0, 0.0]})
    right = Table({"right": ["X", "Y"], "ra": [0.3, 0.6], "dec": [0.0, 0.0]})
    for name, table in (("left", left), ("right", right)):
        table["ra"].unit = table["dec"].unit = "deg"
        write_table(table, tmp_path / f"{name}.fits")
    arguments = ["match", tmp_path / "left.fits", tmp_path / "right.fits", "--radius", "0.4deg"]
    arguments += ["--keep", keep, "--output", tmp_path / "pairs.fits"]
    code, _, error = run(capsys, *arguments)
    assert (code, error) == (0, "")
    pairs = read_table(tmp_path / "pairs.fits")
    found = {one + other for one, other in zip(pairs["left"], pairs["right"], strict=True)}
    assert (
        found
        == {
            "all": {"aX", "bX", "bY"},
            "nearest_left": {"bX", "bY"},
            "nearest_right": {"aX", "bY"},
            "mutual": {"bY"},
        }[keep]
    )


USAGE = [
    (
        ["reproduce", "--radius", "0.1"],
        ["--radius: '0.1' is not an angle", "with a unit", "0.1deg"],
    ),
    (["reproduce", "--b-max", "10"], ["--b-max: '10' is not an angle", "with a unit"]),
    (["reproduce", "--b-max", "90.1deg"], ["between 0deg and 90deg"]),
    (["reproduce", "--b-max", "-1deg"], ["--b-max: '-1deg' is not an angle"]),
    (["reproduce", "--radius", "3m"], ["'3m' is not an angle"]),
    (["reproduce", "--radius", "--debug"], ["--radius: expected one argument"]),
    (["reproduce", "--radius", "-0.1deg"], ["between 0deg and 90deg"]),
    (["reproduce", "--b-max", "nandeg"], ["between 0deg and 90deg"]),
    (["reproduce", "--radius", "3kg"], ["not an angle"]),
    (["reproduce", "--radius", "far"], ["not an angle"]),
    (["reproduce", "--archive", "nowhere"], ["'nowhere'", "heasarc, embedded, or a URL"]),
    (["reproduce", "--csc", "my.fits"], ["--archive embedded"]),
    (
        ["reproduce", "--archive", "http://127.0.0.1:9", "--chanmaster", "my.fits"],
        ["--archive embedded"],
    ),
    (["reproduce", "--archive", "embedded", "--fermi", "DR9"], ["DR9", "DR4"]),
    (["query", "csc"], ["--output"]),
    (["query", "csc", "--output", "csc.doc"], [".parquet"]),
    (["query", "SELECT 1 FROM csc", "--columns", "a", "--output", "a.csv"], ["--columns"]),
    (["query", "csc", "--csc", "my.fits", "--output", "a.csv"], ["--archive embedded"]),
    (["associate", "a.fits", "b.fits", "--output", "c.fits", "--calibration", "c"], [".parquet"]),
    (["match", "a.fits", "b.fits", "--radius", "1deg", "--output", "c.doc"], [".parquet"]),
    (["serve", "--port", "65536"], ["'65536' is not a port"]),
    (["serve", "--port", "-1"], ["--port"]),
    (["serve", "--port", "http"], ["'http' is not a port"]),
    (["serve", "--table", "nonsense"], ["NAME=FILE"]),
    (["serve", "--table", "=a.fits"], ["NAME=FILE"]),
    (["serve", "--table", "name="], ["NAME=FILE"]),
    (["serve", "--table", "no name=a.fits"], ["NAME=FILE"]),
    (["conquer"], ["conquer"]),
    ([], ["COMMAND"]),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE, ids=lambda value: " ".join(value)[:40])
def test_usage_errors_end_with_2(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, error = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert_one_sentence(error, *words)
    assert list(tmp_path.iterdir()) == []


def cut_catalogue(folder):
    (folder / "cut.fits").write_bytes(shipped_catalog().read_bytes()[:20_000])
    return folder / "cut.fits"


FAILURES = {
    "no such file": (lambda files, folder: folder / "absent.fits", "absent.fits"),
    "cut": (lambda files, folder: cut_catalogue(folder), "cut.fits"),
    "no FITS": (lambda files, folder: files / "chanmaster.parquet", "chanmaster.parquet"),
    "another catalogue": (lambda files, folder: files / "csc.fits", "csc.fits"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_bad_fermi_files_end_with_1(case, files, archive, tmp_path, capsys):
    make, word = FAILURES[case]
    file = make(files, tmp_path)
    code, out, error = run(
        capsys,
        "reproduce",
        "--archive",
        archive.url,
        "--fermi",
        f"{file.parent}/{file.name}",
        "--output",
        tmp_path / "out",
    )
    assert (code, out) == (1, "")
    assert_one_sentence(error, word)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["absent", "no FITS", "another catalogue", "no rows"])
def test_bad_chandra_files_end_with_1(case, files, tmp_path, capsys):
    file = tmp_path / "bad.fits"
    if case == "no FITS":
        file.write_text("<html>503</html>")
    elif case == "another catalogue":
        write_table(Table({"lon": [1.0], "lat": [2.0]}), file)
    elif case == "no rows":
        write_table(read_table(files / "csc.fits")[:0], file)
    code, out, error = run(
        capsys,
        "reproduce",
        "--archive",
        "embedded",
        "--csc",
        file,
        "--chanmaster",
        files / "chanmaster.parquet",
        "--fermi",
        shipped_catalog(),
        "--output",
        tmp_path / "out",
    )
    assert (code, out) == (1, "")
    assert_one_sentence(error.splitlines(keepends=True)[-1])
    assert not (tmp_path / "out" / "summary.json").exists()


def test_archive_that_is_down_ends_with_1(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with conf.set_temp("retries", 0):
        code, out, error = run(
            capsys,
            "reproduce",
            "--archive",
            f"http://127.0.0.1:{port}",
            "--fermi",
            shipped_catalog(),
            "--output",
            tmp_path / "out",
        )
    assert (code, out) == (1, "")
    assert_one_sentence(error, str(port))


def test_folder_that_cannot_be_written_ends_with_1(archive, tmp_path, capsys):
    (tmp_path / "file").write_text("older")
    code, _, error = run(
        capsys,
        "reproduce",
        "--archive",
        archive.url,
        "--fermi",
        shipped_catalog(),
        "--output",
        tmp_path / "file" / "out",
    )
    assert code == 1
    assert_one_sentence(error, "cannot be written")
    assert (tmp_path / "file").read_text() == "older"


def test_unknown_column_and_table_end_with_1(archive, tmp_path, capsys):
    for what in (["csc", "--columns", "name,flux_aper_b"], ["cscx", "--columns", "name"]):
        code, _, error = run(
            capsys, "query", *what, "--archive", archive.url, "--output", tmp_path / "t.csv"
        )
        assert code in {1, 2}
        assert_one_sentence(error, "flux_aper_b" if what[0] == "csc" else "cscx")


def test_match_of_damaged_and_other_files(files, tmp_path, capsys):
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE")
    code, _, error = run(
        capsys,
        "match",
        tmp_path / "broken.fits",
        files / "csc.fits",
        "--radius",
        "1deg",
        "--output",
        tmp_path / "pairs.csv",
    )
    assert code == 1
    assert_one_sentence(error, "broken.fits")
    for radius, word in (("0.1", "unit"), ("no_such_column", "column"), ("-1deg", "between")):
        code, _, error = run(
            capsys,
            "match",
            files / "csc.fits",
            files / "csc.fits",
            "--radius",
            radius,
            "--output",
            tmp_path / "pairs.csv",
        )
        assert code == 2
        assert_one_sentence(error, word)
    assert not (tmp_path / "pairs.csv").exists()


def test_debug_shows_the_traceback(capsys):
    code, _, error = run(capsys, "reproduce", "--debug", "--archive", "nowhere")
    assert code == 2
    assert "Traceback" in error


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_the_program_itself_asks_for_its_traceback(debug, capsys, monkeypatch):
    def stumble(arguments):
        raise ZeroDivisionError("by nought")

    monkeypatch.setitem(COMMANDS, "serve", stumble)
    if debug:
        with pytest.raises(ZeroDivisionError, match="by nought"):
            main(["serve", "--debug"])
        return
    code, out, error = run(capsys, "serve")
    assert (code, out) == (1, "")
    assert_one_sentence(error, "serve: unexpected ZeroDivisionError: by nought.", "--debug")


def test_version(capsys):
    code, out, _ = run(capsys, "--version")
    assert (code, out.split()[-1]) == (0, __version__)


def commands_in(text):
    """The commands that a text shows, with what a backslash continues."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return re.findall(r"^ +(?:\$ )?astroquery-cfx (.*)", joined, re.MULTILINE)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_and_its_examples_can_be_pasted(command, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, error = run(capsys, *command.split(), "--help")
    assert (code, error) == (0, "")
    assert [line for line in out.splitlines() if len(line) > width] == []
    examples = commands_in(out.partition("examples:")[2])
    assert len(examples) >= 2
    for example in examples:
        parsed = parse_arguments(shlex.split(example))
        assert parsed.command == (command or example.split()[0])


def test_commands_of_the_guide_are_commands():
    guide = Path(__file__).resolve().parents[2] / "docs" / "guide"
    shown = commands_in((guide / "command_line.rst").read_text())
    shown += commands_in((guide / "real_archives.rst").read_text())
    assert {parse_arguments(shlex.split(line)).command for line in shown} == set(COMMANDS)


def test_arguments_are_what_was_typed():
    parsed = parse_arguments(["reproduce", "--radius", "3arcmin"])
    assert str(parsed.radius) == "3.0 arcmin"  # in the unit that the page then shows
    assert (parsed.b_max, parsed.output) == (10 * u.deg, Path("cfx-output"))
    assert (parsed.archive, parsed.fermi, parsed.debug) == ("heasarc", None, False)
    for limit in (0 * u.deg, 90 * u.deg):
        assert parse_arguments(["reproduce", "--b-max", f"{limit.value}deg"]).b_max == limit
    served = ["serve", "--table", "a=b.fits", "--table", "c=d=e.csv", "--port", "65535"]
    parsed = parse_arguments(served)
    assert parsed.table == [("a", Path("b.fits")), ("c", Path("d=e.csv"))]
    assert parsed.port == 65535


def start(*arguments):
    # Its own group, so that a signal meets it alone.
    return subprocess.Popen(
        [sys.executable, "-m", "astroquery_cfx.cli", *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a test run in the background of a shell inherits that Ctrl-C is ignored
        preexec_fn=functools.partial(  # noqa: PLW1509
            signal.signal, signal.SIGINT, signal.SIG_DFL
        ),
        env={**os.environ, "PYTHONWARNINGS": ""},
    )


def first_line(process, seconds=60):
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def test_serve_tells_its_address_and_stops_at_ctrl_c(files, capsys):
    process = start("serve", *embedded(files)[2:], "--table", f"mine={files / 'csc.fits'}")
    try:
        url, told = first_line(process).split()[-1], ""
        while "Ctrl-C" not in told:
            told += process.stdout.readline()
        port = url.split(":")[2].split("/")[0]
        code, _, error = run(capsys, "serve", *embedded(files)[2:], "--port", port)
        assert code == 1
        assert_one_sentence(error, port, "in use")
        import pyvo

        answer = pyvo.dal.TAPService(url).search("SELECT COUNT(*) AS n FROM mine")
        assert answer["n"][0] == 300
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in error
    assert f"reproduce --archive {url.removesuffix('/tap')}" in told
    assert out == "Stopped.\n"


def test_ctrl_c_leaves_older_results_whole(files, tmp_path):
    (tmp_path / "summary.json").write_text("older")
    process = start("reproduce", *embedded(files), "--output", tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not any(Path(tmp_path).glob(".aside-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "stopped" in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    assert (tmp_path / "summary.json").read_text() == "older"


@pytest.mark.slow
def test_issue_commands_give_the_known_counts(shared_data, tmp_path, capsys):
    """The whole simulated sky is made first: about a minute."""
    sample = ["--csc", shared_data / "csc_real_sample.fits"]
    fermi = ["--fermi", shared_data / "fermi" / "gll_psc_v35.fit.gz"]
    code, out, error = run(
        capsys, "reproduce", "--archive", "embedded", *sample, *fermi, "--output", tmp_path / "one"
    )
    assert code == 0, error
    assert re.search(r"pairs +566\n", out)
    assert re.search(r"Fermi sources in them +75\n", out)
    process = start("serve", *sample)
    try:
        url = first_line(process, 300).split()[-1]
        code, _, error = run(
            capsys,
            "reproduce",
            "--archive",
            url.removesuffix("/tap"),
            *fermi,
            "--output",
            tmp_path / "two",
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert code == 0, error
    assert tables_of(tmp_path / "one") == tables_of(tmp_path / "two")
