# Licensed under a 3-clause BSD style license - see LICENSE
"""One verified page as bytes: a line with format and SHA-256, a JSON header, the raw columns."""

import hashlib
import json
from dataclasses import asdict

import numpy as np

from .votable import Field

__all__ = ["pack_page", "unpack_page"]

_MAGIC = b"astroquery_cfx page 1 "


def pack_page(fetched, fields, infos):
    """
    A page as bytes.

    Parameters
    ----------
    fetched : Fetched
    fields : list of Field
    infos : list of (str, str)

    Returns
    -------
    bytes or None
        None where a column holds what is no plain array.
    """
    columns, parts = [], []
    for data, mask in fetched.columns:
        if data.dtype.kind not in "biufUSc":
            return None
        columns.append({"dtype": data.dtype.str, "shape": data.shape, "masked": mask is not None})
        parts.append(np.ascontiguousarray(data).tobytes())
        if mask is not None:
            parts.append(np.packbits(mask).tobytes())
    header = json.dumps(
        {
            "condition": fetched.page.condition,
            "rows": fetched.page.rows,
            "sha256": fetched.sha256,
            "attempts": fetched.attempts,
            "columns": columns,
            "fields": [asdict(item) for item in fields],
            "infos": infos,
        }
    ).encode()
    body = len(header).to_bytes(8, "big") + header + b"".join(parts)
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack_page(content, page):
    """
    A page from bytes.

    Parameters
    ----------
    content : bytes
    page : Page
        What it should be.

    Returns
    -------
    (Fetched, list of Field, list of (str, str)) or None
        None where the bytes are damaged, of another format, or another page.
    """
    from .fetch import Fetched

    line, _, body = content.partition(b"\n")
    if (
        not line.startswith(_MAGIC)
        or line[len(_MAGIC) :] != hashlib.sha256(body).hexdigest().encode()
    ):
        return None
    size = int.from_bytes(body[:8], "big")
    header = json.loads(body[8 : 8 + size])
    if header["condition"] != page.condition or header["rows"] != page.rows:
        return None
    columns, position = [], 8 + size
    for item in header["columns"]:
        dtype, shape = np.dtype(item["dtype"]), tuple(item["shape"])
        count = int(np.prod(shape))
        data = np.frombuffer(body, dtype, count, position).reshape(shape).copy()
        position += data.nbytes
        mask = None
        if item["masked"]:
            packed = np.frombuffer(body, "u1", (count + 7) // 8, position)
            position += packed.nbytes
            mask = np.unpackbits(packed, count=count).astype(bool).reshape(shape)
        columns.append((data, mask))
    fetched = Fetched(page, columns, header["sha256"], 0)
    return (
        fetched,
        [Field(**item) for item in header["fields"]],
        [tuple(info) for info in header["infos"]],
    )
