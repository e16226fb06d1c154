import Assistant
import Bridge
import Speech

/// Opens the models of speech as the configuration names them.
package enum SpeechSetup {
  /// Returns the models and the settings of segmentation of `models:` and `speech:`.
  package static func models(_ options: ModelOptions) throws -> (SpeechModels, SegmentationSettings) {
    let configuration = try options.configuration()
    let speech = configuration.speech.value
    return (speech.models(configuration.models.value, stateFolder: options.stateFolder), speech.segmentation)
  }
}
