{{/* What NOTES.txt warns of, as a JSON list. */}}
{{- define "weir.warnings" -}}
{{- $found := list }}
{{- if not (.Capabilities.APIVersions.Has "weir.dev/v1alpha1/LoadBalancingPolicy") }}
{{- $found = append $found "the definitions of Weir's kinds are not in this cluster. Install the chart weir-crds first; the operator waits for them." }}
{{- end }}
{{- range $part := list "operator" "router" }}
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
{{- if and (ne .Values.providers.cluster.access "Full") .Values.clusterProviders }}
{{- $found = append $found (printf "clusterProviders has entries, and providers.cluster.access is %s: their statuses stay as they are%s." .Values.providers.cluster.access (ternary ", and nobody reads them" "" (eq .Values.providers.cluster.access "None"))) }}
{{- end }}
{{- if not .Values.rbac.create }}
{{- $found = append $found "rbac.create is false: somebody else has to grant what the operator and the routers need." }}
{{- end }}
{{- toJson $found }}
{{- end }}
