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

  /// The reason why a model with these inputs cannot run for the manifest's task; nil where it can, or where the task
  /// accepts any tensors.
  public func mismatch(inputs: [TensorSpec]) -> String? {
    let images: Set<ModelTask> = [.objectDetection, .imageClassification, .textDetection, .textRecognition]
    guard images.contains(task), let picture else { return nil }
    guard let input = inputs.first else { return "the model has no input" }
    let isPlanar = picture.layout == .nchw
    let wanted = isPlanar ? "[1, 3, height, width] (NCHW)" : "[1, height, width, 3] (NHWC)"
    let shape = input.shape
    guard shape.count == 4, abs(shape[0]) == 1, [3, -1].contains(shape[isPlanar ? 1 : 3]) else {
      return
        "its input \(input.description) is no RGB image of the form \(wanted); give the model's order of dimensions with --layout"
    }
    guard [.objectDetection, .imageClassification].contains(task) else { return nil }
    let (height, width) = isPlanar ? (shape[2], shape[3]) : (shape[1], shape[2])
    guard shape[isPlanar ? 1 : 3] == 3, (1...4096).contains(height), (1...4096).contains(width) else {
      return
        "its input \(input.description) has no fixed size of at most 4096 pixels in the form \(wanted); export the model with one"
    }
    guard task == .imageClassification || input.type == .float32 else {
      return "its input \(input.description) is not FP32, which a model for \(task.rawValue) needs"
    }
    return nil
  }
}
