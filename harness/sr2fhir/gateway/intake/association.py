"""Associations of pynetdicom that hold no more than their share: of memory, of time, of places.

As it comes, pynetdicom keeps a data set in memory, or writes it to the folder for temporary files, where it
stays after an abort; reads a PDU of whatever length for whatever time; and does the handshake of TLS in the
thread that takes connections. So here

- `Receiver` writes the data set of a C-STORE to a file of the store while it comes in (`Incoming`);
- `Connection` gives each PDU a time limit and a size limit;
- `Server` takes a bounded number of connections, and does the handshake in the thread of each.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from socketserver import BaseServer
from threading import Lock
from time import monotonic, sleep
from typing import Any, BinaryIO, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

# Its own handlers write what was received to the log, and copy it for that.
_config.LOG_HANDLER_LEVEL = "none"

# bytes of a P-DATA PDU that peers are told to keep to
MAX_PDU = 1 << 17
# bytes of one PDU of whatever kind, and of the command or query of one message
_MAX_PIECE = 1 << 20
# messages that wait, with one that is being answered; without an asynchronous window there is none
_MAX_WAITING = 1
# connections at once, with those that are only there to be rejected
_MAX_CONNECTIONS = 256

logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request is answered with a failure.

    Parameters
    ----------
    status
        Of PS3.7 Annex C and PS3.4 B.2.3.
    comment
        Error Comment (0000,0902), without patient data; cut to 64 characters.
    """

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status
        self.comment = comment[:64]


class Incoming:
    """A file into which the data set of a C-STORE is written while it comes in.

    It has the members that pynetdicom wants of a temporary file. Nothing that happens to the file is raised
    in the thread that reads from the peer: the rest is passed over, and `taken` tells.

    Parameters
    ----------
    path
        The file.
    head
        Preamble, prefix and File Meta Information.
    limit
        Bytes that it may have.
    refusal
        Why nothing is to be written at all.
    """

    def __init__(self, path: Path, head: bytes, limit: int, refusal: RefusedError | None = None) -> None:
        self.name = str(path)
        self._path = path
        self._left = limit
        self._refusal = refusal
        self._stream: BinaryIO | None = None
        self._lock = Lock()
        self.write(head)

    @property
    def file(self) -> Incoming:
        """What pynetdicom flushes after each fragment: there is no need."""
        return self

    @property
    def is_over(self) -> bool:
        """Whether it was taken, or refused and removed."""
        return self._refusal is not None

    def flush(self) -> None:
        """Do nothing."""

    def write(self, data: bytes) -> None:
        """Add bytes, unless they are refused."""
        with self._lock:
            if self._refusal is not None:
                return
            self._left -= len(data)
            if self._left < 0:
                self._refuse(RefusedError(0xC001, "The object is larger than this gateway takes"))
                return
            try:
                self._stream = self._stream or self._path.open("xb")
                self._stream.write(data)
            except OSError as error:
                self._refuse(RefusedError(0xA700, f"The object cannot be written ({type(error).__name__})"))

    def taken(self) -> Path:
        """Return the file, complete; from now on it belongs to who asked.

        Raises
        ------
        RefusedError
            It is not complete.
        """
        with self._lock:
            try:
                if self._stream is not None:
                    self._stream.close()
            except OSError as error:
                self._refuse(RefusedError(0xA700, f"The object cannot be written ({type(error).__name__})"))
            if self._refusal is not None:
                raise self._refusal
            self._refusal = RefusedError(0xC002, "The object was received before")
            self._stream = None
            return self._path

    def close(self) -> None:
        """Remove the file, unless it was taken."""
        with self._lock:
            if self._refusal is None:
                self._refuse(RefusedError(0xC003, "The association ended"))

    def _refuse(self, refusal: RefusedError) -> None:
        self._refusal = refusal
        stream, self._stream = self._stream, None
        if stream is None:
            return
        with suppress(OSError):
            stream.close()
        self._path.unlink(missing_ok=True)


Begin = Callable[[Association, Dataset, int], Incoming]
"""Makes the file of a C-STORE, of its association, command and presentation context."""


class Receiver(DIMSEServiceProvider):
    """Put messages together; the data set of a C-STORE in a file.

    pynetdicom writes a data set to a file if a message has one when the first fragment comes. Fragments are
    handed on one by one, so that the file can be set before that.
    """

    def __init__(self, association: Association, begin: Begin) -> None:
        super().__init__(association)
        self._begin = begin
        self._files: list[Incoming] = []
        self._unanswered = 0
        self._is_broken = False

    @property
    def is_busy(self) -> bool:
        """Whether a message is under way, or has no response yet."""
        return self.message is not None or self._unanswered > 0

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take in what a P-DATA has; of a message that is against the rules, the association is aborted."""
        try:
            for fragment in primitive.presentation_data_value_list:
                self._receive(fragment)
        except Exception as error:  # whatever a peer sends, this thread has to go on
            logger.warning("association aborted: a message is malformed (%s)", type(error).__name__)
            self._is_broken = True
            self.dul.event_queue.put("Evt19")  # PS3.8 table 9-10: unrecognized or invalid PDU

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a response, unless the association is about to be aborted."""
        if not self._is_broken:
            super().send_msg(primitive, context_id)
        self._unanswered = max(self._unanswered - 1, 0)

    def discard(self) -> None:
        """Remove the files that nobody took."""
        for file in self._files:
            file.close()

    def _receive(self, fragment: Any) -> None:
        single = P_DATA()
        single.presentation_data_value_list = [list(fragment)]  # type: ignore[list-item] # a list, it wants
        super().receive_primitive(single)
        message = self.message
        if message is None:
            self._unanswered += 1
        elif isinstance(message, C_STORE_RQ):
            if message._data_set_file is None:
                self._open_file(message)
        elif any(
            piece.tell() > _MAX_PIECE for piece in (message.encoded_command_set, message.data_set) if piece
        ):
            raise ValueError("the command or query is too large")

    def _open_file(self, message: C_STORE_RQ) -> None:
        if self.msg_queue.qsize() > _MAX_WAITING:
            raise ValueError("the peer does not wait for responses")
        file = self._begin(self.assoc, message.command_set, cast(int, message.context_id))
        self._files = [*(each for each in self._files if not each.is_over), file]
        message._data_set_file = cast(Any, file)
        message._data_set_path = Path(file.name)


