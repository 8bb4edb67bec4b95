// Not in the guide: alerts are a matter of a site and its rules.
Profile: CriticalFindingFlag
Parent: Flag
Id: critical-finding-flag
Title: "Flag - Critical Finding"
Description: "A finding that the rules of a site call critical, shown in the record of the patient. It is made together with the Observations that it is about."
* insert Metadata
* meta.source MS
* meta.source ^short = "SOP Instance UID of the document"
* extension 1.. MS
* extension ^comment = "The Observation that a rule matches, and the members of it that made it match, stand in the extension flag-detail."
* status MS
* category 1.. MS
* category ^short = "CID 7035 Actionable Finding Classification"
* category.coding 1..
* code MS
* code ^short = "What was found"
* code.text 1..
* subject MS
* subject only Reference(Patient)
* period MS
* period.start ^short = "When the Observation was issued"
* author 1.. MS
* author only Reference(Device)
* author ^short = "The device that made the Observation"
