"""THE table: who may use which route, and what of it they must be allowed to see. What is not in it is not served.

Guarantees: the application does not start when a route lacks a policy or a policy names no route; a policy is enforced
before the route's code runs; the refusal of a logged-in person goes to the ledger (`errors`), and whoever may not know
of a clip or case gets the answer for one that does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from station.errors import ConfigError
from station.records.terms import Role
from station.state.tokens import Scope


class Who(StrEnum):
    """Who may come at all. `kiosk`: a screen beside the slots (`kiosk_addresses`), or anybody logged in.

    `machine`: a program on this very machine, whoever else is logged in.
    """

    PUBLIC = "public"
    KIOSK = "kiosk"
    MACHINE = "machine"
    PERSON = "person"
    ROLES = "roles"


class Subject(StrEnum):
    """What of the address is checked against the viewer's sight: see `station.catalogue.visibility`."""

    NONE = "none"
    CLIP = "clip"
    TARGET = "target"
    BINDING = "binding"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Policy:
    """One cell row of the matrix.

    `scope` is what a program's token must hold besides (routes under /api/v1). `at_dock`: also for a session opened by
    badge and PIN, which has no other route.
    """

    who: Who
    roles: frozenset[Role] = frozenset()
    subject: Subject = Subject.NONE
    scope: Scope | None = None
    at_dock: bool = False


_PUBLIC = Policy(Who.PUBLIC)
_KIOSK = Policy(Who.KIOSK)
_PERSON = Policy(Who.PERSON)
# design, Roles: auditor and admin see no footage; a person with several roles may do what any of them may.
_SEEING = frozenset({Role.OFFICER, Role.CLERK, Role.HANDLER, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR})
SEEING = _SEEING
# Who may have everything re-read, and ask whether a file is ours: those who examine, not those who record.
SWEEPING = frozenset({Role.CLERK, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR, Role.AUDITOR})
_TAGGING = frozenset({Role.OFFICER, Role.CLERK})
_OPENING = frozenset({Role.CLERK, Role.HANDLER})
# Who reads a submission: it tells of the whole case, so officers, who see only their own clips of it, do not.
_REVIEWING = frozenset({Role.CLERK, Role.HANDLER, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR})
_EXPORTING = frozenset({Role.HANDLER, Role.APPROVER, Role.CLERK, Role.INSPECTOR})


def _roles(*roles: Role, subject: Subject = Subject.NONE) -> Policy:
    return Policy(Who.ROLES, frozenset(roles), subject)


def _token(scope: Scope, *roles: Role, subject: Subject = Subject.NONE) -> Policy:
    return Policy(Who.ROLES, frozenset(roles), subject, scope)


_AT_DOCK = Policy(Who.ROLES, frozenset({Role.OFFICER}), at_dock=True)


