#!/usr/bin/env bash
# Several processes on this machine, each with some fake CPU devices: a pod to try things out on.
#   launch/local.sh 2 2 diffusion/edm_digits:smoke --workdir runs/pod mesh.fsdp=2
# starts 2 processes with 2 devices each. Output of process I goes to local.I.log. Run here.
set -euo pipefail
processes=$1 devices=$2
shift 2
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("localhost", 0)); print(s.getsockname()[1])')
export JAX_PLATFORMS=cpu XLA_FLAGS="--xla_force_host_platform_device_count=$devices ${XLA_FLAGS:-}"
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true' INT TERM
for ((i = 0; i < processes; i++)); do
  ${JAXGEN:-jaxgen} train "$@" --coordinator "localhost:$port" --processes "$processes" --process-id "$i" \
    > "local.$i.log" 2>&1 &
  pids+=($!)
done
code=0
for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
grep -h '^jaxgen: \|^Trained' local.*.log || true
exit $code
