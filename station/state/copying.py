"""What of the local state goes into backups and restores: ways in and identities.

Guarantee: never sessions, codes, tokens, or what both sides compute with (second factors, webhooks).
"""

from sqlmodel import Session, select

from station.state.tables import Account, FolderIdentity

KEPT = (Account, FolderIdentity)
KEPT_TABLES = frozenset(str(kind.__tablename__) for kind in KEPT)


def copy_state(source: Session, target: Session) -> None:
    """Copy accounts (password hashes) and folders' identities; whoever was logged in logs in again."""
    for kind in KEPT:
        for row in source.exec(select(kind)).all():
            target.add(kind(**row.model_dump()))
    target.flush()
