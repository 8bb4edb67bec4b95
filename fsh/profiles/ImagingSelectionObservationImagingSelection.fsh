Profile: ImagingSelectionObservationImagingSelection
Parent: ImagingSelection
Id: observation-imaging-selection
Title: "Imaging Selection - DICOM SR Base Imaging Selection"
Description: "What the selections of regions, segments and images that a DICOM SR refers to have in common. Abstract: no resource claims it."
* insert Metadata
* ^abstract = true
* subject 1.. MS
* subject only Reference(Patient)
* insert ServiceRequestSlice
* studyUid MS
* insert ImagingStudySlice(derivedFrom, 0..1)
* bodySite MS
* bodySite only CodeableReference(BodyStructureFindingSite)
* insert SlicedByTargetProfile(focus, What the selection was made from)
* insert ReferenceSlice(focus, sourceSRContentItem, 0..1, ImagingSelectionSourceSRContentItem, Content item that names the selection)
