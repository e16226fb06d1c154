// swift-tools-version: 6.2
import PackageDescription

// Kept apart from the product's package: everything here is built with libFuzzer's instrumentation.
let package = Package(
  name: "vrbridge-fuzz",
  dependencies: [.package(name: "vrbridge", path: "..")],
  targets: [
    .executableTarget(
      name: "vrbridge-fuzz", dependencies: [.product(name: "FuzzTargets", package: "vrbridge")],
      // libFuzzer brings its own main.
      swiftSettings: [.unsafeFlags(["-parse-as-library"])])
  ]
)
