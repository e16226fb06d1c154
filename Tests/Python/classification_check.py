"""classification_check.py FILE: scikit-learn's figures of the pairs of truth and answer in a JSON file."""
import json
import sys

from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

given = json.load(open(sys.argv[1]))
truth, answer = given["truth"], given["answer"]
precision, recall, f1, _ = precision_recall_fscore_support(truth, answer, average="macro", zero_division=0)
print(json.dumps({
    "accuracy": accuracy_score(truth, answer), "precision": precision, "recall": recall, "f1": f1,
    "confusion": confusion_matrix(truth, answer).tolist(),
}))
