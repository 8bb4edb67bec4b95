"""Publishing: the guide as a FHIR package, and as a folder for the IG Publisher.

``python -m sr2fhir.publishing`` makes both (`make ig`). In the order in which data flow: `ig_folder` lays the
guide out and has SUSHI list it, `resources` gathers what set-up has compiled, `snapshots` has the HL7 engine
write the snapshots, `narrative` adds the text of the maps, `guide` completes the ImplementationGuide, `package`
packs. `dicom_terminology` generates the code systems in fsh/terminology/generated, anew for each edition of DICOM.
"""
