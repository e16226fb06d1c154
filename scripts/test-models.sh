#!/bin/sh
# test-models.sh   Fetches the models and the libraries of the tests into .build, as a user does with
# `vrbridge models pull --default`. The object detector comes from VRBRIDGE_CORPUS, if set.
set -eu
VRBRIDGE_MODELS=$PWD/.build/models
VRBRIDGE_OPENVINO=$PWD/.build/openvino
VRBRIDGE_SHERPA_ONNX=$PWD/.build/sherpa-onnx
VRBRIDGE_STATE=$PWD/.build/state
export VRBRIDGE_MODELS VRBRIDGE_OPENVINO VRBRIDGE_SHERPA_ONNX VRBRIDGE_STATE
program=.build/debug/vrbridge
"$program" models pull --default
"$program" models pull wake-hey-rhasspy
detector=${VRBRIDGE_CORPUS:-}/vision/models/yolox_nano.onnx
if [ -e "$detector" ]; then "$program" models pull object-detection --from "$detector"; fi
# The header of the speech library's wheel; a test compares our declarations with it.
header=.build/sherpa-onnx-header
if [ ! -e "$header" ]; then
  work=$(mktemp -d)
  echo "sherpa-onnx-core==2.0.1 --hash=sha256:f4ee0ab91c4ae596e0e49d7de32522a946295e038a652f1c1884d89014ee4ec2" >"$work/wanted"
  if python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --platform manylinux2014_x86_64 --dest "$work" --requirement "$work/wanted" &&
    python3 -m zipfile -e "$work"/*.whl "$work/wheel"; then
    mv "$work/wheel/sherpa_onnx/include" "$header"
  fi
  rm -rf "$work"
fi
