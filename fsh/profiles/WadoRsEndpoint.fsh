Profile: WadoRsEndpoint
Parent: Endpoint
Id: wado-rs-endpoint
Title: "Endpoint - DICOM WADO-RS"
Description: "The DICOMweb service (PS3.18) from which the instances can be retrieved that an ImagingStudy or an ImagingSelection names. Study, series and instance are found below its address by their UIDs."
* insert Metadata
* identifier 1.. MS
* identifier ^short = "The address, by which others find this Endpoint"
* identifier.value 1..
* status MS
* connectionType MS
* connectionType = $EndpointConnectionType#dicom-wado-rs "DICOM WADO-RS"
* payload MS
* payload.type.text = "DICOM WADO-RS"
* payload.mimeType MS
* address MS
* address ^short = "Base URL of the service: what comes before /studies"

Mapping: EndpointFromEvidence
Source: WadoRsEndpoint
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.html#table_C.17-3a"
Id: dicom-evidence
Title: "Hierarchical Series Reference Macro"
Description: "What the evidence of a document states for a series."
* -> "Current Requested Procedure Evidence Sequence (0040,A375) > Referenced Series Sequence (0008,1115)"
* address -> "Retrieve URL (0008,1190) without the path from /studies on"
