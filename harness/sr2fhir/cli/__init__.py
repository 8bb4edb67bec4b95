"""The command `sr2fhir`; one module for each subcommand."""
