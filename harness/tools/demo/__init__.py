"""The way of a report from an archive to a FHIR server, shown on this machine: `make demo`."""
