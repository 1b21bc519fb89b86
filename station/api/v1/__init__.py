"""The station for programs: JSON under /api/v1, so that what is known is entered once (录入一次，多平台共享).

Guarantees: a token in the header is the only way in, no cookie counts here; a token can do what its person can do, and
of that what its scopes name; every route stands in the table of policies; an error is problem+json (RFC 9457) in the
caller's language; what is served is what /api/v1/openapi.json says.
"""

from station.api.v1.app import ROOT, create_api, served

__all__ = ["ROOT", "create_api", "served"]