POLICIES: dict[str, Policy] = {
    "GET /": _PUBLIC,
    "GET /assets": _PUBLIC,
    "GET /login": _PUBLIC,
    "POST /login": _PUBLIC,
    "GET /welcome/{token}": _PUBLIC,
    "POST /welcome/{token}": _PUBLIC,
    "GET /first": _PUBLIC,
    "POST /first": _PUBLIC,
    "POST /language": _PUBLIC,
    "POST /logout": _PERSON,
    "GET /me": _PERSON,
    "POST /me/password": _PERSON,
    "POST /me/pin": _PERSON,
    "POST /me/sessions/end": _PERSON,
    "POST /me/sessions/{session}/end": _PERSON,
    "POST /me/factor": _PERSON,
    "POST /me/factor/confirm": _PERSON,
    "POST /me/factor/remove": _PERSON,
    "GET /dock": _KIOSK,
    "GET /dock/slots": _KIOSK,
    "GET /dock/events": _KIOSK,
    "POST /dock/holder": _KIOSK,
    "GET /dock/pin": _KIOSK,
    "POST /dock/pin": _KIOSK,
    "POST /dock/session": _KIOSK,
    "GET /dock/tagging": _AT_DOCK,
    "POST /dock/tagging": _AT_DOCK,
    "GET /dock/tagging/{clip}/media": Policy(Who.ROLES, frozenset({Role.OFFICER}), Subject.CLIP, at_dock=True),
    "POST /dock/alive": _AT_DOCK,
    "POST /dock/done": _AT_DOCK,
    "GET /dockings/{docking}/receipt": _roles(Role.OFFICER, Role.CLERK, Role.ADMIN),
    "GET /today": _roles(Role.OFFICER),
    "GET /clips": _roles(*_SEEING),
    "POST /searches": _roles(*_SEEING),
    "POST /searches/{search}/forget": _roles(*_SEEING),
    "GET /register.csv": _roles(Role.CLERK, Role.INSPECTOR),
    "GET /clips/{clip}": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /clips/{clip}/preview": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /clips/{clip}/poster": Policy(Who.ROLES, _SEEING, Subject.CLIP, at_dock=True),
    "GET /clips/{clip}/filmstrip": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /map/{zoom}/{x}/{y}": _roles(*_SEEING),
    "POST /clips/{clip}/notes": _roles(*_TAGGING, Role.HANDLER, subject=Subject.CLIP),
    "POST /clips/{clip}/transcript": _roles(*_TAGGING, Role.HANDLER, subject=Subject.CLIP),
    "POST /clips/{clip}/disclaim": Policy(Who.ROLES, frozenset({Role.OFFICER}), Subject.CLIP, at_dock=True),
    "GET /clips/{clip}/media": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /clips/{clip}/frames": _roles(*_SEEING, subject=Subject.CLIP),
    "POST /clips/{clip}/frame": _roles(*_SEEING, subject=Subject.CLIP),
    "POST /clips/{clip}/open": _roles(Role.INSPECTOR, subject=Subject.CLIP),
    "POST /clips/{clip}/verify": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /clips/{clip}/proof": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /verify": _roles(*_SEEING, Role.AUDITOR),
    "POST /verify/all": _roles(*SWEEPING),
    "POST /verify/case": _roles(*_SEEING),
    "POST /verify/clip": _roles(*_SEEING),
    "POST /verify/file": _roles(*SWEEPING),
    "GET /verify/checks/{check}": _roles(*_SEEING, Role.AUDITOR),
    "POST /verify/checks/{check}/cancel": _roles(*_SEEING, Role.AUDITOR),
    "POST /clips/{clip}/amend": _roles(*_TAGGING, subject=Subject.CLIP),
    "POST /clips/{clip}/sensitivity": _roles(*_SEEING, subject=Subject.CLIP),
    "GET /bind": _roles(*_TAGGING),
    "POST /bind": _roles(*_TAGGING),
    "GET /amend": _roles(*_TAGGING),
    "POST /amend": _roles(*_TAGGING),
    "POST /undo/{action}": _roles(*_TAGGING),
    "POST /unbind/{binding}": _roles(*_TAGGING, subject=Subject.BINDING),
    "GET /targets/find": _roles(*_TAGGING, Role.HANDLER),
    "GET /cases": _roles(*_SEEING),
    "POST /cases": _roles(*_OPENING, Role.OFFICER),
    "GET /cases/import": _roles(*_OPENING),
    "GET /cases/import/sample.csv": _roles(*_OPENING),
    "POST /cases/import": _roles(*_OPENING),
    "POST /cases/import/confirm": _roles(*_OPENING),
    "GET /cases/{target}": _roles(*_SEEING, subject=Subject.TARGET),
    "GET /reviews": _roles(*_REVIEWING),
    "GET /cases/{target}/documents": _roles(*_REVIEWING, subject=Subject.TARGET),
    "GET /cases/{target}/documents/{document}": _roles(*_REVIEWING, subject=Subject.TARGET),
    "GET /cases/{target}/submit": _roles(Role.HANDLER, subject=Subject.TARGET),
    "POST /cases/{target}/submit": _roles(Role.HANDLER, subject=Subject.TARGET),
    "GET /cases/{target}/submissions/{submission}": _roles(*_REVIEWING, subject=Subject.TARGET),
    "POST /cases/{target}/submissions/{submission}/verify": _roles(*_REVIEWING, subject=Subject.TARGET),
    "POST /cases/{target}/submissions/{submission}/opinion": _roles(Role.REVIEWER, subject=Subject.TARGET),
    "GET /cases/{target}/change/{clip}": _roles(Role.CLERK, subject=Subject.TARGET),
    "POST /cases/{target}/change/{clip}": _roles(Role.CLERK, subject=Subject.TARGET),
    "POST /cases/{target}/resolve": _roles(*_OPENING, subject=Subject.TARGET),
    "POST /cases/{target}/exports": _roles(Role.HANDLER, subject=Subject.TARGET),
    "GET /exports": _roles(*_EXPORTING),
    "GET /exports/{export}": _roles(*_EXPORTING, subject=Subject.EXPORT),
    "POST /exports/{export}/approve": _roles(Role.APPROVER, subject=Subject.EXPORT),
    "POST /exports/{export}/refuse": _roles(Role.APPROVER, subject=Subject.EXPORT),
    "POST /exports/{export}/produce": _roles(Role.CLERK, subject=Subject.EXPORT),
    "GET /exports/{export}/package": _roles(Role.CLERK, subject=Subject.EXPORT),
    "GET /uploads": _roles(Role.CLERK),
    "GET /uploads/rows": _roles(Role.CLERK),
    "OPTIONS /uploads": _roles(Role.CLERK),
    "POST /uploads": _roles(Role.CLERK),
    "HEAD /uploads/{upload}": _roles(Role.CLERK),
    "PATCH /uploads/{upload}": _roles(Role.CLERK),
    "DELETE /uploads/{upload}": _roles(Role.CLERK),
    "GET /disposal": _roles(Role.CLERK, Role.APPROVER),
    "POST /disposal": _roles(Role.CLERK),
    "GET /disposal/{disposal}": _roles(Role.CLERK, Role.APPROVER),
    "POST /disposal/{disposal}/decide": _roles(Role.APPROVER),
    "POST /holds": _roles(Role.CLERK, Role.HANDLER, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR),
    "POST /holds/{hold}/lift": _roles(Role.APPROVER),
    "GET /ledger": _roles(Role.AUDITOR),
    "GET /api/v1/openapi.json": _PUBLIC,
    "GET /api/v1/token": _PERSON,
    "GET /api/v1/log/checkpoint": _PERSON,
    "GET /api/v1/cases": _token(Scope.CASES_READ, *_SEEING),
    "GET /api/v1/cases/{target}": _token(Scope.CASES_READ, *_SEEING, subject=Subject.TARGET),
    "POST /api/v1/cases": _token(Scope.CASES_WRITE, *_OPENING, Role.OFFICER),
    "POST /api/v1/cases/{target}/resolution": _token(Scope.CASES_WRITE, *_OPENING, subject=Subject.TARGET),
    "POST /api/v1/cases/numbers": _token(Scope.CASES_WRITE, *_OPENING),
    "POST /api/v1/bindings": _token(Scope.CLIPS_WRITE, *_TAGGING),
    "POST /api/v1/clips/{clip}/amendments": _token(Scope.CLIPS_WRITE, *_TAGGING, subject=Subject.CLIP),
    "GET /api/v1/clips": _token(Scope.CLIPS_READ, *_SEEING),
    "GET /api/v1/clips/{clip}": _token(Scope.CLIPS_READ, *_SEEING, subject=Subject.CLIP),
    "GET /api/v1/clips/{clip}/original": _token(Scope.EVIDENCE_READ, *_SEEING, subject=Subject.CLIP),
    "GET /api/v1/clips/{clip}/playable": _token(Scope.EVIDENCE_READ, *_SEEING, subject=Subject.CLIP),
    "POST /api/v1/clips/{clip}/verification": _token(Scope.CLIPS_READ, *_SEEING, subject=Subject.CLIP),
    "GET /api/v1/hooks": _token(Scope.HOOKS_WRITE, *_SEEING),
    "POST /api/v1/hooks": _token(Scope.HOOKS_WRITE, *_SEEING),
    "POST /api/v1/hooks/{hook}/removal": _token(Scope.HOOKS_WRITE, *_SEEING),
    "GET /people": _roles(Role.ADMIN),
    "POST /people": _roles(Role.ADMIN),
    "POST /people/{person}/roles": _roles(Role.ADMIN),
    "POST /people/{person}/link": _roles(Role.ADMIN),
    "POST /people/{person}/pin": _roles(Role.ADMIN),
    "POST /people/{person}/card": _roles(Role.ADMIN),
    "POST /people/{person}/disabled": _roles(Role.ADMIN),
    "GET /recorders": _roles(Role.CLERK, Role.ADMIN),
    "POST /recorders/{recorder}/issue": _roles(Role.CLERK, Role.ADMIN),
    "POST /recorders/return/{holding}": _roles(Role.CLERK, Role.ADMIN),
    "POST /recorders/enrol/{quarantine}": _roles(Role.ADMIN),
    "POST /recorders/{recorder}/withdraw": _roles(Role.ADMIN),
    "GET /people/import": _roles(Role.ADMIN),
    "GET /people/import/sample.csv": _roles(Role.ADMIN),
    "POST /people/import": _roles(Role.ADMIN),
    "POST /people/import/confirm": _roles(Role.ADMIN),
    "GET /recorders/import": _roles(Role.ADMIN),
    "GET /recorders/import/sample.csv": _roles(Role.ADMIN),
    "POST /recorders/import": _roles(Role.ADMIN),
    "POST /recorders/import/confirm": _roles(Role.ADMIN),
    "GET /alarms": _roles(Role.CLERK, Role.ADMIN),
    "POST /alarms/{alarm}": _roles(Role.CLERK, Role.ADMIN),
    "GET /health": _roles(Role.ADMIN),
    "GET /station": _roles(Role.ADMIN),
    "GET /station/slots": _roles(Role.ADMIN),
    "GET /station/profiles": _roles(Role.ADMIN),
    "GET /station/backup": _roles(Role.ADMIN),
    "POST /station/backup": _roles(Role.ADMIN),
    "POST /station/backup/drill": _roles(Role.ADMIN),
    "GET /station/sessions": _roles(Role.ADMIN),
    "POST /station/sessions/end": _roles(Role.ADMIN),
    "POST /station/sessions/{session}/end": _roles(Role.ADMIN),
    "GET /station/tokens": _roles(Role.ADMIN),
    "POST /station/tokens": _roles(Role.ADMIN),
    "POST /station/tokens/{token}/revoke": _roles(Role.ADMIN),
    "GET /metrics": Policy(Who.MACHINE),
    "GET /api/v1/metrics": _token(Scope.METRICS_READ, Role.ADMIN),
}


def policy_of(route: str) -> Policy:
    """Return the policy of a route (`GET /clips/{clip}`); raises ConfigError when it has none."""
    policy = POLICIES.get(route)
    if policy is None:
        raise ConfigError(
            f"The route {route} has no policy", hint="Every route needs a line in station/api/policies.py"
        )
    return policy


def check_complete(routes: Iterable[str]) -> None:
    """Raise ConfigError unless routes and policies match one to one."""
    served = set(routes)
    for route in served:
        policy_of(route)
    orphans = sorted(set(POLICIES) - served)
    if orphans:
        raise ConfigError(f"The policy of {orphans[0]} names no route", hint="Remove it from station/api/policies.py")


def allows(policy: Policy, roles: frozenset[str] | None, *, loopback: bool) -> bool:
    """Tell whether somebody may come: `roles` None is nobody known.

    `loopback` is a screen beside the slots, and for `machine` this machine itself.
    """
    if policy.who == Who.PUBLIC:
        return True
    if policy.who == Who.MACHINE:
        return loopback
    if policy.who == Who.KIOSK:
        return loopback or roles is not None
    if roles is None:
        return False
    return policy.who == Who.PERSON or bool(policy.roles & roles)
