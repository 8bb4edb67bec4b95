"""Observers of the content tree and of the header (mapping sections 3.3, 3.4; decision D17)."""

from __future__ import annotations

from tests import builders as b
from tests.model.documents import item, rendered

CONTEXT = "HAS OBS CONTEXT"
NUM = b.num(b.VOLUME, "1", b.CUBIC_MM)


def device_text(value, meaning):
    return lambda written: b.text(b.Code(value, "DCM", meaning), written, relationship=CONTEXT)


device_name = device_text("121013", "Device Observer Name")
device_manufacturer = device_text("121014", "Device Observer Manufacturer")
device_model = device_text("121015", "Device Observer Model Name")
device_serial = device_text("121016", "Device Observer Serial Number")
login = device_text("128774", "Person Observer's Login Name")


def device_uid(uid):
    return b.uidref(b.DEVICE_OBSERVER_UID, uid, relationship=CONTEXT)


def participant(name=None, kind="PSN", participation="SOURCE", **attributes):
    return b.sequence_item(ObserverType=kind, PersonName=name, ParticipationType=participation, **attributes)


def names_of(document, position):
    by_id = {person["id"]: person["name"][0]["text"] for person in document.get("person", [])}
    return [by_id[one] for one in item(document, position)["context"].get("person", [])]


def devices_of(document, position):
    by_id = {device["id"]: device.get("name") for device in document.get("device", [])}
    return [by_id.get(one, "equipment") for one in item(document, position)["context"].get("device", [])]


def test_an_observer_of_the_root_holds_below():
    document = rendered(
        b.observer(b.PERSON), b.person_observer("Doe^Jane"), b.imaging_measurements(b.group(NUM))
    ).document
    assert names_of(document, "1.3.1.1") == ["Jane Doe"]
    assert [item(document, place)["resolved"] for place in ("1.1", "1.2")] == ["observer", "observer"]


def test_a_name_without_an_observer_type_is_a_person():
    document = rendered(b.person_observer("Doe^Jane"), b.imaging_measurements(b.group(NUM))).document
    assert names_of(document, "1.2.1") == ["Jane Doe"]


def test_a_name_written_as_text_is_accepted():
    name = b.text(b.Code("121008", "DCM", "Person Observer Name"), "Dr. Jane Doe", relationship=CONTEXT)
    document = rendered(name, b.imaging_measurements(b.group(NUM))).document
    assert document["person"][0]["name"] == [{"id": "1.1", "text": "Dr. Jane Doe"}]


def test_several_observers_of_one_level():
    document = rendered(
        b.observer(b.PERSON),
        b.person_observer("Doe^Jane"),
        login("jdoe"),
        b.observer(b.PERSON),
        b.person_observer("Roe^Rita"),
        b.observer(b.DEVICE),
        device_uid("1.2.77"),
        device_name("Station"),
        b.imaging_measurements(b.group(NUM)),
    ).document
    assert names_of(document, "1.9.1.1") == ["Jane Doe", "Rita Roe"]
    assert devices_of(document, "1.9.1.1") == ["Station"]
    assert document["person"][0]["identifier"] == [
        {"id": "1.3", "type": {"text": "Person Observer's Login Name"}, "value": "jdoe"}
    ]
    assert document["device"][0]["identifier"]["value"] == "urn:oid:1.2.77"
    assert document["device"][0]["_name"] == {"id": "1.8"}


def test_two_names_without_observer_types_are_two_persons():
    document = rendered(
        b.person_observer("Doe^Jane"), b.person_observer("Roe^Rita"), b.imaging_measurements(b.group(NUM))
    ).document
    assert names_of(document, "1.3.1") == ["Jane Doe", "Rita Roe"]


def test_a_level_that_states_any_observer_replaces_all_that_is_inherited():
    inner = b.group(b.observer(b.DEVICE), device_name("Station"), NUM)
    document = rendered(b.person_observer("Doe^Jane"), b.imaging_measurements(inner, b.group(NUM))).document
    assert names_of(document, "1.2.1") == []
    assert devices_of(document, "1.2.1.3") == ["Station"]
    assert (names_of(document, "1.2.2"), devices_of(document, "1.2.2")) == (["Jane Doe"], [])


def test_an_observer_of_a_measurement_holds_for_it_alone():
    own = b.num(b.VOLUME, "1", b.CUBIC_MM, b.person_observer("Roe^Rita"))
    document = rendered(b.person_observer("Doe^Jane"), b.imaging_measurements(b.group(own, NUM))).document
    assert names_of(document, "1.2.1.1") == ["Rita Roe"]
    assert names_of(document, "1.2.1.2") == ["Jane Doe"]


def test_one_person_is_listed_once():
    document = rendered(
        b.person_observer("Doe^Jane"),
        b.imaging_measurements(b.group(b.person_observer("Doe^Jane"), NUM)),
        VerifyingObserverSequence=[b.sequence_item(VerifyingObserverName="Doe^Jane")],
    ).document
    (person,) = document["person"]
    assert person["role"] == ["observer", "verifier"]


def test_without_observers_participants_who_do_not_only_sign_observe():
    document = rendered(
        b.imaging_measurements(b.group(NUM)),
        ParticipantSequence=[
            participant("Sign^Er", participation="ATTEST"),
            participant("Doe^Jane"),
            participant("Roe^Rita"),
        ],
        AuthorObserverSequence=[participant("Auth^Or", participation=None)],
    ).document
    assert names_of(document, "1.1.1") == ["Jane Doe", "Rita Roe"]
    assert {person["name"][0]["text"]: person["role"] for person in document["person"]} == {
        "Er Sign": ["attester"],
        "Jane Doe": ["participant"],
        "Rita Roe": ["participant"],
        "Or Auth": ["author"],
    }


