import Inference

extension ModelManifest {
  /// The setting that a model of this manifest's task needs and the manifest does not have; nil when it has all.
  ///
  /// - Parameter hasLabels: whether the model comes with a list of labels.
  public func missingRequirement(hasLabels: Bool) -> String? {
    let takesImages: Set<ModelTask> = [
      .palmDetection, .handLandmarks, .objectDetection, .textDetection, .textRecognition,
      .imageClassification,
    ]
    if takesImages.contains(task), picture == nil {
      return
        "a model for \(task.rawValue) takes images: give their order of dimensions with --layout NCHW or NHWC"
    }
    if [.textDetection, .textRecognition].contains(task), picture?.layout != .nchw {
      return "a model for \(task.rawValue) takes images as --layout NCHW"
    }
    if task == .objectDetection, decoder == nil {
      return
        "the outputs of detectors differ: name theirs with --decoder \(ModelVocabulary.perception.decoders.map(\.rawValue).joined(separator: " or "))"
    }
    let usesLabels: Set<ModelTask> = [
      .textRecognition, .gestureClassification, .gestureSequence, .sentenceEmbedding,
    ]
    if usesLabels.contains(task), !hasLabels {
      return "a model for \(task.rawValue) needs its labels: --labels FILE"
    }
    return nil
  }
}
