Profile: ImagingSelectionVolumeSurface
Parent: ImagingSelectionObservationImagingSelection
Id: volume-surface
Title: "Imaging Selection - DICOM SR Image Volume Surface Mapping"
Description: "The surface of a volume that a DICOM SR draws in a patient-related frame of reference (SCOORD3D)."
* insert Metadata
* insert SelectionCode(121231, Volume Surface)
* frameOfReferenceUid 1.. MS
* insert SourceImageFocus

Mapping: VolumeSurfaceFromTID1411
Source: ImagingSelectionVolumeSurface
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-volume-surface
Title: "TID 1411 Volume Surface"
Description: "The surface of a volumetric measurement group."
* -> "TID 1411 > SCOORD3D (121231, DCM, Volume Surface)"
* seriesUid -> "Series Instance UID (0020,000E) of the instance that carries the surface, where there is one series"
* frameOfReferenceUid -> "Referenced Frame of Reference UID (3006,0024)"
* focus[sourceImageForSegmentation] -> "TID 1411 > (121233, DCM, Source image for segmentation) or (121232, DCM, Source series for segmentation)"
* instance.imageRegion3D.regionType -> "Graphic Type (0070,0023)"
* instance.imageRegion3D.coordinate -> "Graphic Data (0070,0022)"
