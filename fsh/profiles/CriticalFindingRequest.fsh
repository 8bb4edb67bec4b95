// Not in the guide: alerts are a matter of a site and its rules.
Profile: CriticalFindingRequest
Parent: CommunicationRequest
Id: critical-finding-request
Title: "Communication Request - Critical Finding"
Description: "Asks that somebody be told of a finding that the rules of a site call critical. That it was told would be a Communication, which whoever tells it makes."
* insert Metadata
* meta.source MS
* meta.source ^short = "SOP Instance UID of the document"
* status MS
* intent MS
* intent = #order
* category 2.. MS
* category ^short = "Alert, and CID 7035 Actionable Finding Classification"
* priority 1.. MS
* priority ^short = "stat for category 1, urgent for 2, routine for 3"
* subject 1.. MS
* subject only Reference(Patient)
* about 1.. MS
* about only Reference(Observation)
* payload 1..1 MS
* payload.content[x] only Reference(Observation)
* authoredOn MS
* requester 1.. MS
* requester ^short = "Whom the rule names, else the device that made the Observation"
* recipient 1.. MS
* reason 1.. MS
* reason ^short = "The rule of the site"
