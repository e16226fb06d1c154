#!/bin/sh
# say.sh PHRASE FOLDER   The phrase, followed by a question at once or after a pause, in voices of espeak-ng: WAV files for
# `vrbridge bench wake --said FOLDER`.
set -eu
phrase=$1
folder=$2
mkdir -p "$folder"
for voice in en-us en-gb en-gb-scotland en-029 en-us+f2 en-us+f4 en-gb+f3 en-gb+m2 en-us+m3 en-us+m7; do
  for speed in 130 160; do
    espeak-ng -v "$voice" -s "$speed" -w "$folder/$voice-$speed-breath.wav" "$phrase, what is this?"
    espeak-ng -v "$voice" -s "$speed" -w "$folder/$voice-$speed-pause.wav" -m \
      "<speak>$phrase<break time=\"900ms\"/>what is this?</speak>"
  done
done
