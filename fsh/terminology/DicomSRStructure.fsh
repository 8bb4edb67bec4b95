CodeSystem: DicomSRStructure
Id: dicom-sr-structure
Title: "DICOM SR structures"
Description: "Parts of an SR document that have no code of their own, as the sources of the guide's ConceptMaps: information entities, attributes, templates, context groups and template parameters."
* insert CodeSystemMetadata
* #DICOM.Patient "Patient IE" "The patient of the document, PS3.3 C.7.1."
* #DICOM.Study "Study IE" "The study that the document belongs to, PS3.3 C.7.2."
* #DICOM.Equipment "Equipment IE" "The equipment that made the document, PS3.3 C.7.5."
* #DICOM.Document "Document IE" "The document and its content tree, PS3.3 C.17."
* #DICOM.SR.Document.General "Document General Module" "SR Document General Module, PS3.3 C.17.2."
* #DICOM.PreliminaryFlag "Preliminary Flag (0040,A496)" "Whether a later document is to be expected."
* #DICOM.ParticipantSequence-Performer "Participant Sequence (0040,A07A) -- PSN" "A participant who is a person."
* #DICOM.ParticipantSequence-Device "Participant Sequence (0040,A07A) -- DEV" "A participant that is a device."
* #DICOM.ContentSequence.ImagingMeasurements "Content Sequence (0040,A730) -- Imaging Measurements" "The container Imaging Measurements (126010, DCM) of the content tree."
* #TID4019 "Algorithm Identification" "The items of PS3.16 TID 4019."
* #CID7465 "Measurement Derived From Multiple ROI Measurements" "A NUM item whose concept is of PS3.16 CID 7465."
* #$Measurement "Measurement" "A NUM item, whatever its concept: parameter $Measurement of PS3.16 TID 300 and TID 1419."
* #$QualType "QualType" "A CODE or TEXT item that evaluates, whatever its concept: parameter $QualType of PS3.16 TID 1410, 1411 and 1501."
