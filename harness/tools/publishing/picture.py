"""The picture of the README: a content tree beside the resources that it became, its lineage as lines.

``python -m tools.publishing.picture`` transforms one sample and writes docs/images/tree-to-fhir.svg.
Nothing in the picture is drawn by hand: the items are those of the report, the lines its lineage, the values
those of the Bundle.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.accounting.report import Line
    from sr2fhir.result import Result

SAMPLE = Path("samples/real_hl7_dicom_sr_ig_example.json")
PICTURE = Path("docs/images/tree-to-fhir.svg")

# pixels
ROW, GAP, MARGIN, TOP = 19, 14, 16, 76
LEFT_WIDTH, RIGHT_START, RIGHT_WIDTH, INDENT = 440, 680, 470, 14
BEND = 110
# a source that gives the same element to more resources is left out
MANY = 3
# characters; the width of one, on average, in pixels
LABEL_LENGTH, VALUE_LENGTH, CHARACTER = 58, 46, 7.2

INK, FAINT, WARN, LEADER = "#1f2933", "#8a94a0", "#b42318", "#e3e7eb"
COLOURS: Mapping[str, str] = {
    "Patient": "#64748b",
    "ImagingStudy": "#64748b",
    "Device": "#7c5cbf",
    "Practitioner": "#64748b",
    "BodyStructure": "#c2571a",
    "ImagingSelection": "#0f7b6c",
    "Observation": "#1d5fbf",
}
OTHER_COLOUR = "#64748b"
STYLE = "text{font:12px system-ui,'DejaVu Sans',sans-serif}.h{font-weight:600}.m{font-size:10.5px}"


@dataclass(frozen=True)
class Source:
    """One line of the left half: a content item, or an attribute of the header.

    Parameters
    ----------
    name
        Position or keyword.
    label
        What is written after it.
    colour
        Of the writing.
    depth
        Steps of indentation.
    """

    name: str
    label: str
    colour: str
    depth: int


@dataclass(frozen=True)
class Target:
    """One line of the right half: a resource or one of its elements.

    Parameters
    ----------
    path
        As in the report: `Observation/<id>` or `Observation/<id>.code`.
    label, value
        What is written.
    colour
        Of the resource.
    """

    path: str
    label: str
    value: str
    colour: str

    @property
    def is_resource(self) -> bool:
        """Tell whether this is the head of a box."""
        return "." not in self.path


def picture(result: Result) -> str:
    """Draw what became of one Structured Report.

    Parameters
    ----------
    result
        As `Transformer.transform` answers it.

    Returns
    -------
    str
        SVG. The same result gives the same text.
    """
    links = list(lineage(result))
    linked = {source for source, _ in links}
    right = dict(placed(targets(result.bundle, {path for _, path in links})))
    bottom = max(right.values())
    left = spread(list(sources(result)), bottom)
    body = [
        *(curve(start, end) for start, end in ends(links, left, right)),
        *(source_text(source, y, source.name in linked) for source, y in left.items()),
        *(target_text(target, y) for target, y in right.items()),
    ]
    return svg(max(bottom, *left.values()) + MARGIN, [*headings(result.name), *body])


# ---- what is drawn -----------------------------------------------------------------------------------------


def lineage(result: Result) -> Iterator[tuple[str, str]]:
    """Yield source and target of each line.

    Left out are the copies of identifiers that references carry, and what one source gives to the same
    element of many resources, such as the language.
    """
    for line in (*result.report.attributes, *result.report.items):
        number = Counter(map(element_of_type, line.elements))
        for element in line.elements:
            if number[element_of_type(element)] <= MANY and not element.endswith(".identifier"):
                yield line.source, element


def element_of_type(path: str) -> str:
    """Leave the id out of a path: `Observation.code`."""
    return re.sub(r"/[^.]+", "", path)


def sources(result: Result) -> Iterator[Source]:
    """List the header's attributes that reached an element, then all content items in document order."""
    reached = {source for source, _ in lineage(result)}
    for line in result.report.attributes:
        if line.source in reached:
            yield Source(line.source, "", INK, 0)
    for line in result.report.items:
        yield item(line)


def item(line: Line) -> Source:
    """Describe a content item, and why it reached nothing if so."""
    about = dict(line.description)
    meaning = about.get("concept", "").split('"')[1:2] or ["(no concept name)"]
    label = f"{about.get('valueType', '')}  {meaning[0]}"
    if line.is_unmapped:
        return Source(line.source, f"{label}: {line.reason}", WARN, line.source.count("."))
    colour = INK if line.elements else FAINT
    return Source(line.source, label, colour, line.source.count("."))


def targets(bundle: dict[str, Any], linked: set[str]) -> Iterator[Target]:
    """List the resources in the order of the Bundle, each with the elements that a line leads to."""
    for entry in bundle["entry"]:
        resource = entry["resource"]
        path = f"{resource['resourceType']}/{resource['id']}"
        colour = COLOURS.get(resource["resourceType"], OTHER_COLOUR)
        yield Target(path, resource["resourceType"], profile(resource), colour)
        for name in elements(resource, path, linked):
            yield Target(f"{path}.{name}", name, text_of(at(resource, name)), colour)


def elements(resource: dict[str, Any], path: str, linked: set[str]) -> list[str]:
    """Find the elements of a resource that a line leads to, in the resource's own order."""
    order = list(resource)
    names = (element.removeprefix(f"{path}.") for element in linked if element.startswith(f"{path}."))
    return sorted(names, key=lambda name: (order.index(re.split(r"[.\[]", name)[0]), name))


