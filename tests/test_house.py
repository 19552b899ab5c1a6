# Licensed under a 3-clause BSD style license - see LICENSE
"""Check what no tool does: a light import, public names, the README's two lines, no machine."""

import enum
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import astroquery_cfx

ROOT = Path(__file__).resolve().parents[1]

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


def reference_modules():
    """Return the modules on the reference page, whose names are the public ones."""
    page = (ROOT / "docs" / "reference.rst").read_text()
    return re.findall(r"auto(?:mod|module)api?:: ([\w.]+)", page)


def public_names():
    """Yield the full name of each public function, class and method that a class adds."""
    for module in reference_modules():
        loaded = importlib.import_module(module)
        for name in loaded.__all__:
            thing = getattr(loaded, name)
            if inspect.isclass(thing) and issubclass(thing, Exception | enum.Enum):
                continue  # the base classes document what these take
            if inspect.isclass(thing) or inspect.isroutine(thing):
                yield f"{thing.__module__}.{thing.__qualname__}"
            if inspect.isclass(thing):
                for name, method in vars(thing).items():
                    default = inspect.isbuiltin(method)  # of a field, as time.sleep
                    if not (name.startswith("_") or default) and inspect.isroutine(
                        getattr(thing, name)
                    ):
                        yield f"{thing.__module__}.{thing.__qualname__}.{name}"


def test_only_public_modules_declare_public_names():
    modules = [
        found.name for found in pkgutil.walk_packages(astroquery_cfx.__path__, "astroquery_cfx.")
    ]
    declaring = {
        name
        for name in ["astroquery_cfx", *modules]
        if not name.endswith(("__main__", "._version"))
        and hasattr(importlib.import_module(name), "__all__")
    }
    assert declaring == set(reference_modules())


def test_public_docstrings_are_numpydoc():
    numpydoc = pytest.importorskip("numpydoc.validate")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ignored = set(project["tool"]["numpydoc_validation"]["checks"])
    faults = []
    for name in sorted(set(public_names())):
        thing = numpydoc.Validator._load_obj(name)
        lines = len(inspect.getdoc(thing).splitlines())
        # A method, or a class of plain values, may say all in one line.
        short = (
            {"PR01", "RT01"} if lines == 1 and (inspect.isclass(thing) or "." in name) else set()
        )
        faults += [
            f"{name}: {code} {text}"
            for code, text in numpydoc.validate(name)["errors"]
            if code not in ignored | short
        ]
    assert faults == []


def test_names_users_start_from_show_how():
    for name in ("crossmatch_tables", "group_matches", "CSCPlaneClass", "Fermi4FGLClass"):
        assert ">>>" in inspect.getdoc(getattr(astroquery_cfx, name)), f"{name} shows no example"


def test_public_names_have_type_hints():
    faults = []
    for name in sorted(set(public_names())):
        thing = inspect.unwrap(_load(name))
        function = thing.__init__ if inspect.isclass(thing) else thing
        if not inspect.isfunction(function):
            continue
        signature = inspect.signature(function)
        faults += [
            f"{name}({parameter.name})"
            for parameter in list(signature.parameters.values())
            if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
        ]
        if not inspect.isclass(thing) and signature.return_annotation is signature.empty:
            faults.append(f"{name} -> ?")
    assert faults == []


def _load(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(name)


def tracked():
    done = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


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
        guilty += [f"{path.relative_to(ROOT)}: {found[0]}" for found in MACHINE.finditer(text)]
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


def test_citation_is_valid():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
    assert all(
        {"type", "title", "authors"} <= set(reference) for reference in citation["references"]
    )


def test_readme_has_its_two_lines():
    lines = (ROOT / "README.rst").read_text().splitlines()
    commands = [line.strip() for line in lines[:12] if line.startswith("    python3 -m venv ")]
    assert len(commands) == 2
    assert commands[0].endswith("astroquery-cfx reproduce --archive embedded")
    assert commands[1].endswith("-m pytest")
    for command in commands:
        folder = command.split()[3]
        assert command.count(f"{folder}/bin/") == 2
