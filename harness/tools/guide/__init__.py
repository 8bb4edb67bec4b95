"""The guide: its pages, the FHIR package, and the folder for the IG Publisher.

``python -m tools.guide`` (`make ig`) makes package and folder: `examples` has reports transformed,
`resources` gathers what set-up has compiled, `snapshots` has the HL7 engine write the snapshots, `ig_folder`
lays the guide out and has SUSHI list it, `ig` completes maps and ImplementationGuide, `package` packs.
``python -m tools.guide.docs`` (`make docs`) writes pages for readers: `structure_maps` reads the compiled
maps, `mapping` makes their tables and the index, `rows` the table of the rows of the specification.
"""