def profile(resource: dict[str, Any]) -> str:
    """Name the profile that a resource claims."""
    claimed = resource.get("meta", {}).get("profile", [""])
    return str(claimed[0]).rpartition("/")[2]


def at(node: Any, path: str) -> Any:
    """Find an element by its path: `version[0].value`."""
    for step in path.replace("]", "").replace("[", ".").split("."):
        node = node[int(step)] if isinstance(node, list) else node.get(step)
    return node


def text_of(node: Any) -> str:
    """Write a value in a few words: a quantity, a concept, a name, an identifier, or a primitive."""
    if not isinstance(node, dict):
        return "" if node is None else str(node)
    if "family" in node:
        return " ".join([*node.get("given", ()), node["family"]])
    parts = (node.get("value"), node.get("unit"), node.get("text"), *displays(node))
    known = [str(part) for part in parts if part is not None]
    return " ".join(known[:2] if "unit" in node else known[:1])


def displays(node: dict[str, Any]) -> Iterator[str | None]:
    """Yield the texts that stand deeper: displays of codings, values of components, UIDs of instances."""
    for coding in node.get("coding", ()):
        yield coding.get("display")
    yield node.get("display")
    yield node.get("valueString")
    yield node.get("uid")


# ---- where it is drawn -------------------------------------------------------------------------------------


def placed(lines: Iterable[Target]) -> Iterator[tuple[Target, int]]:
    """Give each line of the right half its height; the heads of boxes stand off from what is above."""
    y = TOP - GAP
    for line in lines:
        y += GAP if line.is_resource else 0
        yield line, y
        y += ROW


def spread(lines: list[Source], bottom: int) -> dict[Source, int]:
    """Give each line of the left half its height, so that both halves are equally high."""
    step = max(ROW, (bottom - TOP) // max(1, len(lines) - 1))
    return {line: TOP + number * step for number, line in enumerate(lines)}


def ends(
    links: Iterable[tuple[str, str]], left: Mapping[Source, int], right: Mapping[Target, int]
) -> Iterator[tuple[int, tuple[int, str]]]:
    """Find the ends of each line: height at the left, height and colour at the right."""
    begin = {source.name: y for source, y in left.items()}
    end = {target.path: (y, target.colour) for target, y in right.items()}
    for source, path in links:
        if source in begin and path in end:
            yield begin[source], end[path]


def curve(from_y: int, end: tuple[int, str]) -> str:
    """Draw one line."""
    to_y, colour = end
    first, last = MARGIN + LEFT_WIDTH, RIGHT_START
    y, to = from_y - 4, to_y - 4
    path = f"M{first} {y}C{first + BEND} {y} {last - BEND} {to} {last} {to}"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.3" opacity="0.75"/>'


def source_text(source: Source, y: int, linked: bool) -> str:
    """Write one line of the left half, with a leader to where its lines begin."""
    x, label = MARGIN + source.depth * INDENT, short(source.label, LABEL_LENGTH)
    words = f'<tspan class="h">{escape(source.name)}</tspan>  {escape(label)}'
    text = f'<text x="{x}" y="{y}" fill="{source.colour}" xml:space="preserve">{words}</text>'
    begin = x + round(CHARACTER * (len(source.name) + len(label) + 3))
    return leader(begin, y) + text if linked else text


def leader(begin: int, y: int) -> str:
    """Draw a faint line from the end of a text to the right edge of the left half."""
    end = MARGIN + LEFT_WIDTH
    return f'<path d="M{begin} {y - 4}H{end}" stroke="{LEADER}"/>' if begin < end else ""


def target_text(target: Target, y: int) -> str:
    """Write one line of the right half; a resource's is a bar in its colour."""
    value = escape(short(target.value, VALUE_LENGTH))
    if target.is_resource:
        bar = f'<rect x="{RIGHT_START}" y="{y - 14}" width="{RIGHT_WIDTH}" height="{ROW}" rx="3" '
        words = f'<tspan class="h">{escape(target.label)}</tspan>  <tspan class="m">{value}</tspan>'
        at_left = f'x="{RIGHT_START + 8}" y="{y}" fill="#fff" xml:space="preserve"'
        return f'{bar}fill="{target.colour}"/><text {at_left}>{words}</text>'
    words = f'<tspan fill="{target.colour}">{escape(target.label)}</tspan>  {value}'
    return f'<text x="{RIGHT_START + 8}" y="{y}" fill="{INK}" xml:space="preserve">{words}</text>'


def short(text: str, length: int) -> str:
    """Cut a text that is too long for its place."""
    return text if len(text) <= length else text[: length - 1] + "…"


def headings(name: str) -> list[str]:
    """Write what stands above the two halves."""
    legend = "black: reached an element; grey: structure, or used up on the way; red: reached none, and why"
    return [
        f'<text class="h" x="{MARGIN}" y="28" fill="{INK}">DICOM Structured Report: {escape(name)}</text>',
        f'<text class="h" x="{RIGHT_START}" y="28" fill="{INK}">FHIR Bundle</text>',
        f'<text class="m" x="{MARGIN}" y="44" fill="{FAINT}">{legend}</text>',
    ]


def svg(height: int, parts: Iterable[str]) -> str:
    """Put the parts on a white ground."""
    width = RIGHT_START + RIGHT_WIDTH + MARGIN
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    title = "<title>Content items of a Structured Report and the FHIR elements that came from them</title>"
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", ground, *parts, "</svg>"]) + "\n"


def main() -> int:
    """Transform the sample and write the picture."""
    from sr2fhir.transformer import Transformer

    root = layout().sources
    with Transformer() as transformer:
        result = transformer.transform(root / SAMPLE, name=SAMPLE.name)
    place = root / PICTURE
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(picture(result), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
