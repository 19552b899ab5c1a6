# Licensed under a 3-clause BSD style license - see LICENSE
"""The figures of the job: which function draws which table (data/drawings.json)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from ..errors import InvalidInputError
from ..files import write_aside
from ..progress import progress_bar


@dataclass(frozen=True)
class Drawing:
    """One figure: ``plot_<name>`` of `astroquery_cfx.figures`, on one table of the job."""

    name: str  # also of its files
    title: str
    table: str
    caption: str
    takes: Sequence[str] = ()  # the options of the job that the function needs as well
    wide: bool = False  # takes the whole width of the page


def choose_drawings(names: Iterable[str] | None = None) -> list[Drawing]:
    """Choose figures by name, in the order of the page; all by default."""
    data = Path(__file__).with_name("data") / "drawings.json"
    known = {entry["name"]: Drawing(**entry) for entry in json.loads(data.read_text("utf-8"))}
    wanted = set(known if names is None else names)
    if wanted - known.keys():
        raise InvalidInputError(
            f"There is no figure {', '.join(sorted(wanted - known.keys()))}.",
            remedy=f"choose from {', '.join(known)}.",
        )
    return [drawing for name, drawing in known.items() if name in wanted]


def draw_figures(
    drawings: Sequence[Drawing],
    tables: Mapping[str, Table],
    folder: Path,
    *,
    options: Mapping[str, u.Quantity],
    show_progress: bool | None = None,
) -> dict[str, str]:
    """Draw figures of the job's tables as PNG and PDF; return why some were left out, by name."""
    from .. import figures  # loads matplotlib, which no other step of the job needs

    left_out = {}
    with progress_bar(
        len(drawings), description="Figures", unit="figure", show=show_progress
    ) as bar:
        for drawing in drawings:
            plot = getattr(figures, f"plot_{drawing.name}")
            try:
                axes = plot(
                    tables[drawing.table], **{name: options[name] for name in drawing.takes}
                )
            except InvalidInputError as error:  # the table has nothing to draw
                left_out[drawing.name] = error.failed
            else:
                figure = np.ravel(axes)[0].figure
                # Without program and date in it, a figure of the same data is the same file.
                for ending, metadata in (
                    ("png", {"Software": None}),
                    ("pdf", {"CreationDate": None}),
                ):
                    with write_aside(folder / f"{drawing.name}.{ending}") as aside:
                        figure.savefig(aside, format=ending, dpi=150, metadata=metadata)
            bar.update(1)
    return left_out
