Instance: dicom-imaging-qualitative-evaluation-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-imaging-qualitative-evaluation-to-fhir, DICOMImagingQualitativeEvaluationToFHIRMapping, ConceptMap - DICOM Imaging Qualitative Evaluation to FHIR Mapping, [[Which elements a qualitative evaluation and its algorithm fill.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1500"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* insert IdentifierTypeAttribute
* insert ValueTypeAttribute
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapSource($QualType, QualType)
* insert MapTargetNote(equivalent, valueCodeableConcept, ImagingQualitativeEvaluation.valueCodeableConcept, [[The code becomes a coding.]])
* insert WhereValueType(code)
* insert MapTargetNote(equivalent, valueCodeableConcept, ImagingQualitativeEvaluation.valueCodeableConcept, [[The words become the text.]])
* insert WhereValueType(text)
* insert MapAlgorithm(ImagingQualitativeEvaluation)
