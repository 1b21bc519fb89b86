"""The receipt of a docking, to be printed."""

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from station.actions.receipt import make_receipt, qr_svg, receipt_facts
from station.api.context import station_of, visit_of
from station.api.pages import ReceiptPage
from station.api.render import render, translator_of


def receipt_page(request: Request, docking: str) -> Response:
    """Show what a finished docking took in, with the checkpoint it is under as text and as a QR code."""
    station = station_of(request)
    with station.database.read() as session:
        receipt = make_receipt(station.home, session, docking)
    facts = tuple(receipt_facts(receipt, translator_of(request)))
    # Made by segno out of nothing but numbers; nothing of the checkpoint stands in it as text.
    qr = Markup(qr_svg(receipt.checkpoint))  # noqa: S704
    return render(request, "receipt.html", ReceiptPage(receipt, facts, qr), visit=visit_of(request))


ROUTES = (("GET", "/dockings/{docking}/receipt", receipt_page),)
