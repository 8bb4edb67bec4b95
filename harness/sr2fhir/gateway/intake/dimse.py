"""Intake by C-STORE (PS3.4 Annex B), and C-ECHO.

Success is answered after the store has accepted an object. What is not accepted leaves nothing behind:

======  =====================================================================================
status  when
======  =====================================================================================
0000    the object is durable
0110    the gateway failed; its log says more
0122    the SOP Class is not that of the presentation context, or none that is taken
A700    disk, database or queue: the sender is to try again
A900    the data set is of another SOP Class or another instance than the request says
C000    the data set cannot be read
C001    the object is too large
======  =====================================================================================

Associations are rejected with the reasons of PS3.8 table 9-21: `REJECTIONS`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import SEEK_END
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from threading import Lock, Thread
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import create_file_meta
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from sr2fhir.dicom.part10 import TRANSFER_SYNTAXES
from sr2fhir.dicom.source import printable
from sr2fhir.documents import SOP_CLASSES
from sr2fhir.errors import InputError, Sr2FhirError, UsageError
from sr2fhir.gateway.intake.association import MAX_PDU, Incoming, RefusedError, Server
from sr2fhir.gateway.intake.tls import TlsSettings, checks_of, context_of
from sr2fhir.gateway.parts import Alarm, Check
from sr2fhir.gateway.store import BusyError, Origin, Receipt, Store, read_header

NAME = "dimse"
MEGABYTE = 1 << 20

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

Rejection = tuple[int, int, int]
# PS3.8 table 9-21: result, source, reason
UNKNOWN_ADDRESS: Rejection = (1, 1, 1)
UNKNOWN_CALLING_TITLE: Rejection = (1, 1, 3)
UNKNOWN_CALLED_TITLE: Rejection = (1, 1, 7)
LIMIT_EXCEEDED: Rejection = (2, 3, 2)
REJECTIONS = {
    UNKNOWN_ADDRESS: "its address is not allowed",
    UNKNOWN_CALLING_TITLE: "its AE title is not allowed",
    UNKNOWN_CALLED_TITLE: "it calls another AE title",
    LIMIT_EXCEEDED: "there are as many associations as there may be",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """Say who may send.

    Parameters
    ----------
    ae
        The AE title with which it calls; None for any.
    address
        Its address, or a network such as `10.1.0.0/16`; None for any.
    """

    ae: str | None = None
    address: str | None = None

    @property
    def network(self) -> IPv4Network | IPv6Network | None:
        """The addresses.

        Raises
        ------
        ValueError
            It is no address of IP.
        """
        return None if self.address is None else ip_network(self.address, strict=False)

    def is_at(self, address: str) -> bool:
        """Tell whether an address is one of those."""
        found = ip_address(address.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None)
        return self.network is None or (mapped or found) in self.network


@dataclass(frozen=True)
class DimseSettings:
    """What `[intake.dimse]` in gateway.toml says.

    Parameters
    ----------
    ae_title
        Of this gateway; others have to call it by that.
    address, port
        Where it listens.
    allow
        Who may send; empty for all who reach the port.
    sop_classes
        UIDs of what is taken; by default all of which there may be documents.
    tls
        None for no encryption.
    max_associations
        How many at once. Two threads wait for each, so it is better to have few that stay.
    max_object
        Bytes of one object.
    association_s, idle_s
        Seconds that a peer has for asking for an association, and for each PDU after it.
    """

    ae_title: str = "SR2FHIR"
    address: str = "127.0.0.1"
    port: int = 11112
    allow: tuple[Peer, ...] = ()
    sop_classes: tuple[str, ...] = SOP_CLASSES
    tls: TlsSettings | None = None
    max_associations: int = 25
    max_object: int = field(default=512 * MEGABYTE, metadata={"size": True})
    association_s: float = 15.0
    idle_s: float = 60.0

    def check_safe(self) -> None:
        """Refuse settings with which it cannot run, or would take objects from anybody.

        Raises
        ------
        UsageError
            The key is named.
        """
        if not 0 < len(self.ae_title.strip()) <= 16 or not self.ae_title.isascii() or "\\" in self.ae_title:
            hint = "PS3.5 6.2: up to 16 characters of ASCII, without backslash"
            raise UsageError("this is no AE title", where="intake.dimse.ae_title", hint=hint)
        for peer in self.allow:
            try:
                peer.network  # noqa: B018 - reading it tells
            except ValueError:
                hint = 'Write an address such as "10.0.0.7", or a network such as "10.0.0.0/24"'
                message = "this is no address of IP"
                raise UsageError(message, where="intake.dimse.allow", hint=hint) from None
        if unknown := sorted(set(self.sop_classes) - set(SOP_CLASSES)):
            hint = "Only Structured Reports and Key Object Selections can be transformed"
            message = f"there are no documents of {printable(unknown[0])}"
            raise UsageError(message, where="intake.dimse.sop_classes", hint=hint)
        verified = self.tls is not None and self.tls.authority is not None
        if not (self._is_local or self.allow or verified):
            message = f"everybody who reaches {self.address} could send objects"
            hint = (
                'Name the senders in allow = [{ ae = "PACS", address = "10.0.0.7" }], or an authority in tls'
            )
            raise UsageError(message, where="intake.dimse.allow", hint=hint)

    @property
    def _is_local(self) -> bool:
        try:
            return self.address == "localhost" or ip_address(self.address).is_loopback
        except ValueError:
            return False


class Dimse:
    """The storage SCP.

    Parameters
    ----------
    settings
        Those of `[intake.dimse]`.
    store
        What accepts the objects.

    Raises
    ------
    UsageError
        The settings do not go together.
    """

    name = NAME

    def __init__(self, settings: DimseSettings, store: Store) -> None:
        settings.check_safe()
        self._settings, self._store = settings, store
        self._server: Server | None = None
        self._admitted: set[Association] = set()
        self._lock = Lock()
        self._trouble: Alarm | None = None

    @property
    def port(self) -> int:
        """Where it listens; that of the settings before it has started."""
        return self._server.server_address[1] if self._server else self._settings.port

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        Sr2FhirError
            The port cannot be listened on, or the certificate cannot be used.
        """
        self._server = self._listening(self._begin)
        Thread(target=self._server.serve_forever, args=(0.2,), name=NAME, daemon=True).start()
        logger.info("%s listens on %s:%d", self._settings.ae_title, self._settings.address, self.port)

    def stop(self, timeout_s: float) -> None:
        """Take no more associations; those that are receiving may end their object."""
        if self._server is not None:
            self._server.shutdown()
            self._server.end(timeout_s)
            self._server = None

    def check(self) -> Iterator[Check]:
        """Try the port, and read the certificates."""
        if self._settings.tls is not None:
            yield from checks_of(self._settings.tls, NAME)
        what = f"{NAME}: {self._settings.address}:{self._settings.port}"
        try:
            self._listening(self._begin).server_close()
        except Sr2FhirError as error:
            yield Check(what, False, error.message, error.hint)
        else:
            yield Check(what, True, "the port is free")

    def alarms(self) -> list[Alarm]:
        """Return why the last object could not be taken, until one can."""
        return [self._trouble] if self._trouble else []

    def _listening(self, begin: Any) -> Server:
        """Listen, without taking connections yet."""
        settings = self._settings
        ae = AE(settings.ae_title)
        ae.maximum_pdu_size = MAX_PDU
        ae.maximum_associations = (
            1 << 20
        )  # they are counted here: pynetdicom counts those that it rejects too
        ae.acse_timeout, ae.network_timeout = settings.association_s, settings.idle_s
        ae.dimse_timeout = settings.idle_s
        syntaxes = list(TRANSFER_SYNTAXES)
        contexts = [build_context(uid, syntaxes) for uid in (*settings.sop_classes, Verification)]
        tls = context_of(settings.tls) if settings.tls else None
        handlers: list[evt.EventHandlerType] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_STORE, self._on_store),
        ]
        try:
            return Server(ae, (settings.address, settings.port), contexts, tls, handlers, begin)
        except OSError as error:
            raise _not_listening(error, settings) from None

    # ---- who may send

    def _on_requested(self, event: evt.Event) -> None:
        association = event.assoc
        rejection = self._rejection(association)
        if rejection is not None:
            logger.warning("association of %s rejected: %s", _peer(association), REJECTIONS[rejection])
            association.acse.send_reject(*rejection)
            association.kill()

    def _rejection(self, association: Association) -> Rejection | None:
        """Tell why an association is rejected; None if it is not, and it has a place then."""
        request = cast(Any, association.requestor.primitive)
        if request.called_ae_title.strip() != self._settings.ae_title.strip():
            return UNKNOWN_CALLED_TITLE
        if self._settings.allow:
            here = [peer for peer in self._settings.allow if peer.is_at(_address(association))]
            if not here:
                return UNKNOWN_ADDRESS
            if not any(peer.ae in (None, request.calling_ae_title.strip()) for peer in here):
                return UNKNOWN_CALLING_TITLE
        with self._lock:
            self._admitted = {each for each in self._admitted if each.is_alive()}
            if len(self._admitted) >= self._settings.max_associations:
                return LIMIT_EXCEEDED
            self._admitted.add(association)
        return None

    # ---- what is sent

    def _begin(self, association: Association, command: Dataset, context_id: int) -> Incoming:
        """Make the file of a C-STORE, before its data set comes; where it is refused, it only passes by."""
        context = association._accepted_cx[context_id]  # by its id; the public list has none
        sop_class, sop_instance = command.AffectedSOPClassUID, command.AffectedSOPInstanceUID
        head = DicomBytesIO(b"\0" * 128 + b"DICM")
        head.seek(0, SEEK_END)
        syntax = context.transfer_syntax[0]
        meta = create_file_meta(
            sop_class_uid=sop_class, sop_instance_uid=sop_instance, transfer_syntax=syntax
        )
        write_file_meta_info(head, meta)
        refusal = None
        if sop_class != context.abstract_syntax or sop_class not in self._settings.sop_classes:
            refusal = RefusedError(NOT_SUPPORTED, "The SOP Class is not that of the presentation context")
        else:
            try:
                self._store.check()
            except BusyError as error:
                refusal = self._busy(error)
        return Incoming(self._store.incoming(), head.getvalue(), self._settings.max_object, refusal)

    def _on_store(self, event: evt.Event) -> Dataset:
        """Answer a C-STORE."""
        response = Dataset()
        try:
            receipt = self._accepted(event)
        except RefusedError as error:
            logger.warning("object of %s refused: %s", _peer(event.assoc), error.comment)
            response.Status, response.ErrorComment = error.status, error.comment
        else:
            response.Status = SUCCESS
            self._trouble = None
            said = "accepted" if receipt.is_new else "was there before"
            logger.info("object %d %s", receipt.object_id, said, extra={"object_id": receipt.object_id})
        return response

    def _accepted(self, event: evt.Event) -> Receipt:
        """Have the store accept the object.

        Raises
        ------
        RefusedError
            It is not accepted.
        """
        incoming = cast("Incoming | None", event.request._dataset_file)
        if incoming is None:
            raise RefusedError(CANNOT_UNDERSTAND, "The request has no data set")
        file = incoming.taken()
        try:
            self._check_same(file, event)
            return self._store.accept(file, Origin(NAME, _peer(event.assoc)))
        except BusyError as error:
            raise self._busy(error) from None
        except InputError as error:
            raise RefusedError(CANNOT_UNDERSTAND, _sentence(error.message)) from None
        except RefusedError:
            raise
        except Exception:
            logger.exception("an object of %s could not be accepted", _peer(event.assoc))
            raise RefusedError(PROCESSING_FAILURE, "The gateway failed: see its log") from None
        finally:
            file.unlink(missing_ok=True)

    def _check_same(self, file: Path, event: evt.Event) -> None:
        """Refuse a data set that is not what the request says; by that it is known to the sender."""
        header = read_header(file)
        request = cast(C_STORE, event.request)
        if header.sop_class_uid != request.AffectedSOPClassUID:
            raise RefusedError(DOES_NOT_MATCH, "The data set is of another SOP Class")
        if header.sop_instance_uid != request.AffectedSOPInstanceUID:
            raise RefusedError(DOES_NOT_MATCH, "The data set is of another SOP Instance")

    def _busy(self, error: BusyError) -> RefusedError:
        self._trouble = Alarm("error", NAME, f"objects are refused: {error.message}", time.time())
        return RefusedError(OUT_OF_RESOURCES, _sentence(error.message))


def _address(association: Association) -> str:
    return str(cast(Any, association.requestor.address_info).address)


def _peer(association: Association) -> str:
    """Say who sends."""
    title = cast(Any, association.requestor.primitive).calling_ae_title
    return f"{printable(title.strip())}@{_address(association)}"


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]


def _not_listening(error: OSError, settings: DimseSettings) -> Sr2FhirError:
    place = f"{settings.address}:{settings.port}"
    if isinstance(error, PermissionError):
        hint = "Take a port above 1023, such as 11112"
        return UsageError("the port may not be listened on", where=place, hint=hint)
    hint = (
        "See that nothing else listens there, such as this gateway, and that the address is of this machine"
    )
    return UsageError(
        f"it cannot be listened on ({error.strerror or type(error).__name__})", where=place, hint=hint
    )
