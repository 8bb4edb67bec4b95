Instance: dicom-imaging-measurement-to-fhir
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-imaging-measurement-to-fhir, DICOMImagingMeasurementToFHIRMapping, ConceptMap - DICOM Imaging Measurement to FHIR Mapping, [[Which elements a measurement (PS3.16 TID 300 and TID 1419) and the items below it fill.]])
* sourceScopeUri = "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_300"
* targetScopeCanonical = "http://hl7.org/fhir/uv/dicom-sr/ValueSet/dicom-sr-mapping-target"
* insert IdentifierTypeAttribute
* insert ValueTypeAttribute
* insert MapGroup($SRStructure, $MappingTarget)
* insert MapSource($Measurement, Measurement)
* insert MapTarget(equivalent, valueQuantity, ImagingMeasurement.valueQuantity)
* insert WhereValueType(num)
* insert MapAlgorithm(ImagingMeasurement)
* insert MapGroup($SCT, $MappingTarget)
* insert MapEquivalent(370129005, Measurement Method, method, ImagingMeasurement.method)
* insert MapFindingSite(ImagingMeasurement)
