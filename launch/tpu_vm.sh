#!/usr/bin/env bash
# A Cloud TPU slice: create it, install jaxgen on every host, train on all of them. Not run here.
#   PROJECT=p ZONE=us-west4-a BUCKET=gs://bucket launch/tpu_vm.sh diffusion/edm_digits mesh.fsdp=8
# Running it again after a pre-emption goes on from the newest checkpoint in the bucket.
set -euo pipefail
name=${NAME:-jaxgen} type=${TYPE:-v5litepod-256} runtime=${RUNTIME:-v2-alpha-tpuv5-lite}
where=(--project "${PROJECT:?}" --zone "${ZONE:?}")
gcloud compute tpus tpu-vm describe "$name" "${where[@]}" > /dev/null 2>&1 ||
  gcloud compute tpus tpu-vm create "$name" "${where[@]}" --accelerator-type "$type" --version "$runtime" --spot
on_all() { gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" --worker all --command "$1"; }
on_all "python3 -m venv ~/venv && ~/venv/bin/pip install --quiet 'jaxgen[tpu,gcs] @ ${SOURCE:-git+https://example.com/jaxgen.git}'"
# The same command on every host; jax asks the metadata server who is who.
on_all "~/venv/bin/jaxgen train $(printf '%q ' "$@") --workdir ${BUCKET:?}/runs/$name --quiet"
