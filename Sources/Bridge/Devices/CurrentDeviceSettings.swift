import Devices

/// Descriptions and configuration in force; replaced as a whole when they are read again.
///
/// Belongs to the device manager's thread.
final class CurrentDeviceSettings {
  var catalog: DeviceCatalog
  var configuration: Configuration

  init(catalog: DeviceCatalog, configuration: Configuration) {
    self.catalog = catalog
    self.configuration = configuration
  }
}
