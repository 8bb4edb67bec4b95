Instance: dicom-derived-imaging-measurement-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-derived-imaging-measurement-to-fhir, DICOMDerivedImagingMeasurementToFHIRMapping, ConceptMap - DICOM Derived Imaging Measurement to FHIR Mapping, [[Which elements a derived measurement (PS3.16 TID 1420) and its sources fill.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1420"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* insert IdentifierTypeAttribute
* insert ValueTypeAttribute
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapSource(CID7465, Measurement Derived From Multiple ROI Measurements)
* insert MapTarget(equivalent, valueQuantity, DerivedImagingMeasurement.valueQuantity)
* insert WhereValueType(num)
* insert MapAlgorithm(DerivedImagingMeasurement)
* insert MapGroup($DCM, $MappingTarget)
* insert MapSource(125007, Measurement Group)
* insert MapTargetNote(equivalent, ImagingMeasurementGroup, ImagingMeasurementGroup, [[A group below the item makes an Observation of its own; one that it refers to has its Observation already.]])
* insert MapTarget(equivalent, derivedFrom, DerivedImagingMeasurement.derivedFrom)
