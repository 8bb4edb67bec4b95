Instance: dicom-imaging-measurements-container-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-imaging-measurements-container-to-fhir, DICOMImagingMeasurementsContainerToFHIRMapping, ConceptMap - DICOM Imaging Measurements Container to FHIR Mapping, [[Which Observations the containers of a Measurement Report hold.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1500"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapAlgorithm(Observation)
* insert MapGroup($DCM, $MappingTarget)
* insert MapSource(125007, Measurement Group)
* insert MapTargetNote(equivalent, ImagingMeasurementGroup, ImagingMeasurementGroup, [[One Observation for each container.]])
* insert MapSource(126011, Derived Imaging Measurements)
* insert MapTargetNote(equivalent, DerivedImagingMeasurements, DerivedImagingMeasurements, [[One Observation for each NUM item of the container, which stands beside Imaging Measurements.]])
* insert MapGroup($UMLS, $MappingTarget)
* insert MapSource(C0034375, Qualitative Evaluations)
* insert MapTargetNote(equivalent, ImagingQualitativeEvaluation, ImagingQualitativeEvaluation, [[One Observation for each CODE or TEXT item of the container, which stands beside Imaging Measurements, except for observation context and algorithm.]])
