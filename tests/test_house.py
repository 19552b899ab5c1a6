# Licensed under a 3-clause BSD style license - see LICENSE
"""The rules of the house (docs/architecture) as tests of the source itself."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

import astroquery_cfx

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "astroquery_cfx"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "_version.py")

# Who may import whom: each room, and the rooms it may look into (itself is understood).
GROUND = {"errors", "files", "progress", "_version"}
ARROWS = {
    "errors": set(),
    "progress": set(),
    "files": {"errors"},
    "tap": GROUND,
    "crossmatch": {"errors", "files"},  # files: for hats_files.py alone
    "figures": {"errors", "fermi.classes", "crossmatch.ellipse"},
    "csc": GROUND | {"tap"},
    "fermi": GROUND | {"crossmatch"},
    "archive": GROUND | {"fermi"},
    "reproduce": GROUND | {"csc", "fermi", "crossmatch", "figures", "tap", "report"},
    "report": GROUND,
    "closing": GROUND,
    "usage": set(),
    "cli": None,  # the shell over all of it
}


def dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def own_imports(path):
    """Modules of this package that a file imports, as dotted names below the package."""
    name = dotted(path)
    package = name if path.name == "__init__.py" else name[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = list(package[: len(package) - node.level + 1]) + (node.module or "").split(".")
            base = [part for part in base if part]
            found = [[*base, alias.name] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [[*node.module.split("."), alias.name] for alias in node.names]
        else:
            continue
        for parts in found:
            if parts[0] == "astroquery_cfx" and len(parts) > 1:
                yield ".".join(parts[1:])


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def room_of(path):
    name = dotted(path)
    return name[1] if len(name) > 1 else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(dotted(path)))
def test_arrows_point_down(path):
    room = room_of(path)
    if not room:  # the package itself gathers the names
        return
    assert room in ARROWS, (
        f"{room} is a new room: say in docs/architecture and here what it may know"
    )
    allowed = ARROWS[room]
    if allowed is None:
        return
    for imported in own_imports(path):
        first = imported.split(".")[0]
        if first == room or first in {"conf", "Conf", "__version__"}:
            continue
        assert any(imported == name or imported.startswith(name + ".") for name in allowed), (
            f"{room} must not import {imported}"
        )


def test_only_the_command_line_knows_the_archive():
    guilty = [
        str(path)
        for path in MODULES
        if room_of(path) not in {"archive", "cli"}
        and any(name.split(".")[0] == "archive" for name in own_imports(path))
    ]
    assert guilty == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(dotted(path)))
def test_no_print_and_no_pyplot(path):
    assert "print" not in calls(path)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not any("pyplot" in name or "pylab" in name for name in imported)


def docstring_lines(node):
    """How many lines of a module, class or function are its docstring."""
    first = node.body[0] if node.body else None
    has_one = isinstance(first, ast.Expr) and isinstance(
        getattr(first, "value", None), ast.Constant
    )
    return first.end_lineno - first.lineno + 1 if has_one else 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(dotted(path)))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    nodes = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    assert len(text.splitlines()) - sum(docstring_lines(node) for node in nodes) < 400
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno - docstring_lines(node) < 60, (
                f"{node.name} is too long"
            )


IMPORT = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("import opened a socket")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import astroquery_cfx
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_import_opens_no_socket_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "astroquery_cfx" in loaded
    assert loaded.isdisjoint({"matplotlib", "scipy", "duckdb", "sqlglot", "pyarrow", "pandas"})


def public_modules():
    for found in pkgutil.walk_packages(astroquery_cfx.__path__, "astroquery_cfx."):
        if not found.name.rsplit(".", 1)[1].startswith("_"):
            yield found.name


@pytest.mark.parametrize("module", ["astroquery_cfx", *public_modules()])
def test_public_names_exist_and_are_documented(module):
    loaded = importlib.import_module(module)
    assert inspect.getdoc(loaded)
    for name in getattr(loaded, "__all__", []):
        thing = getattr(loaded, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert thing.__doc__, f"{module}.{name} has no docstring"


def public_api():
    """The names on the reference page: functions, classes, and the methods that a class adds."""
    page = (ROOT / "docs" / "reference.rst").read_text()
    for module in re.findall(r"automodapi:: ([\w.]+)", page):
        loaded = importlib.import_module(module)
        for name in loaded.__all__:
            thing = getattr(loaded, name)
            if inspect.isclass(thing) and issubclass(thing, Exception):
                continue  # what they take is said once, by the base of all
            if inspect.isclass(thing) or inspect.isroutine(thing):
                yield f"{thing.__module__}.{thing.__qualname__}"
            if inspect.isclass(thing):
                yield from (
                    f"{thing.__module__}.{thing.__qualname__}.{method}"
                    for method in vars(thing)
                    if not method.startswith("_") and inspect.isroutine(getattr(thing, method))
                )


def test_public_docstrings_are_numpydoc():
    validate = pytest.importorskip("numpydoc.validate").validate
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ignored = set(project["tool"]["numpydoc_validation"]["checks"])
    faults = [
        f"{name}: {code} {text}"
        for name in sorted(set(public_api()))
        for code, text in validate(name)["errors"]
        if code not in ignored and not (code in {"PR01", "RT01"} and is_said_in_one_line(name))
    ]
    assert faults == []


def is_said_in_one_line(name):
    """Whether this is a method, or a class of plain values, whose docstring is one line."""
    thing = importlib.import_module("numpydoc.validate").Validator._load_obj(name)
    small = inspect.isclass(thing) or "." in thing.__qualname__
    return small and len(inspect.getdoc(thing).splitlines()) == 1


def test_names_users_start_from_show_how():
    for name in ("crossmatch_tables", "group_matches", "CSCPlaneClass", "Fermi4FGLClass"):
        assert ">>>" in inspect.getdoc(getattr(astroquery_cfx, name)), f"{name} shows no example"


def tracked():
    done = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


# Written in pieces, so that this file does not name them either.
MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(wo" + r"rk|ro" + r"ot|ho" + r"me|Us" + r"ers|opt)/",
            r"/tmp/" + r"\w",
            r"\.py" + r"env/",
            "files." + "pythonhosted",
            "pypi." + "org",
            "anaconda." + "org",
            "deb." + r"debian\.",
            "artif" + "actory",
        ]
    )
)


def test_nothing_names_a_machine():
    guilty = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        guilty += [f"{path.relative_to(ROOT)}: {found.group()}" for found in MACHINE.finditer(text)]
    assert guilty == []


def test_data_beside_the_checkout_are_for_tests_only():
    guilty = [
        str(path)
        for path in tracked()
        if path.suffix in {".py", ".rst", ".toml", ".cfg", ".ini", ".md"}
        and path.relative_to(ROOT).parts[0] not in {"tests", "benchmarks"}
        and "shared" + "/" in path.read_text()
    ]
    assert guilty == []


def test_readme_has_its_two_lines():
    lines = (ROOT / "README.rst").read_text().splitlines()
    commands = [line.strip() for line in lines[:12] if line.startswith("    python3 -m venv ")]
    assert len(commands) == 2
    assert commands[0].endswith("astroquery-cfx reproduce --archive embedded")
    assert commands[1].endswith("-m pytest")
    for command in commands:
        folder = command.split()[3]
        assert command.count(f"{folder}/bin/") == 2


def test_citation_is_valid():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
    assert all(
        {"type", "title", "authors"} <= set(reference) for reference in citation["references"]
    )


def test_version_is_known():
    assert re.match(r"\d+\.\d+", astroquery_cfx.__version__)


def test_no_setting_stands_twice():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {"pytest", "coverage", "tox", "setuptools"} & set(project["tool"]) == {"setuptools"}
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert all(
        section == "tool:pytest" or section.startswith("coverage:") for section in setup.sections()
    )
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    assert all(section == "tox" or section.startswith("testenv") for section in tox.sections())


def test_architecture_names_every_room_and_nothing_that_is_not():
    page = (ROOT / "docs" / "architecture" / "index.rst").read_text().split("Rules of the house")[0]
    rooms = {room_of(path) for path in MODULES} - {""}
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}(/|\.py)", page)] == []
    assert set(re.findall(r"\w+\.py", page)) <= {path.name for path in MODULES}


def test_every_module_has_its_place_on_the_page_of_the_architecture():
    page = (ROOT / "docs" / "architecture" / "index.rst").read_text()
    rooms = dict(
        re.findall(r"^``([a-z_/]+)``\n-+\n(.*?)(?=^``[a-z_/]+``\n-|^Rules)", page, re.S | re.M)
    )
    named = {
        room.removeprefix("astroquery_cfx/") + module
        for room, text in rooms.items()
        for module in re.findall(r"``(\w+\.py)``", text.partition("::")[2])
    }
    real = {str(path.relative_to(PACKAGE)) for path in MODULES if path.name != "__init__.py"}
    assert named == real
