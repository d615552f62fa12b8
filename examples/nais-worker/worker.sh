#!/bin/sh
# A worker that uses the endpoint as it used the NAIS sidecar. ELECTOR_GET_URL comes from `exportEnv: true`, or from the
# Deployment: http://localhost:4040/. In a Pod, HOSTNAME is the name of the Pod.
#
# No answer means "do not work": curl fails, and $leader is empty. A worker that treats silence as leadership runs beside the leader.
trap 'exit 0' TERM
while true; do
  leader=$(curl --silent --fail --max-time 2 "$ELECTOR_GET_URL" | sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
  if [ -n "$leader" ] && [ "$leader" = "$HOSTNAME" ]; then
    echo working || echo 'the work failed' >&2
  else
    echo waiting
  fi
  sleep 1
done
