// Not in the guide, which is about TID 1500 only.
Profile: KeyObjectSelection
Parent: ImagingSelection
Id: key-object-selection
Title: "Imaging Selection - DICOM Key Object Selection"
Description: "Instances of one study and series that a Key Object Selection Document names for a purpose: key images, a conference, teaching, a manifest of all that is to be shared."
* insert Metadata
* extension MS
* extension ^comment = "Key Object Description (113012, DCM) stands in the extension artifact-description, and as narrative."
* identifier 1.. MS
* identifier ^short = "SOP Instance UID of the document, and of those that are identical to it"
* subject 1.. MS
* subject only Reference(Patient)
* issued MS
* performer MS
* performer.actor 1.. MS
* performer.actor only Reference(Practitioner or Device)
* basedOn MS
* basedOn only Reference(ServiceRequest)
* category MS
* category ^short = "Document Title Modifier (113011, DCM)"
* code MS
* code ^short = "Document title"
* studyUid MS
* insert ImagingStudySlice(derivedFrom, 0..1)
* endpoint MS
* seriesUid MS
* instance 1.. MS
* instance.sopClass 1.. MS
* instance.subset MS
* instance.subset ^short = "Frame numbers, else segment numbers"

Mapping: KeyObjectSelectionFromTID2010
Source: KeyObjectSelection
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_2010"
Id: dicom-tid-2010
Title: "TID 2010 Key Object Selection"
Description: "The references under the root of a Key Object Selection, one selection for each study and series."
* -> "TID 2010 Key Object Selection"
* extension -> "TID 2010 > TEXT (113012, DCM, Key Object Description)"
* identifier -> "SOP Instance UID (0008,0018), Identical Documents Sequence (0040,A525)"
* issued -> "Content Date (0008,0023), Content Time (0008,0033)"
* performer -> "TID 1002 Observer Context"
* category -> "TID 2010 > CODE (113011, DCM, Document Title Modifier)"
* code -> "TID 2010 root"
* instance -> "TID 2010 > IMAGE, COMPOSITE, WAVEFORM"
