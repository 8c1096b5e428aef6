{{/* What NOTES.txt warns of, as a JSON list. */}}
{{- define "weir.warnings" -}}
{{- $found := list }}
{{- if not (.Capabilities.APIVersions.Has "weir.dev/v1alpha1/LoadBalancingPolicy") }}
{{- $found = append $found "the definitions of Weir's kinds are not in this cluster. Install the chart weir-crds first; the operator waits for them." }}
{{- end }}
{{- range $part := .Values.test.enabled | ternary (list "operator" "router" "test") (list "operator" "router") }}
{{- $image := include "weir.image" (dict "root" $ "image" (index $.Values $part).image) }}
{{- if hasPrefix "localhost/" $image }}
{{- $found = append $found (printf "the image %s has to be on every node already: no registry has it. Set global.imageRegistry once yours does." $image) }}
{{- end }}
{{- end }}
{{- if .Values.router.allowUnauthenticated }}
{{- $found = append $found "router.allowUnauthenticated lets callers in without a key: whoever reaches the Service spends what the providers' keys pay for." }}
{{- end }}
{{- if .Values.providers.namespaced.enabled }}
{{- $found = append $found "providers.namespaced.enabled lets whoever may write a Provider choose an address that routers connect to from inside the cluster." }}
{{- end }}
{{- if not .Values.router.networkPolicy.enabled }}
{{- $found = append $found "router.networkPolicy.enabled is false: every pod can reach the routers' admin port, and the routers can reach every address." }}
{{- end }}
{{- if and .Values.router.autoscaling.enabled .Release.IsUpgrade }}
{{- $found = append $found (printf "router.autoscaling.enabled: an upgrade that turns it on may leave one router, until the autoscaler has brought up %d. docs/install.md says how not to." (int .Values.router.autoscaling.minReplicas)) }}
{{- end }}
{{- $limit := dig "limits" "memory" "" (.Values.router.resources | default dict) }}
{{- if eq (toString $limit) "" }}
{{- $found = append $found "router.resources.limits.memory is not set: nothing checks that router.maxHeldBytes fits into a router's memory." }}
{{- else if not (include "weir.bytes" $limit) }}
{{- $found = append $found (printf "router.resources.limits.memory is %s, which the chart can't read: see to it that router.maxHeldBytes and router.cache.sizeLimit fit." $limit) }}
{{- end }}
{{- if not .Values.rbac.create }}
{{- $found = append $found "rbac.create is false: somebody else has to grant what the operator and the routers need." }}
{{- end }}
{{- toJson $found }}
{{- end }}
