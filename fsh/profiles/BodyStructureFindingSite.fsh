Profile: BodyStructureFindingSite
Parent: BodyStructure
Id: dicom-sr-finding-site
Title: "Body Structure - DICOM SR Finding Site Mapping"
Description: "Where in the body something was found, with side and modifiers, and the identifiers by which it is tracked from one document to the next."
* insert Metadata
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "type"
* identifier ^slicing.rules = #open
* identifier ^slicing.description = "Told apart by the type of identifier"
* identifier contains
    trackingIdentifier 0..1 and
    trackingUid 0..1
* identifier[trackingIdentifier] ^short = "Tracking Identifier"
* identifier[trackingIdentifier] ^definition = "The name that people give to a finding, to follow it over several documents."
* identifier[trackingIdentifier].type 1..
* identifier[trackingIdentifier].type = $DCM#112039 "Tracking Identifier"
* identifier[trackingIdentifier].value 1..
* identifier[trackingUid] ^short = "Tracking Unique Identifier"
* identifier[trackingUid] ^definition = "The UID of a finding, the same in all documents that follow it."
* identifier[trackingUid].type 1..
* identifier[trackingUid].type = $DCM#112040 "Tracking Unique Identifier"
* identifier[trackingUid].system = "urn:dicom:uid"
* identifier[trackingUid].value 1..
* includedStructure.laterality MS
* includedStructure.qualifier MS

RuleSet: FindingSiteSources(tid)
* -> "TID {tid} > (363698007, SCT, Finding Site), with the tracking identifiers of its group"
* identifier[trackingIdentifier] -> "TEXT (112039, DCM, Tracking Identifier) of the measurement group"
* identifier[trackingUid] -> "UIDREF (112040, DCM, Tracking Unique Identifier) of the measurement group"
* includedStructure.structure.coding -> "TID {tid} > (363698007, SCT, Finding Site)"
* includedStructure.laterality -> "TID {tid} > (363698007, SCT, Finding Site) > (272741003, SCT, Laterality)"
* includedStructure.qualifier -> "TID {tid} > (363698007, SCT, Finding Site) > (106233006, SCT, Topographical modifier)"
* patient -> "Patient ID (0010,0020)"

Mapping: FindingSiteFromTID300
Source: BodyStructureFindingSite
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_300"
Id: dicom-sr-tid-300-finding-site
Title: "TID 300 Finding Site"
Description: "The site of one measurement."
* insert FindingSiteSources(300)

Mapping: FindingSiteFromTID1419
Source: BodyStructureFindingSite
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1419"
Id: dicom-sr-tid-1419-finding-site
Title: "TID 1419 Finding Site"
Description: "The site of a region's measurements."
* insert FindingSiteSources(1419)

Mapping: FindingSiteFromTID1501
Source: BodyStructureFindingSite
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1501"
Id: dicom-sr-tid-1501-finding-site
Title: "TID 1501 Finding Site"
Description: "The site of a generic measurement group."
* insert FindingSiteSources(1501)
