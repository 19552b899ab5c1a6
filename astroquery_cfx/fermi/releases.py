# Licensed under a 3-clause BSD style license - see LICENSE
"""The releases of the 4FGL catalogues: where each is published, its checksum and what to cite.

Sizes and SHA-256 checksums are those of the FITS files of the Fermi Science Support Center, not
gzipped. They are left out where no file was at hand to take them from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidInputError


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of the catalogue."""

    name: str  # what to ask for: DR4
    title: str
    version: str  # of its latest file, as in the header: v35
    folder: str  # below conf.fermi_urls
    years: int  # of data
    citation: str
    changes: str  # since the release before
    rows: int | None = None
    size: int | None = None  # of the file, in bytes
    sha256: str | None = None
    older: Mapping[str, str] = field(default_factory=dict)  # earlier versions -> their SHA-256

    @property
    def file(self) -> str:
        """Name of the latest file: gll_psc_v35.fit."""
        return f"gll_psc_{self.version}.fit"


_DR3_PAPER = "Abdollahi et al. 2022, ApJS 260, 53"

# fmt: off
_RELEASES = (
    Release(
        name="DR1", title="4FGL, 8 years", version="v22", folder="8yr_catalog", years=8,
        citation="Abdollahi et al. 2020, ApJS 247, 33",
        changes="first release; light curves of a year and of two months",
        older={"v20": "3bdeee60a599166c58b20e15813dfe002703442e8b8deb301fb207459aed1dbe"},
    ),
    Release(
        name="DR2", title="4FGL-DR2, 10 years", version="v27", folder="10yr_catalog", years=10,
        citation="Abdollahi et al. 2020, ApJS 247, 33; Ballet et al. 2020, arXiv:2005.11208",
        changes="same analysis, two more years; sources of DR1 keep their positions",
        rows=5788, size=5_460_480,
        sha256="5c619fca5ba3ecdaf33a3e3b5afedecc0b6d38851dba79b73d4f98e3d747b40e",
    ),
    Release(
        name="DR3", title="4FGL-DR3, 12 years", version="v31", folder="12yr_catalog", years=12,
        citation=_DR3_PAPER,
        changes="new form of PLSuperExpCutoff (local index and curvature at the pivot energy), "
                "more curved spectra, eighth energy band, peak energies",
        older={"v29": "3253708a770b10c9a81ed28deecf3ab7e220030f09babb8005cfc25fab702886"},
    ),
    Release(
        name="DR4", title="4FGL-DR4, 14 years", version="v35", folder="14yr_catalog", years=14,
        citation=f"{_DR3_PAPER}; Ballet et al. 2023, arXiv:2307.12546",
        changes="same analysis as DR3, two more years; novae and other transients added",
        rows=7195, size=7_819_200,
        sha256="e3b3ea278412b7bda4c259ab558f00b76605be59eb84e44086a862a179ffc3e6",
    ),
    Release(
        name="FL16Y", title="Fermi LAT 16-year source list", version="v41", folder="fl16y",
        years=16,
        citation=f"{_DR3_PAPER}; Ballet et al. 2026, arXiv:2602.22148",
        changes="made anew, not a data release of 4FGL: new positions, new names (FL16Y J...), "
                "no DataRelease",
        rows=7224, size=8_352_000,
        sha256="057fc22a17c20d7e05500da78d93566f98b59b0648d86dea0f625b8e71c281de",
        older={"v40": "d34312b1418f7b3657a002426bdf593f74f53eb006431cf8237d58a6aee3d847"},
    ),
)
# fmt: on
RELEASES = {release.name: release for release in _RELEASES}


def find_release(name: str) -> Release:
    """Return the release that DR4, 4FGL-DR4, v35 or gll_psc_v35.fit names; 4FGL alone is DR1."""
    wanted = str(name).strip().upper()
    for release in RELEASES.values():
        names = [release.name, f"4FGL-{release.name}", release.version, release.file]
        names += ["4FGL"] if release.name == "DR1" else []
        if wanted in map(str.upper, names):
            return release
    raise InvalidInputError(
        f"There is no release {name!r} of the 4FGL catalogue known here.",
        remedy=f"ask for one of {', '.join(RELEASES)}, or read a file with path=.",
    )


def find_version(version: str) -> tuple[Release | None, str | None]:
    """Return the release that a version (v35) of the file belongs to, and its SHA-256 if known."""
    for release in RELEASES.values():
        if version == release.version:
            return release, release.sha256
        if version in release.older:
            return release, release.older[version]
    return None, None
