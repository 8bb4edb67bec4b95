Instance: dicom-sr-measurement-report-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-sr-measurement-report-to-fhir, DICOMSRMeasurementReportToFHIRMapping, ConceptMap - DICOM SR Measurement Report to FHIR Mapping, [[Which resources the information entities of a Measurement Report (PS3.16 TID 1500) become.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1500"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* property[+].code = #references
* property[=].type = #string
* property[=].description = "A reference between the target and another target of this map"
* property[+].code = #imaging-measurement-group-map
* property[=].type = #string
* property[=].description = "Id of the ConceptMap that goes on with the content"
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapSource(DICOM.Patient, Patient IE)
* insert MapTargetNote(equivalent, Patient[1], Patient[1], [[What identifies the patient; a Patient that exists already is used.]])
* insert MapSource(DICOM.Study, Study IE)
* insert MapTargetNote(equivalent, ImagingStudy[1], ImagingStudy[1], [[By its Study Instance UID.]])
* insert MapTargetNote(related-to, ServiceRequest[1], ServiceRequest[1], [[By the Accession Number, where there is one.]])
* insert MapSource(DICOM.Equipment, Equipment IE)
* insert MapTargetNote(equivalent, Device[1], Device[1], [[One for each distinct equipment, profile dicom-general-equipment.]])
* insert MapSource(DICOM.Document, Document IE)
* insert MapTargetNote(source-is-narrower-than-target, Observation[1], Observation[1], [[One for each measurement group, measurement and evaluation.]])
* insert WithProperty(imaging-measurement-group-map, dicom-imaging-measurement-group-to-fhir)
* insert WithProperty(references, [[Observation.subject.reference=Patient[1].id]])
* insert WithProperty(references, [[Observation.partOf.reference=ImagingStudy[1].id]])
* insert WithProperty(references, [[Observation.basedOn.reference=ServiceRequest[1].id]])
* insert WithProperty(references, [[Observation.device.reference=Device[1].id]])
