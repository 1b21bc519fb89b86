"""Pages as PDF files, made of the templates of the pages that are printed from the browser.

Guarantee: nothing is fetched: a template that refers to anything outside itself fails.
"""

from typing import NoReturn

from markupsafe import Markup

from station.actions.receipt import Receipt, qr_svg, receipt_facts
from station.api.pages import ReceiptPage
from station.api.render import load_templates
from station.i18n import Translator


def receipt_pdf(receipt: Receipt, say: Translator, *, demo: bool) -> bytes:
    """Return a docking's receipt as an A4 PDF in the translator's language."""
    from weasyprint import HTML  # loads Pango: only who prints carries it

    page = ReceiptPage(receipt, tuple(receipt_facts(receipt, say)), Markup(qr_svg(receipt.checkpoint)))  # noqa: S704
    text = load_templates().get_template("_receipt_pdf.html").render(page=page, t=say, demo=demo)
    made: bytes = HTML(string=text, url_fetcher=_fetch_nothing).write_pdf()
    return made


def _fetch_nothing(url: str, *_: object, **__: object) -> NoReturn:
    raise ValueError(f"a receipt refers to {url}")
