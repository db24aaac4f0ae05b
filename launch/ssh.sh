#!/usr/bin/env bash
# One process per host, over ssh. Every host needs the same jaxgen environment, the same data and the same --workdir
# (a shared file system or gs://...).
#   HOSTS="a b c d" launch/ssh.sh diffusion/edm_digits --workdir gs://bucket/runs/mine mesh.fsdp=8
# Not run on several hosts here; the command it starts is the one of local.sh.
set -euo pipefail
read -ra hosts <<< "${HOSTS:?HOSTS=\"a b c\" names the machines; process 0 runs on the first}"
port=${PORT:-8476}
jaxgen=${JAXGEN:-jaxgen}
words=$(printf '%q ' "$@")
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true' INT TERM
for i in "${!hosts[@]}"; do
  # -tt: the remote process gets the hang-up when this script ends.
  ssh -tt -o BatchMode=yes "${hosts[i]}" \
    "$jaxgen train $words --coordinator ${hosts[0]}:$port --processes ${#hosts[@]} --process-id $i" \
    < /dev/null > "ssh.$i.log" 2>&1 &
  pids+=($!)
done
code=0
for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
exit $code
