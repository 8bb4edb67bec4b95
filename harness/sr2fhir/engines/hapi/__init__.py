"""A FHIR server with `StructureMap/$transform`, such as matchbox on HAPI, by HTTP.

In the order in which they work: `server` learns what the server is, `parts` and `installation` see to it
that it holds our model and maps, `forms` writes the request in one of the forms that servers understand,
`outcomes` reads what it answers, and `engine` joins them.
"""

from sr2fhir.engines.hapi.engine import HapiEngine

__all__ = ["HapiEngine"]
