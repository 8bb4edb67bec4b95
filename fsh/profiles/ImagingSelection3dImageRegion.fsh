Profile: ImagingSelection3dImageRegion
Parent: ImagingSelectionObservationImagingSelection
Id: image-region-3d
Title: "Imaging Selection - DICOM SR Image 3D Region Mapping"
Description: "Regions that a DICOM SR draws in a patient-related frame of reference (SCOORD3D)."
* insert Metadata
* insert SelectionCode(111030, Image Region)
* frameOfReferenceUid 1.. MS

Mapping: ImageRegion3dFromTID1410
Source: ImagingSelection3dImageRegion
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-3d-image-region
Title: "TID 1410 Image Region, SCOORD3D"
Description: "The region of a measurement group in three dimensions."
* -> "TID 1410 > SCOORD3D (111030, DCM, Image Region)"
* frameOfReferenceUid -> "Referenced Frame of Reference UID (3006,0024)"
* instance.imageRegion3D.regionType -> "Graphic Type (0070,0023)"
* instance.imageRegion3D.coordinate -> "Graphic Data (0070,0022)"
