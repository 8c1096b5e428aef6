{{/*
What the operator may do, and nothing else.
*/}}

{{/* With the objects of a namespace: read what policies are made of, and write what became of them. */}}
{{- define "weir.operator.namespacedRules" -}}
- apiGroups: [weir.dev]
  resources: [loadbalancingpolicies, fallbackpolicies, providers, accesskeys]
  verbs: [list, watch]
- apiGroups: [weir.dev]
  resources: [loadbalancingpolicies/status, fallbackpolicies/status, providers/status, accesskeys/status]
  verbs: [patch]
# The watch selects the label weir.dev/credential=true; RBAC can't express that.
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* With ClusterProviders, as far as providers.cluster.access goes; nothing where it is None. */}}
{{- define "weir.operator.clusterProviderRules" -}}
{{- if ne .Values.providers.cluster.access "None" }}
- apiGroups: [weir.dev]
  resources: [clusterproviders]
  verbs: [list, watch]
{{- end }}
{{- if eq .Values.providers.cluster.access "Full" }}
- apiGroups: [weir.dev]
  resources: [clusterproviders/status]
  verbs: [patch]
{{- end }}
{{- end }}

{{/* In its own namespace: publish tables and credentials, find the routers, hold the lease. */}}
{{- define "weir.operator.ownRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
    {{- include "weir.credentialSecrets" . | nindent 4 }}
  verbs: [get, create, patch]
{{- if not .Values.adminToken.existingSecret }}
# The token for the routers' admin ports, which it makes once.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "weir.adminTokenSecret" . }}]
  verbs: [create, patch]
{{- end }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
# What is created has no name yet by which it could be allowed.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "weir.partName" (dict "root" . "part" "operator") }}]
  verbs: [get, update]
{{- end }}
