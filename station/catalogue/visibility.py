"""Who may know of which clip and which case, as SQL conditions: what a viewer may not see is never loaded.

The matrix (design, Roles), a union over the viewer's roles:

    officer     clips they recorded, or held the recorder of while 采集人 is blank; their unit's open targets
    clerk       all clips and targets of the unit
    handler     their own targets and the clips bound to them
    reviewer    submitted cases and the clips bound to them; approver the same
    inspector   everything
    auditor, admin   nothing

Exports: a clerk those of the unit's cases, a handler those of their own; approver and inspector all. An approver reads
of an export what it is for and what is in it, not the recordings.

A clip seen through one case reveals nothing of its other cases: bindings go through `known_binding`.
"""

from dataclasses import replace

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true, union_all

from station.catalogue.tables import metadata
from station.catalogue.views import Viewer
from station.records.terms import Role, TargetKind

CLIP = metadata.tables["catalogue_clip"]
CLIP_HOLDER = metadata.tables["catalogue_clip_holder"]
BINDING = metadata.tables["catalogue_binding"]
TARGET = metadata.tables["catalogue_target"]
HANDLER = metadata.tables["catalogue_handler"]
EXPORT = metadata.tables["catalogue_export"]

_REVIEWING = frozenset({Role.REVIEWER, Role.APPROVER})
OPEN = "open"


def as_roles(viewer: Viewer, roles: frozenset[Role]) -> Viewer:
    """Return the same person with no other roles than `roles`."""
    return replace(viewer, roles=viewer.roles & roles)


def without_role(viewer: Viewer, role: Role) -> Viewer:
    """Return the same person without `role`."""
    return replace(viewer, roles=viewer.roles - {role})


def visible_clip(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on `CLIP` that holds for the clips the viewer may know of."""
    if Role.INSPECTOR in viewer.roles:
        return true()
    conditions: list[ColumnElement[bool]] = []
    if Role.CLERK in viewer.roles:
        conditions.append(CLIP.c.unit == viewer.unit)
    if viewer.roles & _REVIEWING:
        conditions.append(CLIP.c.submitted.is_(True))
    named = _named_clips(viewer)
    if named:
        # Beside a unit's clips the ids are looked at only for the few rows of other units; alone they lead the search.
        column = scanned(CLIP.c.clip) if conditions else CLIP.c.clip
        conditions.append(column.in_(union_all(*named)))
    return or_(*conditions) if conditions else false()


def sees_by_name(viewer: Viewer) -> bool:
    """Say whether all the viewer sees are clips named one by one, not a whole unit or everything."""
    return not viewer.roles & {Role.INSPECTOR, Role.CLERK, *_REVIEWING}


def scanned(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return the column so that no index on it is used: SQLite else answers an OR by one whole search a branch."""
    return func.coalesce(column, "")


def _named_clips(viewer: Viewer) -> list[Select[tuple[str]]]:
    """Return queries for the ids a viewer sees because of what they are to those clips, not to the unit."""
    own, blank = CLIP.alias("own"), CLIP.alias("blank")
    queries: list[Select[tuple[str]]] = []
    if Role.OFFICER in viewer.roles:
        queries.append(select(own.c.clip).where(own.c.collector == viewer.person))
        queries.append(
            select(blank.c.clip)
            .join(CLIP_HOLDER, CLIP_HOLDER.c.clip == blank.c.clip)
            .where(CLIP_HOLDER.c.person == viewer.person)
            .where(blank.c.collector.is_(None), blank.c.collector_name.is_(None))
        )
    if Role.HANDLER in viewer.roles:
        queries.append(
            select(BINDING.c.clip)
            .join(HANDLER, HANDLER.c.target == BINDING.c.target)
            .where(HANDLER.c.person == viewer.person)
        )
    return queries


def _submitted() -> ColumnElement[bool]:
    return and_(TARGET.c.kind == TargetKind.CASE.value, TARGET.c.submitted_at.is_not(None))


def visible_target(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on `TARGET` that holds for the targets the viewer may list and open."""
    return _target_condition(viewer, officer=and_(TARGET.c.unit == viewer.unit, TARGET.c.status == OPEN))


def known_target(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on `TARGET` for being named beside a clip the viewer may see.

    Wider than `visible_target` by one thing: a case of their own unit stays on an officer's clip after submission.
    """
    return _target_condition(viewer, officer=TARGET.c.unit == viewer.unit)


def _target_condition(viewer: Viewer, officer: ColumnElement[bool]) -> ColumnElement[bool]:
    if Role.INSPECTOR in viewer.roles:
        return true()
    conditions: list[ColumnElement[bool]] = []
    if Role.CLERK in viewer.roles:
        conditions.append(TARGET.c.unit == viewer.unit)
    if Role.OFFICER in viewer.roles:
        conditions.append(officer)
    if Role.HANDLER in viewer.roles:
        handled = select(HANDLER.c.target).where(HANDLER.c.person == viewer.person)
        conditions.append(TARGET.c.target.in_(handled))
    if viewer.roles & _REVIEWING:
        conditions.append(_submitted())
    return or_(*conditions) if conditions else false()


def known_binding(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on `BINDING` that holds for bindings to known targets, to none, and those they made."""
    return or_(
        BINDING.c.target.is_(None),
        scanned(BINDING.c.bound_by) == viewer.person,
        scanned(BINDING.c.target).in_(select(TARGET.c.target).where(known_target(viewer))),
    )


def visible_export(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on `EXPORT` that holds for the exports the viewer may know of."""
    if viewer.roles & {Role.APPROVER, Role.INSPECTOR}:
        return true()
    conditions: list[ColumnElement[bool]] = []
    if Role.CLERK in viewer.roles:
        conditions.append(EXPORT.c.target.in_(select(TARGET.c.target).where(TARGET.c.unit == viewer.unit)))
    if Role.HANDLER in viewer.roles:
        conditions.append(EXPORT.c.target.in_(select(HANDLER.c.target).where(HANDLER.c.person == viewer.person)))
    return or_(*conditions) if conditions else false()
