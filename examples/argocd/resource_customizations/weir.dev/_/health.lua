-- The health of every kind of Weir's: all report by the same conditions (Ready, Reconciling, Stalled).
local health = { status = "Progressing", message = "no operator has looked at this version yet" }
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local ready, stalled = conditions.Ready, conditions.Stalled
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message
elseif ready ~= nil then
  health.message = ready.message
  if ready.status == "True" then
    health.status = ready.reason == "Suspended" and "Suspended" or "Healthy"
  end
end
return health
