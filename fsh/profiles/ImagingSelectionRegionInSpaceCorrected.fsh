Profile: ImagingSelectionRegionInSpaceCorrected
Parent: ImagingSelectionObservationImagingSelection
Id: region-in-space-corrected
Title: "Imaging Selection - DICOM SR Region In Space, corrected"
Description: "The same as region-in-space, but with the UID that PS3.4 gives to the RT Structure Set Storage SOP Class."
* insert Metadata
* insert SelectionCode(130488, Region In Space)
* insert InstanceByClass(RT Structure Set and the regions chosen from it)
* insert InstanceOfClass(rtStructureInstance, 1..*, 1.2.840.10008.5.1.4.1.1.481.3, RT Structure Set Storage)
* instance[rtStructureInstance].subset 1.. MS

Mapping: CorrectedRegionInSpaceFromTID1410
Source: ImagingSelectionRegionInSpaceCorrected
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-region-in-space
Title: "TID 1410 Region in Space"
Description: "The RT region of a planar measurement group."
* insert RegionInSpaceSources(1410)

Mapping: CorrectedRegionInSpaceFromTID1411
Source: ImagingSelectionRegionInSpaceCorrected
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-region-in-space
Title: "TID 1411 Region in Space"
Description: "The RT region of a volumetric measurement group."
* insert RegionInSpaceSources(1411)
