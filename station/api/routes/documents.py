"""Documents of a case: its list with what the visitor is sending, and one document's bytes."""

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from station.actions.documents import open_document
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.render import render
from station.api.routes.cases import show_case
from station.api.upload_pages import documents_page
from station.catalogue.documents import list_documents
from station.catalogue.targets import target_detail
from station.errors import NotFoundError

# Nothing that a document holds may run, load or send anything, nor act as a page of ours.
_POLICY = "default-src 'none'; img-src 'self'; frame-ancestors 'none'; sandbox"
_TYPES = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
_SHOWN = frozenset({"jpeg", "png"})


def document_rows(request: Request, target: str) -> Response:
    """Send only the list, for a script that looks how far things are."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        status = target_detail(session, visit.viewer, target).row.status
        page = documents_page(session, station.home, visit.viewer, target, status)
    return render(request, "document_rows.html", page, visit=visit)


def document(request: Request, target: str, document: str, purpose: str = "") -> Response:
    """Send a document: a photo to be shown, anything else to be saved."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = next(
            (each for each in list_documents(session, visit.viewer, target) if each.document == document), None
        )
    if found is None:
        raise NotFoundError("There is no such document in this case, or it is not for you to see")
    path = station.store.path(found.sha256)
    if not path.is_file():
        raise NotFoundError("The vault does not hold this document any more", hint="Have the vault verified")
    try:
        open_document(station.custody, visit.viewer, visit.actor, target, document, purpose)
    except ProblemError as error:
        return show_case(request, target, error.code)
    headers = {"content-security-policy": _POLICY, "etag": f'"{found.sha256}"', "cache-control": "no-store"}
    return FileResponse(
        path,
        media_type=_TYPES[found.kind],
        headers=headers,
        filename=_file_name(found.file_name, found.kind),
        content_disposition_type="inline" if found.kind in _SHOWN else "attachment",
    )


def _file_name(stated: str, kind: str) -> str:
    """Return the stated name with the extension of what it is, so that no other program opens it."""
    extensions = {"jpeg": (".jpg", ".jpeg")}.get(kind, (f".{kind}",))
    return stated if stated.lower().endswith(extensions) else f"{stated}{extensions[0]}"


ROUTES = (
    ("GET", "/cases/{target}/documents", document_rows),
    ("GET", "/cases/{target}/documents/{document}", document),
)
