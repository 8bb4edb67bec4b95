-- Orthanc: what comes in goes to the gateway too, which refuses what is no report.
function OnStoredInstance(instance)
  SendToModality(instance, 'gateway')
end
