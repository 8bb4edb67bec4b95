// What IHE RAD MADO has extensions for, and FHIR R5 has no element: restated from IHE/RAD.MADO (CC-BY-4.0, IHE
// International) under their own URLs, without what is not asked of an instance.

Extension: MadoAnatomicalRegionExtension
Id: MadoAnatomicalRegionExtension
Title: "Anatomical Region"
Description: "A region of the body that a study covers, beside those of its series."
Context: ImagingStudy
* insert IheExtension(MadoAnatomicalRegionExtension)
* value[x] only CodeableConcept

Extension: MadoNumberOfFrames
Id: MadoNumberOfFrames
Title: "Number of Frames"
Description: "How many frames an instance has. FHIR R6 has an element for it."
Context: ImagingStudy.series.instance
* insert IheExtension(MadoNumberOfFrames)
* value[x] only integer

Extension: MadoKeyObjectDocumentTitle
Id: MadoKeyObjectDocumentTitle
Title: "Document Title of a Key Object Selection"
Description: "What the objects were selected for, where an instance is a Key Object Selection Document (PS3.16 TID 2010)."
Context: ImagingStudy.series.instance
* insert IheExtension(MadoKeyObjectDocumentTitle)
* value[x] only CodeableConcept

Extension: MadoRetrieveLocationUIDExtension
Id: MadoRetrieveLocationUIDExtension
Title: "Retrieve Location UID"
Description: "UID of the system where instances can be retrieved (0040,E011), by which its address can be found."
Context: Endpoint
* insert IheExtension(MadoRetrieveLocationUIDExtension)
* value[x] only string