class Connection(socket.socket):
    """A connection on which each PDU, with the pause before it, has a time limit and a size limit."""

    limit_s = 60.0
    _deadline: float | None = None
    _received = 0

    def renew(self, limit_s: float | None = None) -> None:
        """Begin to wait for the next PDU."""
        self.limit_s = limit_s or self.limit_s
        self._deadline = monotonic() + self.limit_s
        self._received = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive bytes of the PDU.

        Raises
        ------
        OSError
            The PDU is too large or too late.
        """
        if self._deadline is None:
            self.renew()
        left = cast(float, self._deadline) - monotonic()
        if left <= 0:
            raise self._ended("the PDU is not complete in time")
        self.settimeout(left)
        try:
            data = super().recv(bufsize, flags)
        except TimeoutError:
            raise self._ended("the PDU is not complete in time") from None
        self._received += len(data)
        if self._received > _MAX_PIECE:
            raise self._ended("the PDU is too large")
        return data

    def _ended(self, reason: str) -> OSError:
        """Close the connection: pynetdicom takes an error for one that the peer has closed."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        return ConnectionAbortedError(reason)


class TlsConnection(Connection, ssl.SSLSocket):  # type: ignore[misc] # a parameter has two names
    """The same with TLS."""


class _Handler(RequestHandler):
    """Make the association of a connection."""

    server: Server

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dimse = Receiver(association, self.server.begin)
        # neither thread is to keep the process from ending
        association.daemon = association.dul.daemon = True
        self.server.associations.add(association)
        return association


class Server(ThreadedAssociationServer):
    """Take connections.

    Parameters
    ----------
    ae
        Says the time limits.
    address
        Host and port.
    contexts
        Presentation contexts that are accepted.
    tls
        How to encrypt; None for not at all.
    handlers
        Of pynetdicom's events.
    begin
        Makes the file of a C-STORE.

    Raises
    ------
    OSError
        The address cannot be listened on.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        ae: AE,
        address: tuple[str, int],
        contexts: list[PresentationContext],
        tls: ssl.SSLContext | None,
        handlers: Sequence[evt.EventHandlerType],
        begin: Begin,
    ) -> None:
        self.begin = begin
        self.associations: set[Association] = set()
        self._tls = tls
        self._handshakes: set[int] = set()
        if tls is not None:
            tls.sslsocket_class = TlsConnection
        own: list[evt.EventHandlerType] = [(evt.EVT_DATA_RECV, _renew), (evt.EVT_CONN_CLOSE, _discard)]
        super().__init__(ae, address, ae.ae_title, contexts, None, [*own, *handlers], _Handler)

    @property
    def alive(self) -> list[Association]:
        """The associations that have not ended."""
        # begun before their thread: one that has no thread yet is about to start
        return [each for each in list(self.associations) if each.is_alive() or each.ident is None]

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Take a connection."""
        accepted, address = cast(socket.socket, self.socket).accept()
        connection = Connection(fileno=accepted.detach())
        connection.settimeout(self.ae.acse_timeout)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Tell whether there is room for one more connection."""
        self.associations = set(self.alive)
        return len(self.associations) + len(self._handshakes) < _MAX_CONNECTIONS

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the handshake of TLS, and begin the association."""
        if self._tls is not None:
            self._handshakes.add(id(request))
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except OSError as error:
                logger.warning("connection from %s refused: %s", client_address[0], _tls_reason(error))
                return
            finally:
                self._handshakes.discard(id(request))
        request.renew(self.ae.acse_timeout)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log that an association could not begin."""
        logger.exception("the association with %s could not begin", client_address[0])

    def shutdown(self) -> None:
        """Take no more connections."""
        BaseServer.shutdown(self)  # that of pynetdicom wants to be started by its AE
        self.server_close()

    def end(self, timeout_s: float) -> None:
        """Let what is under way come to its end, then abort what is left."""
        deadline = monotonic() + timeout_s
        while alive := self.alive:
            late = monotonic() > deadline
            for association in alive:
                if not cast(Receiver, association.dimse).is_busy:
                    association.abort()
                elif late:
                    _cut(association)
            if late:
                return
            sleep(0.05)


def _renew(event: evt.Event) -> None:
    """Wait for the next PDU: for a time limit of its own, once there is an association."""
    connection = _connection(event.assoc)
    if connection is not None:
        connection.renew(event.assoc.network_timeout)


def _discard(event: evt.Event) -> None:
    cast(Receiver, event.assoc.dimse).discard()


def _cut(association: Association) -> None:
    connection = _connection(association)
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _connection(association: Association) -> Connection | None:
    of_association = association.dul.socket
    return cast("Connection | None", of_association.socket) if of_association else None


def _tls_reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no TLS handshake in time"
    reason = getattr(error, "reason", None) or type(error).__name__
    return f"the TLS handshake failed ({reason})"
