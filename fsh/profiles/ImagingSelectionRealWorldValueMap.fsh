Profile: ImagingSelectionRealWorldValueMap
Parent: ImagingSelectionObservationImagingSelection
Id: real-world-value-map
Title: "Imaging Selection - DICOM SR Real World Value Map"
Description: "The Real World Value Mapping objects by which the measurements of a DICOM SR were computed."
* insert Metadata
* insert SelectionCode(126100, Real World Value Map used for measurement)
* insert InstanceByClass(Real World Value Mapping object)
* insert InstanceOfClass(valueMapInstance, 1..*, 1.2.840.10008.5.1.4.1.1.67, Real World Value Mapping Storage)

RuleSet: RealWorldValueMapSources(tid)
* -> "TID {tid} > COMPOSITE (126100, DCM, Real World Value Map used for measurement)"
* instance[valueMapInstance].uid -> "Referenced SOP Instance UID (0008,1155)"

Mapping: RealWorldValueMapFromTID1410
Source: ImagingSelectionRealWorldValueMap
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-real-world-value-map
Title: "TID 1410 Real World Value Map used for measurement"
Description: "The value map of a planar measurement group."
* insert RealWorldValueMapSources(1410)

Mapping: RealWorldValueMapFromTID1411
Source: ImagingSelectionRealWorldValueMap
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-real-world-value-map
Title: "TID 1411 Real World Value Map used for measurement"
Description: "The value map of a volumetric measurement group."
* insert RealWorldValueMapSources(1411)
