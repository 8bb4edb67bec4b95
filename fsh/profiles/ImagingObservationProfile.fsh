Profile: ImagingObservationProfile
Parent: Observation
Id: imaging-observation
Title: "Observation - DICOM SR Imaging Observation"
Description: "What the Observations for measurement groups, measurements and qualitative evaluations of a DICOM SR have in common. Abstract: no resource claims it."
* insert Metadata
* ^abstract = true
* insert ObservationUidSlice(content item)
* insert ObservationContext
* category MS
* interpretation MS
* bodySite MS
* bodyStructure MS
* bodyStructure only Reference(BodyStructureFindingSite)
* device 1.. MS
* device only Reference(AlgorithmIdentification or GeneralEquipmentDevice or ParticipantDevice)
* insert SlicedByTargetProfile(derivedFrom, [[Regions, segments, images and the content item that the observation rests on]])
* insert ReferenceSlice(derivedFrom, sourceSRContentItem, 0..1, ImagingSelectionSourceSRContentItem, Content item that the observation was read from)
* insert ReferenceSlice(derivedFrom, imageRegion2d, 0..1, ImagingSelection2dImageRegion, Regions in the plane of an image)
* insert ReferenceSlice(derivedFrom, imageRegion3d, 0..1, ImagingSelection3dImageRegion, Regions in a patient-related frame of reference)
* insert ReferenceSlice(derivedFrom, referencedSegment, 0..1, ImagingSelectionReferencedSegment, Segments of a segmentation)
* insert ReferenceSlice(derivedFrom, referencedSegmentationFrame, 0..1, ImagingSelectionReferencedSegmentationFrame, Frames of a segmentation)
* insert ReferenceSlice(derivedFrom, regionInSpace, 0..1, ImagingSelectionRegionInSpace, Regions of an RT Structure Set)
* insert ReferenceSlice(derivedFrom, volumeSurface, 0..1, ImagingSelectionVolumeSurface, Surface of a volume)
* insert ReferenceSlice(derivedFrom, realWorldValueMap, 0..1, ImagingSelectionRealWorldValueMap, Map from stored to real-world values)
* insert ReferenceSlice(derivedFrom, illustrationOfRoi, 0..1, ImagingSelectionIllustrationOfROI, Images that illustrate the region)
* insert ReferenceSlice(derivedFrom, visualExplanation, 0..1, ImagingSelectionVisualExplanation, Images that explain an algorithm's result)
