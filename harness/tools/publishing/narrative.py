"""The text of a map in its StructureMap, where published guides carry it: in the narrative."""

from __future__ import annotations

from html import escape

from sr2fhir.jsontext import JsonObject

_OPEN = '<div xmlns="http://www.w3.org/1999/xhtml"><pre class="fml">\n'
_CLOSE = "</pre></div>"


def of_map(source: str) -> JsonObject:
    """Make the narrative of a map.

    Parameters
    ----------
    source
        The map as its author wrote it, in FML.

    Returns
    -------
    dict
        A Narrative. Its status is ``additional``: the comments stand nowhere else in the resource.
    """
    return {"status": "additional", "div": _OPEN + escape(source, quote=False) + _CLOSE}
