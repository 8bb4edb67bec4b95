ValueSet: DicomSRMappingTargets
Id: dicom-sr-mapping-target
Title: "Targets of the DICOM SR ConceptMaps"
Description: "All targets of the guide's ConceptMaps from DICOM SR structures to FHIR."
* insert Metadata
* include codes from system DicomSRMappingTarget
