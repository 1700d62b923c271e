"""The one way to LanceDB: by the path of a folder, whatever it is called."""

from pathlib import Path

import lancedb
from lancedb import AsyncConnection


async def connect(folder: Path) -> AsyncConnection:
    """The database in a folder.

    LanceDB takes a relative path with a colon for a URI: tables of ``memory:shop`` are stored
    nowhere, those of ``file:shop`` in the root folder. An absolute path is always a path.
    """
    return await lancedb.connect_async(folder.absolute())
