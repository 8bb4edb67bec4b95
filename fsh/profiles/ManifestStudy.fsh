// Not in the guide, which is about TID 1500 only.
Profile: ManifestStudy
Parent: ImagingStudy
Id: manifest-study
Title: "Imaging Study - DICOM Manifest"
Description: "All series and instances of a study that a manifest lists: a Key Object Selection Document with the title Manifest (113030, DCM) or the like, as IHE XDS-I.b and MADO share them."
* insert Metadata
* identifier 1.. MS
* subject only Reference(Patient)
* endpoint MS
* numberOfSeries 1.. MS
* numberOfInstances 1.. MS
* series MS
* series.uid MS
* series.modality MS
* series.modality ^comment = "Of the Image Library, else what the SOP classes of the instances have alone, else data-absent-reason."
* series.numberOfInstances 1.. MS
* series.endpoint MS
* series.instance MS
* series.instance.sopClass MS

Mapping: ManifestStudyFromEvidence
Source: ManifestStudy
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.6.html#sect_C.17.6.2"
Id: dicom-key-object-document
Title: "Key Object Document Module"
Description: "A study in the evidence of a manifest."
* -> "Current Requested Procedure Evidence Sequence (0040,A375)"
* identifier -> "Study Instance UID (0020,000D)"
* endpoint -> "Retrieve URL (0008,1190), Retrieve AE Title (0008,0054), Retrieve Location UID (0040,E011) of its series"
* series -> "Referenced Series Sequence (0008,1115)"
* series.uid -> "Series Instance UID (0020,000E)"
* series.endpoint -> "Retrieve URL (0008,1190), Retrieve AE Title (0008,0054), Retrieve Location UID (0040,E011)"
* series.instance -> "Referenced SOP Sequence (0008,1199)"
* series.instance.uid -> "Referenced SOP Instance UID (0008,1155)"
* series.instance.sopClass -> "Referenced SOP Class UID (0008,1150)"
