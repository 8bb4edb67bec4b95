CodeSystem: DicomSRMappingTarget
Id: dicom-sr-mapping-target
Title: "Targets of the DICOM SR ConceptMaps"
Description: "Resources, profiles and elements of FHIR as the targets of the guide's ConceptMaps. The display of a target names the profile that an element belongs to."
* insert CodeSystemMetadata
// resources of the Bundle
* #Patient[1] "Patient[1]" "The Patient of the document."
* #ImagingStudy[1] "ImagingStudy[1]" "The ImagingStudy that the document belongs to."
* #ServiceRequest[1] "ServiceRequest[1]" "The order, by its accession number."
* #Device[1] "Device[1]" "A Device: equipment or participant."
* #Observation[1] "Observation[1]" "Each Observation made from the content."
// profiles
* #ImagingMeasurementGroup "ImagingMeasurementGroup" "Observation, profile imaging-measurement-group."
* #ImagingMeasurement "ImagingMeasurement" "Observation, profile imaging-measurement."
* #ImagingQualitativeEvaluation "ImagingQualitativeEvaluation" "Observation, profile imaging-qualitative-evaluation."
* #DerivedImagingMeasurements "DerivedImagingMeasurements" "Observation, profile derived-imaging-measurement."
* #BodyStructureFindingSite "BodyStructureFindingSite" "BodyStructure, profile dicom-sr-finding-site."
* #AlgorithmIdentification "AlgorithmIdentification" "Device, profile algorithm-identification."
* #ImagingSelection2dImageRegion "ImagingSelection2dImageRegion" "ImagingSelection, profile image-region-2d."
* #ImagingSelection3dImageRegion "ImagingSelection3dImageRegion" "ImagingSelection, profile image-region-3d."
* #ImagingSelectionReferencedSegment "ImagingSelectionReferencedSegment" "ImagingSelection, profile referenced-segment."
* #ImagingSelectionReferencedSegmentationFrame "ImagingSelectionReferencedSegmentationFrame" "ImagingSelection, profile referenced-segmentation-frame."
* #ImagingSelectionSourceImageForSegmentation "ImagingSelectionSourceImageForSegmentation" "ImagingSelection, profile source-image-for-segmentation."
* #ImagingSelectionRegionInSpace "ImagingSelectionRegionInSpace" "ImagingSelection, profile region-in-space-corrected, or region-in-space."
* #ImagingSelectionVolumeSurface "ImagingSelectionVolumeSurface" "ImagingSelection, profile volume-surface."
* #ImagingSelectionRealWorldValueMap "ImagingSelectionRealWorldValueMap" "ImagingSelection, profile real-world-value-map."
* #ImagingSelectionIllustrationOfROI "ImagingSelectionIllustrationOfROI" "ImagingSelection, profile illustration-of-roi."
* #ImagingSelectionVisualExplanation "ImagingSelectionVisualExplanation" "ImagingSelection, profile visual-explanation."
// elements, under the names that they bear in each profile
* #bodySite "bodySite" "Observation.bodySite."
* insert ElementOf(bodySite, ImagingMeasurementGroup)
* insert ElementOf(bodySite, ImagingMeasurement)
* #code "code" "Observation.code."
* insert ElementOf(code, ImagingMeasurementGroup)
* #component "component" "Observation.component, with the concept of the item as its code."
* insert ElementOf(component, ImagingMeasurementGroup)
* #derivedFrom "derivedFrom" "Observation.derivedFrom, a reference."
* insert ElementOf(derivedFrom, ImagingMeasurementGroup)
* insert ElementOf(derivedFrom, DerivedImagingMeasurement)
* #device "device" "Observation.device, a reference."
* insert ElementOf(device, Observation)
* insert ElementOf(device, ImagingMeasurementGroup)
* insert ElementOf(device, ImagingMeasurement)
* insert ElementOf(device, ImagingQualitativeEvaluation)
* insert ElementOf(device, DerivedImagingMeasurement)
* #focus "focus" "ImagingSelection.focus, a reference."
* insert ElementOf(focus, ImagingSelection)
* #hasMember "hasMember" "Observation.hasMember, a reference."
* insert ElementOf(hasMember, ImagingMeasurementGroup)
* #identifier "identifier" "BodyStructure.identifier."
* insert ElementOf(identifier, BodyStructureFindingSite)
* #method "method" "Observation.method."
* insert ElementOf(method, ImagingMeasurementGroup)
* insert ElementOf(method, ImagingMeasurement)
* #performer "performer" "Observation.performer, a reference."
* #status "status" "Observation.status."
* #valueCodeableConcept "valueCodeableConcept" "Observation.value[x], a CodeableConcept."
* insert ElementOf(valueCodeableConcept, ImagingMeasurementGroup)
* insert ElementOf(valueCodeableConcept, ImagingQualitativeEvaluation)
* #valueQuantity "valueQuantity" "Observation.value[x], a Quantity."
* insert ElementOf(valueQuantity, ImagingMeasurement)
* insert ElementOf(valueQuantity, DerivedImagingMeasurement)
