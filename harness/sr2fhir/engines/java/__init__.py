"""The HL7 engine as a Java process of our own, spoken to over its pipes or as a service over loopback."""

from sr2fhir.engines.java.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
