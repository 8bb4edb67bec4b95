Profile: ImagingSelectionVisualExplanation
Parent: ImagingSelectionObservationImagingSelection
Id: visual-explanation
Title: "Imaging Selection - DICOM SR Visual Explanation Mapping"
Description: "Images, such as saliency maps, that explain how an algorithm came to the result of a measurement group."
* insert Metadata
* insert SelectionCode(130401, Visual Explanation)
* instance 1.. MS

RuleSet: VisualExplanationSources(tid)
* -> "TID {tid} > IMAGE (130401, DCM, Visual explanation)"
* insert ReferencedInstanceSources

Mapping: VisualExplanationFromTID1410
Source: ImagingSelectionVisualExplanation
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-tid-1410-visual-explanation
Title: "TID 1410 Visual explanation"
Description: "The visual explanations of a planar measurement group."
* insert VisualExplanationSources(1410)

Mapping: VisualExplanationFromTID1411
Source: ImagingSelectionVisualExplanation
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-tid-1411-visual-explanation
Title: "TID 1411 Visual explanation"
Description: "The visual explanations of a volumetric measurement group."
* insert VisualExplanationSources(1411)
