# Licensed under a 3-clause BSD style license - see LICENSE
"""Write a file whole or not at all: under a temporary name, then renamed."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

# Errors of the disk. Other OSErrors, such as those of requests, pass through unchanged.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # full or broken
_DISK_ERRORS |= {errno.EROFS, errno.EACCES, errno.EPERM}  # not writable
_DISK_ERRORS |= {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG}


@contextmanager
def write_aside(path: str | Path) -> Iterator[Path]:
    """
    Write a file whole or not at all.

    The file is written under a temporary name in the same folder, flushed to disk, and renamed when
    the block ends without an error. After an error nothing is left, and an older file of that name
    is unchanged.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file to write. Its folder is created if it does not exist.

    Yields
    ------
    `~pathlib.Path`
        The temporary path to write to, an empty file. It ends in the same name.

    Raises
    ------
    OutputError
        If the folder or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from astroquery_cfx.files import write_aside
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_aside(folder / "note.txt") as aside:
    ...     _ = aside.write_text("whole")
    >>> (folder / "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    aside = path.with_name(f".aside-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.touch(exist_ok=False)
        yield aside
        with open(aside, "rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(
            f"{path} could not be written: {error.strerror}.",
            kept="an older file of that name is unchanged.",
            remedy="name a folder that you may write to and that has room.",
        ) from error
    finally:
        with suppress(OSError):  # it was renamed, or its folder is a file or not accessible
            aside.unlink()
