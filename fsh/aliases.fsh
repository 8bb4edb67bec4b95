// Code systems, by the names that DICOM and HL7 give them.
Alias: $DCM = http://dicom.nema.org/resources/ontology/DCM
Alias: $SCT = http://snomed.info/sct
Alias: $UMLS = http://terminology.hl7.org/CodeSystem/umls
Alias: $NCIT = http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl
Alias: $SOPCLASS = https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5
Alias: $V2-0203 = http://terminology.hl7.org/CodeSystem/v2-0203
Alias: $M49 = http://unstats.un.org/unsd/methods/m49/m49.htm
Alias: $DataAbsentReason = http://terminology.hl7.org/CodeSystem/data-absent-reason
Alias: $ObservationInterpretation = http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation
Alias: $ObservationStatus = http://hl7.org/fhir/observation-status
Alias: $EndpointConnectionType = http://terminology.hl7.org/CodeSystem/endpoint-connection-type
Alias: $AdministrativeGender = http://hl7.org/fhir/administrative-gender
Alias: $GraphicType2D = http://hl7.org/fhir/imagingselection-2dgraphictype
Alias: $GraphicType3D = http://hl7.org/fhir/imagingselection-3dgraphictype

// Code systems of this guide.
Alias: $IdentifierType = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type
Alias: $ValueType = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-value-type
Alias: $PatientSex = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-patient-sex
Alias: $GraphicType = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-graphic-type
Alias: $PreliminaryFlag = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-preliminary-flag
Alias: $SRStructure = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-sr-structure
Alias: $MappingTarget = http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-sr-mapping-target

// Extensions.
Alias: $WorkGroup = http://hl7.org/fhir/StructureDefinition/structuredefinition-wg
