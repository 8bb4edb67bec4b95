"""Publishing: the guide as a FHIR package, and as a folder for the IG Publisher.

``python -m tools.publishing`` makes both (`make ig`). In the order in which data flow: `examples` has
reports transformed, `resources` gathers what set-up has compiled, `snapshots` has the HL7 engine write the
snapshots, `ig_folder` lays the guide out and has SUSHI list it, `narrative` and `guide` complete the maps and
the ImplementationGuide, `package` packs. `dicom_terminology` generates the code systems in
fsh/terminology/generated, anew for each edition of DICOM; `wheel` builds the Python package with all that
set-up would have to compile. `fml` reads maps, for `mapping_pages`, which writes the mapping documentation.
"""
