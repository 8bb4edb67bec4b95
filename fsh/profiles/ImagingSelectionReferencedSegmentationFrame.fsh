Profile: ImagingSelectionReferencedSegmentationFrame
Parent: ImagingSelectionObservationImagingSelection
Id: referenced-segmentation-frame
Title: "Imaging Selection - DICOM SR Referenced Segmentation Frame Mapping"
Description: "Frames of a Segmentation object that a DICOM SR refers to, one instance for each frame number."
* insert Metadata
* insert SelectionCode(121214, Referenced Segmentation Frame)
* insert SourceImageFocus
* insert InstanceByClass(Segmentation and one of its frames)
* insert InstanceOfClass(referencedSegmentationFrame, 1..*, 1.2.840.10008.5.1.4.1.1.66.4, Segmentation Storage)
* instance[referencedSegmentationFrame].subset 1..1

Mapping: ReferencedSegmentationFrameFromTID1410
Source: ImagingSelectionReferencedSegmentationFrame
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-referenced-segmentation-frame
Title: "TID 1410 Referenced Segmentation Frame"
Description: "The segmentation frame of a planar measurement group."
* -> "TID 1410 > IMAGE (121214, DCM, Referenced Segmentation Frame)"
* seriesUid -> "Evidence sequences (0040,A375), (0040,A385): Series Instance UID (0020,000E) of the segmentation"
* focus[sourceImageForSegmentation] -> "TID 1410 > (121233, DCM, Source image for segmentation)"
* instance[referencedSegmentationFrame].uid -> "Referenced SOP Instance UID (0008,1155)"
* instance[referencedSegmentationFrame].subset -> "Referenced Frame Number (0008,1160); only without one Referenced Segment Number (0062,000B)"
