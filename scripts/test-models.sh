#!/bin/sh
# test-models.sh   Fetches the models and the library that tests run, into .build: what a user does with
# `vrbridge models pull --default`. The object detector comes from VRBRIDGE_CORPUS, where there is one.
set -eu
VRBRIDGE_MODELS=$PWD/.build/models
VRBRIDGE_OPENVINO=$PWD/.build/openvino
VRBRIDGE_STATE=$PWD/.build/state
export VRBRIDGE_MODELS VRBRIDGE_OPENVINO VRBRIDGE_STATE
program=.build/debug/vrbridge
"$program" models pull --default
detector=${VRBRIDGE_CORPUS:-}/vision/models/yolox_nano.onnx
if [ -e "$detector" ]; then "$program" models pull object-detection --from "$detector"; fi
