"""What of the local state goes into a new database at a restore: ways in and identities, never sessions or codes."""

from sqlmodel import Session, select

from station.state.tables import Account, FolderIdentity


def copy_state(source: Session, target: Session) -> None:
    """Copy accounts (password hashes) and folders' identities; whoever was logged in logs in again."""
    for kind in (Account, FolderIdentity):
        for row in source.exec(select(kind)).all():
            target.add(kind(**row.model_dump()))
    target.flush()
