# Licensed under a 3-clause BSD style license - see LICENSE
"""The figures' fixtures: made-up tables, and each figure with its own."""

import numpy as np
import pytest
from figure_tables import DRAWINGS, SENTENCE, make_tables
from matplotlib.backends.backend_agg import FigureCanvasAgg

from astroquery_cfx import figures


def drawn(ax):
    figure = np.atleast_1d(np.asarray(ax, dtype=object))[0].figure
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.fixture(scope="session")
def tables():
    return make_tables()


@pytest.fixture(params=sorted(DRAWINGS))
def drawing(request, tables):
    """Each function with its table."""
    return getattr(figures, request.param), tables[DRAWINGS[request.param]]


@pytest.fixture(scope="session", params=sorted(DRAWINGS))
def marked(request):
    """Each figure, drawn once from simulated data, on a canvas that can measure its words."""
    table = make_tables(simulated=SENTENCE)[DRAWINGS[request.param]]
    return drawn(getattr(figures, request.param)(table))
