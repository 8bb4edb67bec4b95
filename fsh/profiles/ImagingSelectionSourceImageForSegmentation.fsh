Profile: ImagingSelectionSourceImageForSegmentation
Parent: ImagingSelectionObservationImagingSelection
Id: source-image-for-segmentation
Title: "Imaging Selection - DICOM SR Source Image and Series For Segmentation Mapping"
Description: "Images, or the series of images, that a segmentation or a surface named in a DICOM SR was made from."
* insert Metadata
* insert SelectionCode(121233, Source image for segmentation)
* seriesUid MS
* instance 1.. MS

Mapping: SourceImageForSegmentationFromTID1410
Source: ImagingSelectionSourceImageForSegmentation
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-source-segmentation-image
Title: "TID 1410 Source image for segmentation"
Description: "The image under the segmentation frame of a planar measurement group."
* -> "TID 1410 > IMAGE (121233, DCM, Source image for segmentation)"
* instance -> "TID 1410 > (121233, DCM, Source image for segmentation): Referenced SOP Sequence (0008,1199)"

Mapping: SourceImageForSegmentationFromTID1411
Source: ImagingSelectionSourceImageForSegmentation
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-source-segmentation-image
Title: "TID 1411 Source image or series for segmentation"
Description: "The images or the series under the segment or surface of a volumetric measurement group."
* -> "TID 1411 > IMAGE (121233, DCM, Source image for segmentation) or UIDREF (121232, DCM, Source series for segmentation)"
* seriesUid -> "TID 1411 > (121232, DCM, Source series for segmentation): UID (0040,A124); else the evidence sequences"
* instance -> "TID 1411 > (121233, DCM, Source image for segmentation): Referenced SOP Sequence (0008,1199); of a series the instances that the evidence sequences list"
