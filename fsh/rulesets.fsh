// Rules that several definitions share.

// ---- metadata -----------------------------------------------------------------------------------------------------------

// A StructureDefinition or CodeSystem of the guide.
RuleSet: Metadata
* ^version = "1.0.0-sr2fhir.1"
* ^status = #active
* ^experimental = true
* ^publisher = "sr2fhir"
* ^jurisdiction = $M49#001 "World"

// A code system that lists all of its codes.
RuleSet: CodeSystemMetadata
* insert Metadata
* ^caseSensitive = true
* ^content = #complete
* ^hierarchyMeaning = #is-a

// The name of an element within one profile.
RuleSet: ElementOf(element, profile)
* #{element} ^designation[+].use = $SCT#900000000000013009 "Synonym"
* #{element} ^designation[=].value = "{profile}.{element}"

// ---- identifiers and references that every resource carries (PS3.3 C.7.1, C.7.2, C.4) -----------------------------------------

RuleSet: ObservationUidSlice(what)
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "type"
* identifier ^slicing.rules = #open
* identifier ^slicing.description = "Told apart by the type of identifier"
* identifier contains observationUID 0..* MS
* identifier[observationUID] ^short = "Observation UID of the {what}"
* identifier[observationUID].type 1..
* identifier[observationUID].type = $IdentifierType#observation-uid "Observation UID"
* identifier[observationUID].system = "urn:dicom:uid"
* identifier[observationUID].value 1..

RuleSet: ServiceRequestSlice
* basedOn ^slicing.discriminator.type = #type
* basedOn ^slicing.discriminator.path = "reference"
* basedOn ^slicing.rules = #open
* basedOn ^slicing.description = "Imaging order"
* basedOn contains serviceRequestRef 0..1 MS
* basedOn[serviceRequestRef] only Reference(ServiceRequest)
* basedOn[serviceRequestRef] ^short = "Order that the study was made for"
* basedOn[serviceRequestRef].identifier ^short = "Accession Number (0008,0050)"
* basedOn[serviceRequestRef].identifier.type 1..
* basedOn[serviceRequestRef].identifier.type = $V2-0203#ACSN "Accession ID"
* basedOn[serviceRequestRef].identifier.value 1..

// element: partOf of an Observation, derivedFrom of an ImagingSelection
RuleSet: ImagingStudySlice(element, card)
* {element} ^slicing.discriminator.type = #type
* {element} ^slicing.discriminator.path = "reference"
* {element} ^slicing.rules = #open
* {element} ^slicing.description = "Imaging study"
* {element} contains imagingStudyRef {card} MS
* {element}[imagingStudyRef] only Reference(ImagingStudy)
* {element}[imagingStudyRef] ^short = "Study that holds the images"
* {element}[imagingStudyRef].identifier ^short = "Study Instance UID (0020,000D)"
* {element}[imagingStudyRef].identifier.type 1..
* {element}[imagingStudyRef].identifier.type = $DCM#110180 "Study Instance UID"
* {element}[imagingStudyRef].identifier.system = "urn:dicom:uid"
* {element}[imagingStudyRef].identifier.value 1..

// ---- Observation --------------------------------------------------------------------------------------------------------

// What every Observation made from a content item states.
RuleSet: ObservationContext
* insert ServiceRequestSlice
* partOf 1..
* insert ImagingStudySlice(partOf, 1..1)
* code MS
* subject 1.. MS
* subject only Reference(Patient)
* issued 1.. MS
* issued ^short = "When the observation was recorded"

// References that are told apart by the profile of what they point to.
RuleSet: SlicedByTargetProfile(element, description)
* {element} ^slicing.discriminator.type = #profile
* {element} ^slicing.discriminator.path = "resolve()"
* {element} ^slicing.rules = #open
* {element} ^slicing.description = "{description}"

RuleSet: ReferenceSlice(element, slice, card, profile, short)
* {element} contains {slice} {card} MS
* {element}[{slice}] only Reference({profile})
* {element}[{slice}] ^short = "{short}"

// A value of exactly one type, required.
RuleSet: RequiredQuantity
* value[x] 1..
* valueQuantity 1..1 MS

