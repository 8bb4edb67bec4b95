Profile: ImagingSelection2dImageRegion
Parent: ImagingSelectionObservationImagingSelection
Id: image-region-2d
Title: "Imaging Selection - DICOM SR 2D Image Region Mapping"
Description: "Regions that a DICOM SR draws in the plane of images (SCOORD), one instance for each region and image."
* insert Metadata
* insert SelectionCode(111030, Image Region)
* instance 1..
* instance ^slicing.discriminator.type = #exists
* instance ^slicing.discriminator.path = "imageRegion2D"
* instance ^slicing.rules = #open
* instance ^slicing.description = "Image with a region drawn on it"
* instance contains imageInstance 1..*
* instance[imageInstance].imageRegion2D 1..1 MS

RuleSet: ImageRegion2dSources(tid)
* -> "TID {tid} > SCOORD (111030, DCM, Image Region)"
* seriesUid -> "Evidence sequences (0040,A375), (0040,A385): Series Instance UID (0020,000E) of the image"
* instance[imageInstance].uid -> "IMAGE selected from the region: Referenced SOP Instance UID (0008,1155)"
* instance[imageInstance].subset -> "Referenced Frame Number (0008,1160)"
* instance[imageInstance].imageRegion2D.regionType -> "Graphic Type (0070,0023)"
* instance[imageInstance].imageRegion2D.coordinate -> "Graphic Data (0070,0022)"

Mapping: ImageRegion2dFromTID1410
Source: ImagingSelection2dImageRegion
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-2d-image-region
Title: "TID 1410 Image Region, SCOORD"
Description: "The one region of a planar measurement group."
* insert ImageRegion2dSources(1410)

Mapping: ImageRegion2dFromTID1411
Source: ImagingSelection2dImageRegion
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-2d-image-region
Title: "TID 1411 Image Region, SCOORD"
Description: "The regions, one for each image, of a volumetric measurement group."
* insert ImageRegion2dSources(1411)
