Profile: AlgorithmIdentification
Parent: Device
Id: algorithm-identification
Title: "Device - DICOM SR Algorithm Identification Mapping"
Description: "An algorithm that made measurements or evaluations of a DICOM SR (TID 4019), as a Device that is part of the equipment."
* insert Metadata
* displayName MS
* type MS
* version MS
* property MS
* parent MS
* parent only Reference(GeneralEquipmentDevice)

Mapping: AlgorithmFromTID4019
Source: AlgorithmIdentification
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_4019"
Id: dicom-sr
Title: "TID 4019 Algorithm Identification"
Description: "The items of the template, wherever it is included."
* -> "TID 4019 Algorithm Identification"
* displayName -> "TID 4019 > (111001, DCM, Algorithm Name)"
* type -> "TID 4019 > (111000, DCM, Algorithm Family)"
* version -> "TID 4019 > (111003, DCM, Algorithm Version)"
* property -> "TID 4019 > (111002, DCM, Algorithm Parameters)"
* manufacturer -> "TID 4019 > (122405, DCM, Algorithm Manufacturer)"
* parent -> "General Equipment Module (PS3.3 C.7.5.1)"
