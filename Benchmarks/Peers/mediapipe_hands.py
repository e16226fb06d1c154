"""mediapipe_hands.py IMAGE COUNT: processor milliseconds a frame of MediaPipe's Python Hands, detector on each frame and
tracking. Needs: pip install mediapipe==0.10.21
"""
import json
import os
import sys
import time

os.environ["GLOG_minloglevel"] = "3"
import cv2
import mediapipe

image = cv2.cvtColor(cv2.imread(sys.argv[1]), cv2.COLOR_BGR2RGB)
count = int(sys.argv[2])
result = {}
for name, static in (("detect", True), ("track", False)):
    with mediapipe.solutions.hands.Hands(static_image_mode=static, max_num_hands=1, model_complexity=1) as hands:
        for _ in range(5):
            found = hands.process(image)
        begin, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            found = hands.process(image)
        result[name] = {
            "cpu_ms": (time.process_time() - begin) * 1000 / count,
            "wall_ms": (time.perf_counter() - wall) * 1000 / count,
            "hands": len(found.multi_hand_landmarks or []),
        }
print(json.dumps(result))
