Logical: CriticalFinding
Id: CriticalFinding
Title: "Critical finding"
Description: """A finding of a report that the rules of a site call critical, as FHIR-style JSON: what Observations say of it, and what the rule says.
A map makes a Flag and a CommunicationRequest of it. Values of Observations keep as `id` the position of the content item, or the keyword of the
attribute, that they came from."""
* insert Metadata
* flagId 1..1 id "UUID of the Flag"
* requestId 1..1 id "UUID of the CommunicationRequest"
* source 0..1 uri "What names the document: meta.source of the Observation"
* language 0..1 code "Language of the Observation"
* rule 1..1 string "Name of the rule"
* category 1..1 Coding "Category that the rule gives the finding: CID 7035 Actionable Finding Classification (PS3.16)"
* finding 1..1 CodeableConcept "What was found; its text says it for people"
* observation 1..* Reference "The Observation that the rule matches, and the members of it that made it match"
* subject 1..1 Reference "The patient"
* device 1..1 Reference "The Device that made the Observation"
* requester 0..1 Reference "Who asks that the finding be told, if the rule says so"
* recipient 1..* Reference "Who is to be told"
* issued 0..1 instant "When the Observation was made available"
