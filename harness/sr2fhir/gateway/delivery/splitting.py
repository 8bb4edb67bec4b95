"""A transaction in parts, none larger than a server takes, that keep references whole.

An entry refers only to entries of its own part or of an earlier one. Entries that refer to each other in a
circle stay together. Within that, the order of the Bundle is kept, so the parts are always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sr2fhir.jsontext import JsonObject
from sr2fhir.references import targets


def parts(entries: Sequence[JsonObject], most: int) -> list[list[int]]:
    """Split the entries of a transaction.

    Parameters
    ----------
    entries
        With their full URLs, by which they refer to each other.
    most
        Entries of a part. A circle of references that is larger is a part of its own.

    Returns
    -------
    list of list of int
        For each part, which entries it has, by their places.
    """
    made: list[list[int]] = [[]]
    for together in circles(references(entries)):
        if made[-1] and len(made[-1]) + len(together) > most:
            made.append([])
        made[-1] += together
    return [sorted(part) for part in made if part]


def references(entries: Sequence[JsonObject]) -> list[list[int]]:
    """Return for each entry which others it refers to, in the order of the Bundle."""
    places: dict[str | None, int] = {}
    for index, entry in enumerate(entries):
        resource = entry.get("resource", {})
        for name in (entry.get("fullUrl"), f"{resource.get('resourceType')}/{resource.get('id')}"):
            places[name] = index
    found = ({places[each] for each in targets(entry.get("resource")) if each in places} for entry in entries)
    return [sorted(others - {index}) for index, others in enumerate(found)]


def circles(leads_to: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Return the strongly connected components of a graph, each after those that it leads to.

    Tarjan's algorithm, with a stack of its own: chains of references are long.
    """
    number: dict[int, int] = {}
    lowest: dict[int, int] = {}
    path: list[int] = []
    over: set[int] = set()
    for start in range(len(leads_to)):
        if start in number:
            continue
        work = [(start, iter(leads_to[start]))]
        number[start] = lowest[start] = len(number)
        path.append(start)
        while work:
            node, others = work[-1]
            following = next((each for each in others if each not in over), None)
            if following is None:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[node])
                if lowest[node] == number[node]:
                    together = path[path.index(node) :]
                    del path[-len(together) :]
                    over.update(together)
                    yield sorted(together)
            elif following in number:
                lowest[node] = min(lowest[node], number[following])
            else:
                number[following] = lowest[following] = len(number)
                path.append(following)
                work.append((following, iter(leads_to[following])))
