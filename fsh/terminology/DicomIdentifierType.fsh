CodeSystem: DicomIdentifierType
Id: dicom-identifier-type
Title: "Identifiers - DICOM Identifier Type"
Description: "Types of identifiers that DICOM attributes carry and for which no other code system has a code."
* insert CodeSystemMetadata
* #observation-uid "Observation UID" "Names one observation of an SR document for good: Observation UID (0040,A171)."