// A measurement derived from several regions (PS3.16 TID 1420), but for the discriminator of derivedFrom.
RuleSet: DerivedImagingMeasurementContent
* insert ObservationUidSlice(derived measurement)
* insert ObservationContext
* category MS
* category = $DCM#126011 "Derived Imaging Measurements"
* insert RequiredQuantity
* device 1.. MS
* device only Reference(AlgorithmIdentification or GeneralEquipmentDevice)
* referenceRange MS
* derivedFrom 1..
* insert ReferenceSlice(derivedFrom, imagingMeasurementGroupRef, 1..*, ImagingMeasurementGroup, Measurement group that the value was computed from)
* insert ReferenceSlice(derivedFrom, sourceSRContentItem, 0..1, ImagingSelectionSourceSRContentItem, Content item that the value was read from)

// ---- ImagingSelection -----------------------------------------------------------------------------------------------------

// The purpose of a selection: one coding, with the display as it stands here.
RuleSet: SelectionCode(code, display)
* code MS
* code.coding = $DCM#{code} "{display}"

RuleSet: InstanceByClass(description)
* instance 1..
* instance ^slicing.discriminator.type = #value
* instance ^slicing.discriminator.path = "sopClass"
* instance ^slicing.rules = #open
* instance ^slicing.description = "{description}"

RuleSet: InstanceOfClass(slice, card, uid, display)
* instance contains {slice} {card}
* instance[{slice}].sopClass 1..
* instance[{slice}].sopClass = $SOPCLASS#{uid} "{display}"

// Images that were segmented, or on which a surface was drawn.
RuleSet: SourceImageFocus
* insert ReferenceSlice(focus, sourceImageForSegmentation, 0..1, ImagingSelectionSourceImageForSegmentation, Images that were segmented)

// ---- DICOM sources (FSH Mapping) -------------------------------------------------------------------------------------------

// Attributes that every Observation takes from its content item and from the document (PS3.3 C.17.3, C.7.1).
RuleSet: ObservationItemSources
* identifier[observationUID] -> "Observation UID (0040,A171)"
* subject -> "Patient ID (0010,0020)"
* issued -> "Observation DateTime (0040,A032) of the item, else of the nearest ancestor that has one, else Content Date (0008,0023) and Time (0008,0033)"

// A derived measurement (PS3.16 TID 1420).
RuleSet: DerivedMeasurementSources
* -> "TID 1420 > NUM of the container (126011, DCM, Derived Imaging Measurements)"
* insert ObservationItemSources
* code -> "TID 1420 > NUM, Concept Name Code Sequence (0040,A043)"
* valueQuantity -> "TID 1420 > NUM, Measured Value Sequence (0040,A300)"
* device -> "TID 4019 Algorithm Identification, else General Equipment"
* referenceRange -> "TID 1420 > TID 310 Measurement Properties > TID 312 Normal Range Properties"
* derivedFrom -> "TID 1420 > TID 1410 or TID 1411, by value or by reference (0040,DB73)"

// Regions of an RT Structure Set.
RuleSet: RegionInSpaceSources(tid)
* -> "TID {tid} > COMPOSITE (130488, DCM, Region in Space)"
* instance[rtStructureInstance].uid -> "Referenced SOP Instance UID (0008,1155)"
* instance[rtStructureInstance].subset -> "(130488, DCM, Region in Space) > TEXT (130489, DCM, Referenced Region of Interest Identifier), Text Value (0040,A160)"

// Any instance that an IMAGE or COMPOSITE item refers to.
RuleSet: ReferencedInstanceSources
* instance.uid -> "Referenced SOP Instance UID (0008,1155)"
* instance.sopClass -> "Referenced SOP Class UID (0008,1150)"

// ---- ConceptMap -----------------------------------------------------------------------------------------------------------

// The same for definitions that are instances: ConceptMaps, SearchParameters.
RuleSet: InstanceMetadata
* version = "1.0.0-sr2fhir.1"
* status = #active
* experimental = true
* publisher = "sr2fhir"
* jurisdiction = $M49#001 "World"

RuleSet: ConceptMapNames(id, name, title, description)
* url = "http://hl7.org/fhir/uv/dicom-sr/ConceptMap/{id}"
* name = "{name}"
* title = "{title}"
* description = "{description}"
* insert InstanceMetadata

RuleSet: IdentifierTypeAttribute
* additionalAttribute[+].code = #IdentifierType
* additionalAttribute[=].type = #Coding
* additionalAttribute[=].uri = $DCM
* additionalAttribute[=].description = "Identifier.type of the identifier that the value goes to"

