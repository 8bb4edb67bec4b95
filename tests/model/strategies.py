"""Random Structured Reports: trees over all value types and relationships, with by-reference items, valid and dangling."""

from __future__ import annotations

from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests import builders as b

RELATIONSHIPS = (
    "CONTAINS",
    "HAS PROPERTIES",
    "HAS OBS CONTEXT",
    "HAS ACQ CONTEXT",
    "INFERRED FROM",
    "SELECTED FROM",
    "HAS CONCEPT MOD",
)

words = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\\^="),
    min_size=1,
    max_size=12,
)
uids = st.lists(st.integers(0, 9999), min_size=2, max_size=8).map(
    lambda parts: "1.2." + ".".join(map(str, parts))
)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
few_floats = st.lists(floats, max_size=8)
numbers = st.lists(st.integers(1, 999), max_size=3)

_pairs = st.one_of(
    st.tuples(words, st.sampled_from(["DCM", "SCT", "SRT", "LN", "99PRIV", "99ID", "radlex", "UCUM"])),
    st.tuples(st.sampled_from(["T-28000", "G-C0E3", "X-00000"]), st.just("SRT")),
    st.tuples(st.sampled_from(["125007", "111028", "121071", "126010", "121005", "111001"]), st.just("DCM")),
)
codes = st.builds(
    lambda pair, meaning, equivalents: b.Code(*pair, meaning, equivalents=equivalents),
    _pairs,
    words,
    st.sampled_from([(), (b.LUNG,)]),
)
known = st.sampled_from([b.FINDING, b.FINDING_SITE, b.TRACKING_IDENTIFIER, b.VOLUME])
concepts = st.one_of(st.none(), codes, known)
names = st.lists(words, min_size=1, max_size=5).map("^".join)
decimals = st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{0,4})?(E[+-]?[0-9]{1,2})?", fullmatch=True)
relationships = st.sampled_from(RELATIONSHIPS)


def _items(children: st.SearchStrategy[list[Dataset]]) -> st.SearchStrategy[Dataset]:
    below = children.map(tuple)
    return st.one_of(
        st.builds(_with_children(b.container), codes, below, relationship=relationships),
        st.builds(_with_children(b.text), concepts, below, value=words, relationship=relationships),
        st.builds(
            _with_children(b.code),
            concepts,
            below,
            value=st.one_of(st.none(), codes),
            relationship=relationships,
        ),
        st.builds(
            _num,
            concepts,
            below,
            relationships,
            decimals,
            st.one_of(st.none(), codes),
            st.one_of(st.none(), st.floats(allow_nan=False)),
            st.one_of(st.none(), codes),
        ),
        st.builds(
            _with_children(b.date),
            codes,
            below,
            value=st.sampled_from(["20240229", "20230229", "2024"]),
            relationship=relationships,
        ),
        st.builds(
            _with_children(b.time),
            codes,
            below,
            value=st.sampled_from(["101112.5", "10", "99"]),
            relationship=relationships,
        ),
        st.builds(
            _with_children(b.date_time),
            codes,
            below,
            value=st.sampled_from(["20240229101112+0100", "2024", "x"]),
            relationship=relationships,
        ),
        st.builds(_with_children(b.uidref), codes, below, value=uids, relationship=relationships),
        st.builds(_with_children(b.pname), codes, below, value=names, relationship=relationships),
        st.builds(_image, concepts, below, relationships, uids, numbers, numbers, st.one_of(st.none(), uids)),
        st.builds(_with_children(b.composite), uids, below, concept=concepts, relationship=relationships),
        st.builds(
            _with_children(b.waveform),
            uids,
            below,
            concept=concepts,
            channels=numbers,
            relationship=relationships,
        ),
        st.builds(
            _scoord,
            concepts,
            below,
            relationships,
            few_floats,
            st.sampled_from(["POINT", "CIRCLE", "MULTIPOINT", "ODD"]),
        ),
        st.builds(_scoord3d, concepts, below, relationships, few_floats, st.one_of(st.none(), uids)),
        st.builds(
            _with_children(b.tcoord),
            st.just("SEGMENT"),
            below,
            samples=numbers,
            concept=concepts,
            relationship=relationships,
        ),
        st.builds(
            _table, codes, st.lists(codes, max_size=2), st.lists(st.lists(words, max_size=2), max_size=2)
        ),
        st.builds(_reference, relationships, st.lists(st.integers(1, 3), max_size=5)),
    )


def _with_children(function):
    """Take the children as one argument, and a value by name."""

    def build_item(first, below, value=None, **named):
        return function(
            first,
            *(() if value is None and "value" not in function.__code__.co_varnames else (value,)),
            *below,
            **named,
        )

    return build_item


def _num(concept, below, relationship, value, unit, floating, qualifier):
    return b.num(
        concept, value, unit, *below, floating=floating, qualifier=qualifier, relationship=relationship
    )


def _image(concept, below, relationship, uid, frames, segments, state):
    return b.image(
        uid,
        *below,
        concept=concept,
        frames=frames,
        segments=segments,
        presentation_state=state,
        relationship=relationship,
    )


def _scoord(concept, below, relationship, data, kind):
    return b.scoord(kind, data, *below, concept=concept, relationship=relationship)


def _scoord3d(concept, below, relationship, data, frame):
    return b.scoord3d(
        "POLYLINE", data, *below, concept=concept, frame_of_reference=frame, relationship=relationship
    )


def _table(concept, columns, rows):
    return b.table(concept, columns, rows)


def _reference(relationship, position):
    return b.by_reference(relationship, 1, *position)


trees = st.recursive(_items(st.just([])), lambda below: _items(st.lists(below, max_size=4)), max_leaves=25)
identification = [
    b.sequence_item(CodingSchemeDesignator="99ID", CodingSchemeUID="1.2.3.4"),
]
reports = st.builds(
    lambda children: b.measurement_report(*children, CodingSchemeIdentificationSequence=identification),
    st.lists(trees, max_size=5),
)
