Profile: ImagingSelectionIllustrationOfROI
Parent: ImagingSelectionObservationImagingSelection
Id: illustration-of-roi
Title: "Imaging Selection - DICOM SR Illustration Of ROI Mapping"
Description: "Images that show the region of a measurement group, for people to look at."
* insert Metadata
* insert SelectionCode(121200, Illustration of ROI)
* instance 1.. MS

RuleSet: IllustrationOfRoiSources(tid)
* -> "TID {tid} > IMAGE (121200, DCM, Illustration of ROI)"
* insert ReferencedInstanceSources

Mapping: IllustrationOfRoiFromTID1410
Source: ImagingSelectionIllustrationOfROI
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-illustration-of-roi
Title: "TID 1410 Illustration of ROI"
Description: "The illustrations of a planar measurement group."
* insert IllustrationOfRoiSources(1410)

Mapping: IllustrationOfRoiFromTID1411
Source: ImagingSelectionIllustrationOfROI
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-illustration-of-roi
Title: "TID 1411 Illustration of ROI"
Description: "The illustrations of a volumetric measurement group."
* insert IllustrationOfRoiSources(1411)