RuleSet: ValueTypeAttribute
* additionalAttribute[+].code = #ValueType
* additionalAttribute[=].type = #Coding
* additionalAttribute[=].uri = $ValueType
* additionalAttribute[=].description = "Value Type (0040,A040) of the content item"

RuleSet: MapGroup(source, target)
* group[+].source = {source}
* group[=].target = {target}

RuleSet: MapSource(code, display)
* group[=].element[+].code = #{code}
* group[=].element[=].display = "{display}"

RuleSet: MapTarget(relationship, code, display)
* group[=].element[=].target[+].code = #{code}
* group[=].element[=].target[=].display = "{display}"
* group[=].element[=].target[=].relationship = #{relationship}

RuleSet: MapTargetNote(relationship, code, display, comment)
* group[=].element[=].target[+].code = #{code}
* group[=].element[=].target[=].display = "{display}"
* group[=].element[=].target[=].relationship = #{relationship}
* group[=].element[=].target[=].comment = "{comment}"

// One code to one code.
RuleSet: MapAs(relationship, code, display, target, targetDisplay)
* insert MapSource({code}, [[{display}]])
* insert MapTarget({relationship}, {target}, [[{targetDisplay}]])

// One code to one code of the same meaning.
RuleSet: MapEquivalent(code, display, target, targetDisplay)
* insert MapAs(equivalent, {code}, [[{display}]], {target}, [[{targetDisplay}]])

// Every code without a row of its own.
RuleSet: MapOthersTo(target, targetDisplay)
* group[=].unmapped.mode = #fixed
* group[=].unmapped.code = #{target}
* group[=].unmapped.display = "{targetDisplay}"
* group[=].unmapped.relationship = #source-is-narrower-than-target

RuleSet: WhereValueType(valueType)
* group[=].element[=].target[=].dependsOn[+].attribute = #ValueType
* group[=].element[=].target[=].dependsOn[=].valueCoding = $ValueType#{valueType}

RuleSet: WhereIdentifierType(code, display)
* group[=].element[=].target[=].dependsOn[+].attribute = #IdentifierType
* group[=].element[=].target[=].dependsOn[=].valueCoding = $DCM#{code} "{display}"

RuleSet: WithProperty(property, value)
* group[=].element[=].target[=].property[+].code = #{property}
* group[=].element[=].target[=].property[=].valueString = "{value}"

// A selection of one purpose, and the group's reference to it.
RuleSet: MapSelection(code, display, profile)
* insert MapSource({code}, {display})
* insert MapTarget(equivalent, {profile}, {profile})
* insert MapTarget(equivalent, derivedFrom, ImagingMeasurementGroup.derivedFrom)

// Algorithm Identification: a Device of its own, and the Observation's reference to it.
RuleSet: MapAlgorithm(profile)
* insert MapSource(TID4019, Algorithm Identification)
* insert MapTargetNote(equivalent, AlgorithmIdentification, AlgorithmIdentification, [[The items of the template make one Device for each distinct algorithm; without an Algorithm Name (111001, DCM) none.]])
* insert MapTarget(equivalent, device, {profile}.device)

// Finding Site with its modifiers: bodySite for a plain code, else a BodyStructure.
RuleSet: MapFindingSite(profile)
* insert MapSource(363698007, Finding Site)
* insert MapTargetNote(source-is-narrower-than-target, BodyStructureFindingSite, BodyStructureFindingSite, [[Where there is a laterality, a topographical modifier, a tracking identifier or more than one site.]])
* insert MapTargetNote(equivalent, bodySite, {profile}.bodySite, [[Where there is none of these.]])
* insert MapSource(272741003, Laterality)
* insert MapTarget(source-is-narrower-than-target, BodyStructureFindingSite, BodyStructureFindingSite)
* insert MapSource(106233006, Topographical modifier)
* insert MapTarget(source-is-narrower-than-target, BodyStructureFindingSite, BodyStructureFindingSite)

// ---- extensions of IHE RAD MADO, under its URLs -------------------------------------------------------------------------

RuleSet: IheExtension(name)
* insert Metadata
* ^url = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/{name}"
* ^copyright = "IHE International, CC-BY-4.0"
