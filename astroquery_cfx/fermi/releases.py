# Licensed under a 3-clause BSD style license - see LICENSE
"""What of the 4FGL catalogues is published where, with checksums.

Checksums are of the FITS files as the Fermi Science Support Center publishes
them, not gzipped. They are left out where no file was at hand to take them from.
"""

from dataclasses import dataclass, field

from ..errors import InvalidInputError

__all__ = ["RELEASES", "Release", "find_release", "find_version"]


@dataclass(frozen=True)
class Release:
    """
    One release of the catalogue.

    Attributes
    ----------
    name : str
        What to ask for: ``'DR4'``.
    title : str
        What it is.
    version : str
        Version of the file, as in its header: ``'v35'``.
    folder : str
        Folder on the server, below ``conf.fermi_urls``.
    years : int
        Years of data.
    rows, size : int or None
        Rows of the table and bytes of the file; None where not known.
    sha256 : str or None
        SHA-256 of the file; None where not known.
    citation : str
        The papers to cite.
    changes : str
        What is new in it.
    older : mapping
        Older versions of the file -> their SHA-256.
    """

    name: str
    title: str
    version: str
    folder: str
    years: int
    citation: str
    changes: str
    rows: int | None = None
    size: int | None = None
    sha256: str | None = None
    older: dict = field(default_factory=dict)

    @property
    def file(self):
        """Name of the file: ``'gll_psc_v35.fit'``."""
        return f"gll_psc_{self.version}.fit"

    @property
    def path(self):
        """Where the file lies below ``conf.fermi_urls``."""
        return f"{self.folder}/{self.file}"


_INCREMENTAL = "Abdollahi et al. 2022, ApJS 260, 53"

RELEASES = {
    release.name: release
    for release in (
        Release(
            "DR1",
            "4FGL, 8 years",
            "v22",
            "8yr_catalog",
            8,
            "Abdollahi et al. 2020, ApJS 247, 33",
            "first release; light curves of a year and of two months",
            older={"v20": "3bdeee60a599166c58b20e15813dfe002703442e8b8deb301fb207459aed1dbe"},
        ),
        Release(
            "DR2",
            "4FGL-DR2, 10 years",
            "v27",
            "10yr_catalog",
            10,
            "Abdollahi et al. 2020, ApJS 247, 33; Ballet et al. 2020, arXiv:2005.11208",
            "same analysis, two more years; sources of DR1 keep their positions",
            5788,
            5_460_480,
            "5c619fca5ba3ecdaf33a3e3b5afedecc0b6d38851dba79b73d4f98e3d747b40e",
        ),
        Release(
            "DR3",
            "4FGL-DR3, 12 years",
            "v31",
            "12yr_catalog",
            12,
            _INCREMENTAL,
            "new form of PLSuperExpCutoff (local index and curvature at the pivot energy), more curved "
            "spectra, eighth energy band, peak energies",
            older={"v29": "3253708a770b10c9a81ed28deecf3ab7e220030f09babb8005cfc25fab702886"},
        ),
        Release(
            "DR4",
            "4FGL-DR4, 14 years",
            "v35",
            "14yr_catalog",
            14,
            f"{_INCREMENTAL}; Ballet et al. 2023, arXiv:2307.12546",
            "same analysis as DR3, two more years; novae and other transients added",
            7195,
            7_819_200,
            "e3b3ea278412b7bda4c259ab558f00b76605be59eb84e44086a862a179ffc3e6",
        ),
        Release(
            "FL16Y",
            "Fermi LAT 16-year source list",
            "v41",
            "fl16y",
            16,
            f"{_INCREMENTAL}; Ballet et al. 2026, arXiv:2602.22148",
            "made anew, not a data release of 4FGL: new positions, new names (FL16Y J...), no DataRelease",
            7224,
            8_352_000,
            "057fc22a17c20d7e05500da78d93566f98b59b0648d86dea0f625b8e71c281de",
            older={"v40": "d34312b1418f7b3657a002426bdf593f74f53eb006431cf8237d58a6aee3d847"},
        ),
    )
}


def find_release(name):
    """
    Find a release by its name.

    Parameters
    ----------
    name : str
        ``'DR1'`` to ``'DR4'`` or ``'FL16Y'``; also ``'4FGL-DR4'``, ``'v35'`` or ``'gll_psc_v35.fit'``, in
        any case.

    Returns
    -------
    `Release`

    Raises
    ------
    InvalidInputError
        If there is no such release.

    Examples
    --------
    >>> from astroquery_cfx.fermi.releases import find_release
    >>> find_release("4fgl-dr4").file
    'gll_psc_v35.fit'
    """
    wanted = str(name).strip().upper()
    for release in RELEASES.values():
        names = (release.name, f"4FGL-{release.name}", release.version, release.file)
        if wanted in (known.upper() for known in names) or (
            wanted == "4FGL" and release.name == "DR1"
        ):
            return release
    raise InvalidInputError(
        f"There is no release {name!r} of the 4FGL catalogue known here.",
        remedy=f"ask for one of {', '.join(RELEASES)}, or read a file with path=.",
    )


def find_version(version):
    """
    Find the release that a version of the file belongs to.

    Parameters
    ----------
    version : str
        As in the header: ``'v35'``.

    Returns
    -------
    `Release` or None
        None for a version that is not known.
    sha256 : str or None
        Of that version of the file; None where not known.

    Examples
    --------
    >>> from astroquery_cfx.fermi.releases import find_version
    >>> find_version("v29")[0].name
    'DR3'
    """
    for release in RELEASES.values():
        if version == release.version:
            return release, release.sha256
        if version in release.older:
            return release, release.older[version]
    return None, None
