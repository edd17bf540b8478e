"""What a page of the customer's is answered with."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page, or the address that the browser is sent on to.

    Attributes:
        leads_to: An address that a form of the page may end up at.
    """

    status: int = 200
    html: str = ""
    location: str = ""
    kind: str = "text/html"
    leads_to: str = ""

    @property
    def policy(self) -> str:
        """Its content security policy: a browser holds redirects of forms against it too."""
        address = urlsplit(self.leads_to)
        shop = f" {address.scheme}://{address.netloc}" if address.netloc else ""
        return f"{POLICY}form-action 'self'{shop}; frame-ancestors 'none'"
