"""coco_check.py FILE: COCO's own evaluation (pycocotools) of the truths and detections in a JSON file."""
import contextlib
import io
import json
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

given = json.load(open(sys.argv[1]))
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO()
    truth.dataset = given["truth"]
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(given["found"]), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
print(json.dumps({"map": evaluation.stats[0], "map_50": evaluation.stats[1]}))
