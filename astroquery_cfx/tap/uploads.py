# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables that are sent along with a query."""

import io
import re
from pathlib import Path

from astropy.table import Table

from ..errors import InvalidInputError

__all__ = ["check_uploads"]


def check_uploads(uploads):
    """
    Turn uploads into bytes.

    Parameters
    ----------
    uploads : dict or None
        Name to `~astropy.table.Table`, path or VOTable bytes.

    Returns
    -------
    dict or None
    """
    if not uploads:
        return None
    return {_upload_name(name): _upload_bytes(name, content) for name, content in uploads.items()}


def _upload_name(name):
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise InvalidInputError(
            f"{name!r} cannot be the name of an upload.",
            remedy="use letters, digits and underscores.",
        )
    return name


def _upload_bytes(name, content):
    if isinstance(content, bytes):
        return content
    if isinstance(content, Table):
        if len(content) == 0 or not content.colnames:
            raise InvalidInputError(f"The upload {name} is an empty table.")
        out = io.BytesIO()
        content.write(out, format="votable")
        return out.getvalue()
    if isinstance(content, str | Path):
        return Path(content).read_bytes()
    raise InvalidInputError(
        f"The upload {name} is a {type(content).__name__}.",
        remedy="give a Table, a path of a VOTable, or its bytes.",
    )
