"""The gateway: a Structured Report arrives, and its results stand on a FHIR server.

::

    intake ──accept──▶ store ──claim──▶ worker ──transformed──▶ store ──claim──▶ destination
                         │
                         └── status page, commands, metrics read it

The parts know the store and not each other (`parts.Part`). What is accepted is durable before its sender is
told so: the file is on disk and its row is committed. What a part has claimed belongs to it for a time; when
its process ends, the work is claimed again. So nothing that was acknowledged is lost, whichever process is
killed, and since results are deterministic, nothing is on the server twice.

States of an object, as people see them::

    received ──▶ transformed ──▶ delivered
        │             ├────────▶ waiting      a destination failed, and is tried again
        ├─────────────┴────────▶ dead         somebody has to look; `sr2fhir gateway replay`
        ├──────────────────────▶ superseded   another instance of the same UID says that it is newer
        └──────────────────────▶ skipped      a report of another template, or none: nothing is made of it
"""
