"""Identities of folders taken in as recorders: random, kept by real path, so that the next docking knows them."""

import os
from pathlib import Path

from sqlmodel import Session

from station.digest import new_id
from station.state.tables import FolderIdentity


def folder_identity(session: Session, folder: Path) -> str:
    """Return the id of a folder, made now if it has none; `session` must be one that writes."""
    real_path = os.fsencode(folder.resolve()).decode("utf-8", "backslashreplace")
    row = session.get(FolderIdentity, real_path)
    if row is None:
        row = FolderIdentity(real_path=real_path, identity=new_id())
        session.add(row)
        session.flush()
    return row.identity
