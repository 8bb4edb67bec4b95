"""Delivery: each destination has a queue of its own, and gets what has to change there and no more.

======================  ====================================================================
`settings`              what gateway.toml says of a destination
`loop`, `breaker`       taking what is due, trying it, trying it again, leaving it alone
`fhir`, `sending`       a FHIR server, and one document that is sent to it
`state`                 what has changed since it was sent
`withdrawing`           what a document no longer states
`splitting`             a transaction in parts
`lookups`               patients, orders and studies that have to exist there
`capability`            what a server says that it can do
`failures`              what a server says instead of yes
`files`                 folders and NDJSON
======================  ====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sr2fhir.gateway.delivery.fhir import FhirSender
from sr2fhir.gateway.delivery.files import FolderSender, NdjsonSender
from sr2fhir.gateway.delivery.loop import Backoff, DestinationLoop, Sender
from sr2fhir.gateway.delivery.settings import Destination

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.packaging import Packaging

__all__ = ["Backoff", "Destination", "DestinationLoop", "DestinationPart", "Sender"]


class DestinationPart(DestinationLoop):
    """Deliver to a destination of the settings.

    Parameters
    ----------
    settings
        Of the destination.
    store
        Has its queue, and remembers what was sent.
    packaging
        How transactions are made, unless the destination says otherwise.
    """

    def __init__(self, settings: Destination, store: Store, packaging: Packaging) -> None:
        super().__init__(
            settings.name,
            _sender(settings, store, packaging),
            store,
            parallel=1 if settings.kind == "ndjson" else settings.parallel,
            backoff=Backoff(settings.after_s, settings.after_at_most_s, settings.tries),
        )


def _sender(settings: Destination, store: Store, packaging: Packaging) -> Sender:
    """Return what delivers to a kind of destination."""
    if settings.kind == "folder":
        return FolderSender(settings)
    if settings.kind == "ndjson":
        return NdjsonSender(settings, store)
    return FhirSender(settings, store, packaging)
