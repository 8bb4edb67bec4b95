// The SOP class of the slice is the one that was published. The UID of RT Structure Set Storage has no second leading 1,
// so no true reference fills the slice: see region-in-space-corrected.
Profile: ImagingSelectionRegionInSpace
Parent: ImagingSelectionObservationImagingSelection
Id: region-in-space
Title: "Imaging Selection - DICOM SR Region In Space"
Description: "Regions of an RT Structure Set that a DICOM SR refers to, with the SOP class as published. Correct selections satisfy region-in-space-corrected instead."
* insert Metadata
* insert SelectionCode(130488, Region In Space)
* insert InstanceByClass(RT Structure Set and the regions chosen from it)
* insert InstanceOfClass(rtStructureInstance, 1..*, 11.2.840.10008.5.1.4.1.1.481.3, RT Structure Set Storage)
* instance[rtStructureInstance].subset 1.. MS

Mapping: RegionInSpaceFromTID1410
Source: ImagingSelectionRegionInSpace
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-region-in-space
Title: "TID 1410 Region in Space"
Description: "The RT region of a planar measurement group."
* insert RegionInSpaceSources(1410)

Mapping: RegionInSpaceFromTID1411
Source: ImagingSelectionRegionInSpace
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-region-in-space
Title: "TID 1411 Region in Space"
Description: "The RT region of a volumetric measurement group."
* insert RegionInSpaceSources(1411)
