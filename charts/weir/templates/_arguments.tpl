{{/*
The arguments of the binaries. Each flag that the chart sets belongs to a value, so that ports, mounts, rights and
times fit to it; `extraArgs` is for the others alone.
*/}}

{{/* What sets each flag of a part, as JSON. */}}
{{- define "weir.flags" -}}
{{- $shared := dict
  "--namespace" "install the release into that namespace"
  "--admin-listen" (printf "set %s.listenHost" .)
  "--admin-token-file" "set adminToken.existingSecret"
  "--log-format" (printf "set %s.logFormat" .) }}
{{- $own := dict
  "operator" (dict
    "--router-service" "set fullnameOverride"
    "--router-admin-port" "the port is the same in every installation"
    "--admin-token-secret" "set adminToken.existingSecret"
    "--lease-name" "set fullnameOverride"
    "--watch-namespaces" "set watchNamespaces"
    "--cluster-providers" "set providers.cluster.access"
    "--namespaced-providers" "set providers.namespaced.enabled"
    "--log" "set operator.log")
  "router" (dict
    "--listen" "set router.listenHost"
    "--allow-unauthenticated" "set router.allowUnauthenticated"
    "--default-namespace" "set router.defaultNamespace"
    "--max-body-bytes" "set router.maxBodyBytes"
    "--max-in-flight" "set router.maxInFlight"
    "--max-held-bytes" "set router.maxHeldBytes"
    "--cors-origin" "set router.corsOrigins"
    "--cache-dir" "set router.cache"
    "--drain-delay" "set router.drain.delaySeconds"
    "--drain-timeout" "set router.drain.timeoutSeconds") }}
{{- merge $shared (get $own .) | toJson }}
{{- end }}

{{/* The chart's own arguments and those of `extraArgs`: (dict "root" $ "part" "router" "own" […]). */}}
{{- define "weir.arguments" -}}
{{- $part := .part }}
{{- $flags := include "weir.flags" $part | fromJson }}
{{- $extra := (index .root.Values $part).extraArgs | default list }}
{{- range $i, $argument := $extra }}
{{- $flag := splitList "=" $argument | first }}
{{- with get $flags $flag }}
{{- fail (printf "%s.extraArgs[%d]: %s is the chart's own; %s instead" $part $i $flag .) }}
{{- end }}
{{- end }}
{{- concat .own $extra | toYaml }}
{{- end }}
