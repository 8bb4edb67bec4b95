Instance: dicom-document-ie-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-document-ie-to-fhir, DICOMDocumentIEToFHIRMapping, ConceptMap - DICOM Document IE to FHIR Mapping, [[Which elements of the Observations the attributes of the document (PS3.3 C.17.2) fill.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.html"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* additionalAttribute[+].code = #ObserverType
* additionalAttribute[=].type = #code
* additionalAttribute[=].uri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.4.html#table_C.17-3b"
* additionalAttribute[=].description = "Observer Type (0040,A084) of the item of the Participant Sequence"
* additionalAttribute[+].code = #DICOMConceptNameCodeSequence
* additionalAttribute[=].type = #Coding
* additionalAttribute[=].uri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.3.3.html#table_C.17-5"
* additionalAttribute[=].description = "Concept Name Code Sequence (0040,A043) of the content item"
* property[+].code = #macro-map
* property[=].type = #string
* property[=].uri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.4.html#table_C.17-3b"
* property[=].description = "Attribute macro of PS3.3 that fills the target; identified-person-or-device is the Identified Person or Device Macro"
* property[+].code = #content-map
* property[=].type = #string
* property[=].description = "Id of the ConceptMap that goes on with the content"
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapSource(DICOM.SR.Document.General, Document General Module)
* group[=].element[=].noMap = true
* insert MapSource(DICOM.PreliminaryFlag, [[Preliminary Flag (0040,A496)]])
* insert MapTargetNote(equivalent, status, status, [[By the ConceptMap dicom-preliminary-flag-to-observation-status. Without the flag the Completion Flag (0040,A491) and the Verification Flag (0040,A493) decide.]])
* insert MapSource(DICOM.ParticipantSequence-Performer, [[Participant Sequence (0040,A07A) -- PSN]])
* insert MapTarget(equivalent, performer, performer)
* group[=].element[=].target[=].dependsOn[+].attribute = #ObserverType
* group[=].element[=].target[=].dependsOn[=].valueCode = #PSN
* insert WithProperty(macro-map, identified-person-or-device)
* insert MapSource(DICOM.ParticipantSequence-Device, [[Participant Sequence (0040,A07A) -- DEV]])
* insert MapTargetNote(equivalent, Device[1], Device[1], [[Not where it is the document's equipment, which has a Device already.]])
* group[=].element[=].target[=].dependsOn[+].attribute = #ObserverType
* group[=].element[=].target[=].dependsOn[=].valueCode = #DEV
* insert WithProperty(macro-map, identified-person-or-device)
* insert MapSource(DICOM.ContentSequence.ImagingMeasurements, [[Content Sequence (0040,A730) -- Imaging Measurements]])
* insert MapTarget(source-is-narrower-than-target, Observation[1], Observation[1])
* group[=].element[=].target[=].dependsOn[+].attribute = #DICOMConceptNameCodeSequence
* group[=].element[=].target[=].dependsOn[=].valueCoding = $DCM#126010 "Imaging Measurements"
* insert WithProperty(content-map, dicom-imaging-measurement-group-to-fhir)
