"""Parts of a transaction: dependencies first, circles together."""

from __future__ import annotations

import pytest
from sr2fhir.gateway.delivery.splitting import circles, parts

from .bundles import entry, refer, result


def names(entries: list[dict], most: int) -> list[list[str]]:
    return [[entries[index]["resource"]["id"] for index in part] for part in parts(entries, most)]


def test_what_is_referred_to_comes_before_what_refers_to_it() -> None:
    chain = [result("a", derivedFrom=[refer("b")]), result("b", derivedFrom=[refer("c")]), result("c")]
    assert names([entry(each) for each in chain], 1) == [["c"], ["b"], ["a"]]


def test_a_reference_by_type_and_id_counts_too() -> None:
    first = result("a", derivedFrom=[{"reference": "Observation/b"}])
    assert names([entry(first), entry(result("b"))], 1) == [["b"], ["a"]]


def test_references_of_an_extension_of_a_reference_count_too() -> None:
    extension = [{"url": "http://a.example", "valueReference": refer("b")}]
    first = result("a", derivedFrom=[{"reference": "ImagingStudy/1", "extension": extension}])
    assert names([entry(first), entry(result("b"))], 1) == [["b"], ["a"]]


def test_circles_stay_together_and_the_order_of_the_bundle_is_kept() -> None:
    entries = [
        entry(result("one", derivedFrom=[refer("three")])),
        entry(result("two")),
        entry(result("three", derivedFrom=[refer("one")])),
        entry(result("four")),
    ]
    assert names(entries, 2) == [["one", "three"], ["two", "four"]]
    assert names(entries, 1) == [["one", "three"], ["two"], ["four"]]
    assert names(entries, 3) == [["one", "two", "three"], ["four"]]


@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_long_chain_and_a_wide_group(most: int) -> None:
    count = 3000
    chain = [[index + 1] for index in range(count - 1)] + [[]]
    assert [each for (each,) in circles(chain)] == list(range(count))[::-1]
    members = [entry(result(f"m{index}")) for index in range(300)]
    group = entry(result("group", hasMember=[refer(f"m{index}") for index in range(300)]))
    made = names([group, *members], most)
    assert all(len(part) <= most for part in made)
    assert sum(map(len, made)) == 301
    assert "group" in made[-1]


def test_components_of_a_graph() -> None:
    graph = [[1], [2], [0, 3], [4], [5], [3], [7], []]
    assert sorted(sorted(each) for each in circles(graph)) == [[0, 1, 2], [3, 4, 5], [6], [7]]
    assert [min(each) for each in circles(graph)] == [3, 0, 7, 6]
