"""Document types: what each template of DICOM Structured Reporting needs beyond what holds for any report."""
