import Inference

extension ModelTask {
  public static let palmDetection = ModelTask(rawValue: "palm-detection")
  public static let handLandmarks = ModelTask(rawValue: "hand-landmarks")
  public static let gestureEmbedding = ModelTask(rawValue: "gesture-embedding")
  public static let gestureClassification = ModelTask(rawValue: "gesture-classification")
  public static let gestureSequence = ModelTask(rawValue: "gesture-sequence")
  public static let objectDetection = ModelTask(rawValue: "object-detection")
  public static let textDetection = ModelTask(rawValue: "text-detection")
  public static let textRecognition = ModelTask(rawValue: "text-recognition")
  public static let imageClassification = ModelTask(rawValue: "image-classification")
  public static let textClassification = ModelTask(rawValue: "text-classification")
  public static let sentenceEmbedding = ModelTask(rawValue: "sentence-embedding")
}

extension ModelDecoder {
  /// YOLOX (Ge et al., 2021): raw grids of strides 8, 16 and 32.
  public static let yolox = ModelDecoder(rawValue: "yolox")
  /// NanoDet (RangiLyu, 2020): for each stride, scores and distributions of the distances to a box's sides.
  public static let nanodet = ModelDecoder(rawValue: "nanodet")
}

extension ModelVocabulary {
  /// Models that this target runs.
  public static let perception = ModelVocabulary(
    tasks: [
      .palmDetection, .handLandmarks, .gestureEmbedding, .gestureClassification, .gestureSequence,
      .objectDetection, .textDetection, .textRecognition, .imageClassification, .textClassification,
      .sentenceEmbedding,
    ], decoders: [.yolox, .nanodet])
}