def test_without_participants_authors_observe_and_verifiers_never():
    document = rendered(
        b.imaging_measurements(b.group(NUM)),
        ParticipantSequence=[participant("Sign^Er", participation="ATTEST")],
        AuthorObserverSequence=[participant("Auth^Or", participation=None)],
    ).document
    assert names_of(document, "1.1.1") == ["Or Auth"]
    document = rendered(
        b.imaging_measurements(b.group(NUM)),
        VerifyingObserverSequence=[b.sequence_item(VerifyingObserverName="Ver^Ify")],
    ).document
    assert names_of(document, "1.1.1") == []


def test_identification_codes_are_identifiers():
    identified = participant(
        "Doe^Jane", PersonIdentificationCodeSequence=[b.Code("77", "99STAFF", "Jane").as_item()]
    )
    document = rendered(
        b.imaging_measurements(b.group(NUM)),
        ParticipantSequence=[identified],
        CodingSchemeIdentificationSequence=[
            b.sequence_item(CodingSchemeDesignator="99STAFF", CodingSchemeUID="1.2.3")
        ],
    ).document
    (person,) = document["person"]
    assert person["identifier"] == [
        {
            "id": "ParticipantSequence.1.PersonIdentificationCodeSequence",
            "system": "urn:oid:1.2.3",
            "value": "77",
        }
    ]


def test_two_persons_with_one_login_have_two_ids():
    document = rendered(
        b.person_observer("Doe^Jane"), login("reader"), b.person_observer("Roe^Rita"), login("reader")
    ).document
    assert len({person["id"] for person in document["person"]}) == 2


def test_a_participating_device_stands_in_for_a_device_observer():
    device = participant(kind="DEV", ManufacturerModelName="Model X", DeviceUID="1.2.88")
    document = rendered(b.imaging_measurements(b.group(NUM)), ParticipantSequence=[device]).document
    assert document["device"][0]["model"] == "Model X"
    assert item(document, "1.1.1.1")["context"]["device"] == [document["device"][0]["id"]]
    observed = rendered(
        b.observer(b.DEVICE),
        device_name("Station"),
        b.imaging_measurements(b.group(NUM)),
        ParticipantSequence=[device],
    ).document
    assert devices_of(observed, "1.3.1.1") == ["Station"]


def test_the_equipment_as_observer_is_the_equipment():
    by_uid = rendered(
        b.observer(b.DEVICE), device_uid("1.2.9"), b.imaging_measurements(b.group(NUM)), DeviceUID="1.2.9"
    ).document
    assert "device" not in by_uid
    assert item(by_uid, "1.3.1")["context"]["device"] == [by_uid["equipment"]["id"]]
    described = (device_manufacturer("Maker"), device_model("Model"), device_serial("5"))
    by_three = rendered(
        b.observer(b.DEVICE), *described, b.imaging_measurements(b.group(NUM)), DeviceSerialNumber="5"
    ).document
    assert item(by_three, "1.5.1")["context"]["device"] == [by_three["equipment"]["id"]]
    by_two = rendered(b.observer(b.DEVICE), *described[:2], b.imaging_measurements(b.group(NUM))).document
    assert by_two["device"][0]["model"] == "Model"


def test_another_uid_is_another_device():
    described = (
        device_uid("1.2.10"),
        device_manufacturer("Maker"),
        device_model("Model"),
        device_serial("5"),
    )
    document = rendered(
        b.observer(b.DEVICE),
        *described,
        b.imaging_measurements(b.group(NUM)),
        DeviceUID="1.2.9",
        DeviceSerialNumber="5",
    ).document
    assert document["device"][0]["identifier"]["value"] == "urn:oid:1.2.10"


def test_who_observed_nothing_is_listed_too():
    """Whether anything refers to a person is seen in the Bundle."""
    own = b.group(b.person_observer("Roe^Rita"), NUM)
    document = rendered(b.imaging_measurements(b.person_observer("Doe^Jane"), own)).document
    assert [person["name"][0]["text"] for person in document["person"]] == ["Jane Doe", "Rita Roe"]
    assert [item(document, place)["resolved"] for place in ("1.1.1", "1.1.2.1")] == ["observer"] * 2


def test_every_device_is_listed_even_where_another_observed():
    device = participant(kind="DEV", ManufacturerModelName="Model X")
    rendering = rendered(
        b.imaging_measurements(
            b.observer(b.DEVICE),
            device_name("Station"),
            b.group(b.observer(b.DEVICE), device_name("Other"), NUM),
        ),
        ParticipantSequence=[device],
    )
    assert len(rendering.document["device"]) == 3
    assert item(rendering.document, "1.1.2")["resolved"] == "observer"
    records = {record.path: record.disposition for record in rendering.header}
    assert records["ParticipantSequence.1.ManufacturerModelName"] == "mapped"


def test_organisations_and_roles_are_left_to_the_account():
    organisation = b.text(
        b.Code("121009", "DCM", "Person Observer's Organization Name"), "Clinic", relationship=CONTEXT
    )
    document = rendered(
        b.person_observer("Doe^Jane"), organisation, b.imaging_measurements(b.group(NUM))
    ).document
    assert "resolved" not in item(document, "1.2")


def test_an_observer_type_of_another_code_is_a_person():
    odd = b.code(b.Code("121005", "DCM", "Observer Type"), b.Code("1", "99X", "Robot"), relationship=CONTEXT)
    document = rendered(odd, b.person_observer("Doe^Jane"), b.imaging_measurements(b.group(NUM))).document
    assert names_of(document, "1.3.1") == ["Jane Doe"]
