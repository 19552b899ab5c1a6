# Licensed under a 3-clause BSD style license - see LICENSE
"""The simulated sky that the embedded archive serves where it is given nothing else.

A telescope like Chandra looks at places like Chandra's (`fields`) and finds sources like Chandra's
(`population`). No row is a real one, but the 4FGL sources in the fields have their counterparts among the
rows, and the hidden column ``__truth`` says which.
"""

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from ...errors import InvalidInputError, OutputError
from ...files import write_table
from ...progress import progress_bar
from . import columns, designations, fields, population

__all__ = ["draw_sky", "simulated_sky"]

_SUMS = "sha256.json"
_REMEDY = "set XDG_CACHE_HOME to a folder that you may write to and that has room."
_MODULES = (columns, designations, fields, population)
_FERMI_COLUMNS = {
    "name": "Source_Name",
    "ra": "RAJ2000",
    "dec": "DEJ2000",
    "class": "CLASS1",
    "counterpart_ra": "RA_Counterpart",
    "counterpart_dec": "DEC_Counterpart",
    "major": "Conf_95_SemiMajor",
    "minor": "Conf_95_SemiMinor",
    "angle": "Conf_95_PosAng",
    "energy_flux": "Energy_Flux100",
}


def simulated_sky(*, sources=407_806, observations=fields.FULL_SIZE, seed=3387, cache=True):
    """
    Make the simulated sky, or find it in the cache.

    Parameters
    ----------
    sources : int, optional
        Rows of ``csc``, the sources.
    observations : int, optional
        Rows of ``chanmaster``, the observations. Fewer are a fair sample of all.
    seed : int, optional
        The same seed gives the same sky.
    cache : bool, optional
        Keep the files in astropy's cache folder and take them from there. If False they are made anew,
        in a temporary folder that goes when Python ends.

    Returns
    -------
    dict
        ``'csc'`` and ``'chanmaster'``, each the `~pathlib.Path` of a Parquet file.

    Raises
    ------
    InvalidInputError
        If a number of rows is not a whole number above zero, or the seed is not one from zero on.
    OutputError
        If the cache folder cannot be written.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky import simulated_sky
    >>> from astroquery_cfx.files import read_table
    >>> sky = simulated_sky(sources=300, observations=50, cache=False)
    >>> csc = read_table(sky["csc"])
    >>> len(csc), csc.meta["simulated"]
    (300, 'Simulated sky, seed 3387: no row of this table is a real Chandra source.')
    """
    given = {"sources": sources, "observations": observations, "seed": seed}
    for name, value in given.items():
        lowest = 0 if name == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
            raise InvalidInputError(
                f"{name} is {value!r}, not a whole number from {lowest} on.",
                remedy=f"give one, e.g. {name}={max(lowest, 300)}.",
            )
    try:
        if cache:
            return _from_cache(int(sources), int(observations), int(seed))
        folder = Path(tempfile.mkdtemp(prefix="simulated-sky-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _write(folder, int(sources), int(observations), int(seed))
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"The simulated sky could not be written to {error.filename}: {error.strerror}.",
            remedy=_REMEDY,
        ) from error


def draw_sky(*, sources, observations, seed):
    """
    Draw the simulated sky as tables, without writing them.

    Parameters
    ----------
    sources, observations, seed : int
        As for `simulated_sky`.

    Returns
    -------
    dict
        ``'csc'`` and ``'chanmaster'``, each a `~astropy.table.Table`.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky import draw_sky
    >>> tables = draw_sky(sources=300, observations=50, seed=1)
    >>> {name: len(table) for name, table in tables.items()}
    {'csc': 300, 'chanmaster': 50}
    """
    fermi = _fermi_sources()
    # Each table has its own chance: the number of sources does not change the observations.
    log = fields.simulated_observations(np.random.default_rng([seed, 1]), fermi, observations)
    found = population.simulated_sources(np.random.default_rng([seed, 2]), log, fermi, sources)
    return {
        "csc": columns.described_table(found, columns.CSC_COLUMNS, _meta("source", seed)),
        "chanmaster": columns.described_table(
            log, columns.CHANMASTER_COLUMNS, _meta("observation", seed)
        ),
    }


def _meta(what, seed):
    simulated = f"Simulated sky, seed {seed}: no row of this table is a real Chandra {what}."
    return {
        "simulated": simulated,
        "description": f"{simulated} Made by astroquery_cfx in the likeness of HEASARC's table; "
        "counterparts of 4FGL-DR4 (Ballet et al. 2023, arXiv:2307.12546) are among the "
        "sources.",
    }


def _fermi_sources():
    """The shipped 4FGL-DR4 as plain arrays; NaN and '' where there is no value."""
    from ...fermi import Fermi4FGL
    from ...fermi.shipped import shipped_catalog

    table = Fermi4FGL.get_catalog(path=shipped_catalog(), columns=list(_FERMI_COLUMNS.values()))
    arrays = {}
    for name, column in _FERMI_COLUMNS.items():
        text = table[column].dtype.kind in "USO"
        filled = np.ma.filled(np.ma.asarray(table[column]), "" if text else np.nan)
        arrays[name] = filled.astype("U") if text else filled.astype(float)
    arrays["class"] = np.char.lower(np.char.strip(arrays["class"]))
    return arrays


def _fingerprint():
    """Changes with whatever the sky is made from: the recipe and the shipped catalogue."""
    from ...fermi.shipped import shipped_catalog

    content = hashlib.sha256()
    for path in [
        Path(__file__),
        *(Path(module.__file__) for module in _MODULES),
        shipped_catalog(),
    ]:
        content.update(path.read_bytes())
    return content.hexdigest()[:12]


def _from_cache(sources, observations, seed):
    from astropy.config import get_cache_dir

    home = Path(get_cache_dir()) / "astroquery_cfx" / "sky"
    folder = home / f"{_fingerprint()}-{sources}-{observations}-{seed}"
    found = _verified(folder)
    if found is not None:
        return found
    home.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=home))
    try:
        _write(aside, sources, observations, seed)
        return _take_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _take_place(aside, folder):
    """Rename a whole folder into its place; another process's whole one is as good, a damaged one goes."""
    for _ in range(3):
        try:
            aside.rename(folder)
        except OSError:
            found = _verified(folder)
            if found is not None:
                return found
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return _paths(folder)
    raise OutputError(f"The simulated sky could not be put in {folder}.", remedy=_REMEDY)


def _paths(folder):
    return {name: folder / f"{name}.parquet" for name in ("csc", "chanmaster")}


def _sums(folder):
    sums = {}
    for name, path in _paths(folder).items():
        with open(path, "rb") as file:
            sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def _verified(folder):
    """The files of a folder where they are whole, else None."""
    try:
        whole = json.loads((folder / _SUMS).read_text()) == _sums(folder)
    except (OSError, ValueError):
        return None
    return _paths(folder) if whole else None


def _write(folder, sources, observations, seed):
    with progress_bar(3, description="Simulated sky", unit="step") as bar:
        tables = draw_sky(sources=sources, observations=observations, seed=seed)
        bar.update(1)
        for name, path in _paths(folder).items():
            write_table(tables[name], path)
            bar.update(1)
    aside = folder / f"{_SUMS}.aside"
    aside.write_text(json.dumps(_sums(folder)))
    os.replace(aside, folder / _SUMS)
    return _paths(folder)
