# Licensed under a 3-clause BSD style license - see LICENSE
"""The simulated sky that the embedded archive serves when it is given nothing else.

A telescope like Chandra looks at places like Chandra's (`fields`) and finds sources like Chandra's
(`population`). No row is a real one, but the 4FGL sources in the fields have their counterparts
among the rows, and the hidden column ``__truth`` says which.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from astropy.config import get_cache_dir
from astropy.table import Table

from ...arrays import to_floats, to_texts, whole_number
from ...errors import OutputError
from ...fermi import Fermi4FGL, shipped_catalog
from ...files import write_table
from ...progress import progress_bar
from ..metadata import described_table
from . import fields, population

_SUMS = "sha256.json"
_REMEDY = "set XDG_CACHE_HOME to a folder that you may write to and that has room."
# The recipe of the sky: a sky in the cache was made from these files as they are now, and the
# shipped catalogue.
_HERE = Path(__file__).parent
RECIPE = [
    *sorted(_HERE.glob("*.py")),
    *sorted((_HERE / "data").iterdir()),
    _HERE.parent / "metadata.py",
    *sorted((_HERE.parent / "data").glob("*.csv")),
]
# fmt: off
_FERMI_COLUMNS = {
    "name": "Source_Name", "ra": "RAJ2000", "dec": "DEJ2000", "class": "CLASS1",
    "counterpart_ra": "RA_Counterpart", "counterpart_dec": "DEC_Counterpart",
    "major": "Conf_95_SemiMajor", "minor": "Conf_95_SemiMinor", "angle": "Conf_95_PosAng",
    "energy_flux": "Energy_Flux100",
}
# fmt: on


def simulated_sky(
    *,
    sources: int = 407_806,
    observations: int = fields.FULL_SIZE,
    seed: int = 3387,
    cache: bool = True,
) -> dict[str, Path]:
    """
    Make the simulated sky, or find it in the cache.

    Parameters
    ----------
    sources : int, optional
        Number of rows of ``csc``, the sources.
    observations : int, optional
        Number of rows of ``chanmaster``, the observations. Fewer are a fair sample of all.
    seed : int, optional
        The same seed gives the same sky.
    cache : bool, optional
        Keep the files in astropy's cache folder and take them from there. If False they are made
        anew, in a temporary folder that is removed when Python ends.

    Returns
    -------
    dict of str to `~pathlib.Path`
        ``'csc'`` and ``'chanmaster'``, the paths of Parquet files.

    Raises
    ------
    InvalidInputError
        If a number of rows is not a whole number above zero, or the seed is not one from zero on.
    OutputError
        If the cache folder cannot be written to.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky import simulated_sky
    >>> from astroquery_cfx.files import read_table
    >>> sky = simulated_sky(sources=300, observations=50, cache=False)
    >>> csc = read_table(sky["csc"])
    >>> len(csc), csc.meta["simulated"]
    (300, 'Simulated sky, seed 3387: no row of this table is a real Chandra source.')
    """
    size = {
        "sources": whole_number(sources, "sources", least=1),
        "observations": whole_number(observations, "observations", least=1),
        "seed": whole_number(seed, "seed"),
    }
    try:
        if cache:
            return _from_cache(size)
        folder = Path(tempfile.mkdtemp(prefix="simulated-sky-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _write(folder, size)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"The simulated sky could not be written to {error.filename}: {error.strerror}.",
            remedy=_REMEDY,
        ) from error


def draw_sky(*, sources: int, observations: int, seed: int) -> dict[str, Table]:
    """
    Draw the simulated sky as tables, without writing files.

    Parameters
    ----------
    sources, observations, seed : int
        As for `simulated_sky`.

    Returns
    -------
    dict of str to `~astropy.table.Table`
        ``'csc'`` and ``'chanmaster'``.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky import draw_sky
    >>> tables = draw_sky(sources=300, observations=50, seed=1)
    >>> {name: len(table) for name, table in tables.items()}
    {'csc': 300, 'chanmaster': 50}
    """
    catalog = Fermi4FGL.get_catalog(path=shipped_catalog(), columns=list(_FERMI_COLUMNS.values()))
    fermi = {
        name: (to_texts if catalog[column].dtype.kind in "USO" else to_floats)(catalog[column])
        for name, column in _FERMI_COLUMNS.items()
    }
    fermi["class"] = np.char.lower(fermi["class"])
    # Each table has its own random numbers: the number of sources does not change the observations.
    log = fields.simulated_observations(np.random.default_rng([seed, 1]), fermi, observations)
    found = population.simulated_sources(np.random.default_rng([seed, 2]), log, fermi, sources)
    tables = {}
    for name, arrays, row in (("csc", found, "source"), ("chanmaster", log, "observation")):
        note = f"Simulated sky, seed {seed}: no row of this table is a real Chandra {row}."
        description = (
            f"{note} Made by astroquery_cfx in the likeness of HEASARC's table; counterparts of "
            "4FGL-DR4 (Ballet et al. 2023, arXiv:2307.12546) are among the sources."
        )
        meta = {"simulated": note, "description": description}
        tables[name] = described_table(name, arrays, meta)
    return tables


def _from_cache(size: dict[str, int]) -> dict[str, Path]:
    """Find the files of a sky in the cache, or make them there, perhaps beside other processes."""
    recipe = hashlib.sha256()
    for path in [*RECIPE, shipped_catalog()]:
        recipe.update(path.read_bytes())
    home = Path(get_cache_dir()) / "astroquery_cfx" / "sky"
    folder = home / "-".join([recipe.hexdigest()[:12], *map(str, size.values())])
    if _is_whole(folder):
        return _paths(folder)
    home.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=home))
    try:
        _write(aside, size)
        # The folder is renamed into its place. Another process's whole one is as good.
        for _ in range(3):
            try:
                aside.rename(folder)
            except OSError:
                if _is_whole(folder):
                    return _paths(folder)
                shutil.rmtree(folder, ignore_errors=True)
            else:
                return _paths(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    raise OutputError(f"The simulated sky could not be put in {folder}.", remedy=_REMEDY)


def _paths(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.parquet" for name in ("csc", "chanmaster")}


def _sums(folder: Path) -> dict[str, str]:
    paths = _paths(folder).items()
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths}


def _is_whole(folder: Path) -> bool:
    """Return whether a folder has its files, undamaged."""
    try:
        return json.loads((folder / _SUMS).read_text()) == _sums(folder)
    except (OSError, ValueError):
        return False


def _write(folder: Path, size: dict[str, int]) -> dict[str, Path]:
    with progress_bar(3, description="Simulated sky", unit="step") as bar:
        tables = draw_sky(**size)
        bar.update(1)
        for name, path in _paths(folder).items():
            write_table(tables[name], path)
            bar.update(1)
    (folder / _SUMS).write_text(json.dumps(_sums(folder)))
    return _paths(folder)
