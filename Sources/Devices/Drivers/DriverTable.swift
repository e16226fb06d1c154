/// All drivers. A new one is a file in this folder and a row here.
enum DriverTable {
  static let drivers: [DeviceDriver] = [
    .lighthouse,
    .watchman,
    .watchmanV2,
  ]
}
