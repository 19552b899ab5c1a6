# Licensed under a 3-clause BSD style license - see LICENSE
"""The files of the simulated sky: kept, checked, and made again where they are damaged."""

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from astroquery_cfx.archive import sky
from astroquery_cfx.archive.sky import simulated_sky, simulation
from astroquery_cfx.errors import InvalidInputError, OutputError
from astroquery_cfx.files import read_table

SIZE = {"sources": 300, "observations": 60}


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    (tmp_path / "astropy").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "astropy" / "astroquery_cfx" / "sky"


@pytest.fixture(scope="module")
def made_sky(tmp_path_factory):
    """The folder of a cache with one sky, which takes a while to draw."""
    home = tmp_path_factory.mktemp("sky")
    (home / "astropy").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        simulated_sky(**SIZE)
    return home / "astropy" / "astroquery_cfx" / "sky"


@pytest.fixture
def filled_cache(own_cache, made_sky):
    """A cache of the test's own that holds that sky."""
    shutil.copytree(made_sky, own_cache)
    return own_cache


def test_the_files_hold_the_sky_and_say_that_it_is_simulated(own_cache):
    paths = simulated_sky(**SIZE)
    assert set(paths) == {"csc", "chanmaster"}
    drawn = sky.draw_sky(**SIZE, seed=3387)
    for name, what in (("csc", "source"), ("chanmaster", "observation")):
        table = read_table(paths[name])
        assert own_cache in paths[name].parents
        assert table.colnames == drawn[name].colnames
        assert (
            table.meta["simulated"]
            == f"Simulated sky, seed 3387: no row of this table is a real Chandra {what}."
        )
        assert table.meta["description"].startswith(table.meta["simulated"])
        for column in table.colnames:
            assert table[column].unit == drawn[name][column].unit
            assert table[column].description == drawn[name][column].description
            assert table[column].meta["ucd"] == drawn[name][column].meta["ucd"]
            np.testing.assert_array_equal(
                np.ma.compressed(table[column]), np.ma.compressed(drawn[name][column])
            )


def test_a_second_call_takes_the_files_as_they_are(filled_cache):
    first = simulated_sky(**SIZE)
    times = [path.stat().st_mtime_ns for path in first.values()]
    assert simulated_sky(**SIZE) == first
    assert [path.stat().st_mtime_ns for path in first.values()] == times


@pytest.mark.parametrize("change", [{"seed": 1}, {"sources": 301}, {"observations": 61}])
def test_another_sky_has_another_place(filled_cache, change):
    assert simulated_sky(**SIZE)["csc"].parent != simulated_sky(**{**SIZE, **change})["csc"].parent
    assert len(list(filled_cache.iterdir())) == 2


def test_another_recipe_has_another_place(filled_cache, monkeypatch, tmp_path):
    first = simulated_sky(**SIZE)
    changed = tmp_path / "another.py"
    changed.write_text("# another recipe")
    monkeypatch.setattr(simulation, "RECIPE", [*simulation.RECIPE, changed])
    assert simulated_sky(**SIZE)["csc"].parent != first["csc"].parent


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def lose(path):
    path.unlink()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["csc.parquet", "chanmaster.parquet", "sha256.json"])
@pytest.mark.parametrize("damage", [cut, flip, empty, lose])
def test_a_damaged_file_is_made_again(filled_cache, file, damage):
    paths = simulated_sky(**SIZE)
    whole = {name: path.read_bytes() for name, path in paths.items()}
    damage(paths["csc"].with_name(file))
    again = simulated_sky(**SIZE)
    assert {name: path.read_bytes() for name, path in again.items()} == whole
    assert not list(filled_cache.glob(".aside-*"))


def test_without_the_cache_the_files_are_the_same_elsewhere(own_cache):
    paths = simulated_sky(**SIZE, cache=False)
    assert not own_cache.exists()
    other = simulated_sky(**SIZE, cache=False)
    assert paths["csc"].parent != other["csc"].parent
    for name, path in paths.items():
        assert path.read_bytes() == other[name].read_bytes()


def test_two_threads_can_make_it_at_the_same_time(own_cache):
    together = threading.Barrier(2)

    def make(_):
        together.wait()
        return simulated_sky(**SIZE)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(make, range(2))
    assert first == second
    assert len(read_table(first["csc"])) == SIZE["sources"]
    assert list(own_cache.iterdir()) == [first["csc"].parent]


@pytest.mark.slow
def test_two_processes_can_make_it_at_the_same_time(own_cache):
    program = (
        "from astroquery_cfx.archive.sky import simulated_sky\n"
        "print(simulated_sky(sources=2_000, observations=200)['csc'])"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert len(read_table(answers[0][0].strip())) == 2_000
    assert [path.name for path in own_cache.iterdir()] == [
        simulated_sky(sources=2_000, observations=200)["csc"].parent.name
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": 0},
        {"observations": -1},
        {"sources": 2.5},
        {"seed": -1},
        {"observations": True},
        {"sources": "many"},
    ],
)
def test_invalid_sizes(own_cache, wrong):
    with pytest.raises(InvalidInputError, match=f"{next(iter(wrong))}=.*whole number"):
        simulated_sky(**{**SIZE, **wrong})
    assert not own_cache.exists()


def test_a_cache_that_cannot_be_written_to(own_cache):
    own_cache.parent.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="simulated sky could not be written"):
        simulated_sky(**SIZE)
