import Bridge
import Foundation

/// Finds the Python scripts that are installed beside the catalogue of models.
enum ScriptFolder {
  static func path(_ script: String) -> String {
    URL(fileURLWithPath: Configuration.modelCatalog).deletingLastPathComponent()
      .appendingPathComponent(script).path
  }
}
