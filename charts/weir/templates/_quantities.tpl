{{/*
Quantities of memory, for what has to fit into a limit.
*/}}

{{/* A quantity in bytes; nothing, where it is written in a way that is not read here. */}}
{{- define "weir.bytes" -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- if not (kindIs "string" .) }}
{{- printf "%.0f" (float64 .) }}
{{- else if regexMatch "^[0-9]+([.][0-9]+)?(k|[MGT]|[KMGT]i)?$" . }}
{{- $number := regexFind "^[0-9.]+" . }}
{{- printf "%.0f" (mulf (float64 $number) (get $factors (trimPrefix $number .))) }}
{{- end }}
{{- end }}

{{/* Refuses bodies and a cache that a router's memory can't hold. */}}
{{- define "weir.checkMemory" -}}
{{- $router := .Values.router }}
{{- $limit := dig "limits" "memory" "" ($router.resources | default dict) }}
{{- $room := include "weir.bytes" $limit }}
{{- $cache := ternary (include "weir.bytes" $router.cache.sizeLimit) "0" $router.cache.enabled }}
{{- if and $room $cache }}
{{- $needed := add (int64 $router.maxHeldBytes) (int64 $cache) }}
{{- if gt $needed (int64 $room) }}
{{- fail (printf "router.resources.limits.memory: %s is less than router.maxHeldBytes and router.cache.sizeLimit, which are %d bytes; raise it, or lower router.maxHeldBytes" (toString $limit) $needed) }}
{{- end }}
{{- end }}
{{- end }}
