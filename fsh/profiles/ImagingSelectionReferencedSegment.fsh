Profile: ImagingSelectionReferencedSegment
Parent: ImagingSelectionObservationImagingSelection
Id: referenced-segment
Title: "Imaging Selection - DICOM SR Referenced Segment Mapping"
Description: "Segments of a Segmentation object that a DICOM SR refers to, one instance for each segment number."
* insert Metadata
* insert SelectionCode(121191, Referenced Segment)
* insert SourceImageFocus
* insert InstanceByClass(Segmentation and one of its segments)
* insert InstanceOfClass(segmentationInstance, 1..*, 1.2.840.10008.5.1.4.1.1.66.4, Segmentation Storage)
* instance[segmentationInstance].subset 1..1

Mapping: ReferencedSegmentFromTID1411
Source: ImagingSelectionReferencedSegment
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-referenced-segment
Title: "TID 1411 Referenced Segment"
Description: "The segment of a volumetric measurement group."
* -> "TID 1411 > IMAGE (121191, DCM, Referenced Segment)"
* seriesUid -> "Evidence sequences (0040,A375), (0040,A385): Series Instance UID (0020,000E) of the segmentation"
* focus[sourceImageForSegmentation] -> "TID 1411 > (121233, DCM, Source image for segmentation) or (121232, DCM, Source series for segmentation)"
* instance[segmentationInstance].uid -> "Referenced SOP Instance UID (0008,1155)"
* instance[segmentationInstance].subset -> "Referenced Segment Number (0062,000B)"
