// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 language mode comes from the tools version; warnings are errors.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "vrbridge",
  products: [
    .executable(name: "vrbridge", targets: ["vrbridge"]),
    .library(name: "BridgeClient", targets: ["BridgeClient"]),
    .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // C libraries of the distribution.
    .systemLibrary(name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
    .systemLibrary(name: "CDBus", pkgConfig: "dbus-1", providers: [.apt(["libdbus-1-dev"])]),
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CUSB", pkgConfig: "libusb-1.0", providers: [.apt(["libusb-1.0-0-dev"])]),
    .systemLibrary(name: "CSDL2", providers: [.apt(["libsdl2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    // What the kernel offers and Swift's Glibc module does not show.
    .target(name: "CLinux", cSettings: strictC),
    // OpenVINO's C API, opened at run time.
    .target(name: "COpenVINO", cSettings: strictC),
    // ONNX Runtime's and sherpa-onnx's, likewise.
    .target(name: "COnnxRuntime", cSettings: strictC),
    .target(name: "CSherpaOnnx", cSettings: strictC),
    // The picture sampler's inner loop.
    .target(name: "CSampler", cSettings: strictC),
    // The header that a renderer drops in.
    .target(name: "CVRBridge", cSettings: strictC),

    // The house, ground floor first (docs/architecture.md).
    .target(name: "Spatial", swiftSettings: strict),
    .target(name: "Sensing", dependencies: ["Spatial"], swiftSettings: strict),
    .target(
      name: "StrictYAML", dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: strict),
    .target(name: "Compression", dependencies: ["CLZ4", "CZlib", "CZstd"], swiftSettings: strict),
    .target(name: "MCAP", dependencies: ["Compression"], swiftSettings: strict),
    .target(
      name: "Devices",
      dependencies: ["Compression", "Spatial", "Sensing", "StrictYAML", "CLinux", "CUSB", "CUdev", "CZlib"],
      swiftSettings: strict),
    .target(name: "Imaging", dependencies: ["CPNG", "CSampler", "CTurboJPEG"], swiftSettings: strict),
    .target(
      name: "Cameras", dependencies: ["CLinux", "Devices", "Imaging", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "GameControllers", dependencies: ["CLinux", "CSDL2", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Microphones", dependencies: ["CLinux", "CSDL2", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Pairing", dependencies: ["CDBus", "CLinux", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(name: "Tracking", dependencies: ["Spatial", "Sensing"], swiftSettings: strict),
    .target(
      name: "Inference",
      dependencies: [
        "CLinux", "COnnxRuntime", "COpenVINO", "StrictYAML",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: strict),
    .target(
      name: "Perception", dependencies: ["Imaging", "Inference", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Speech", dependencies: ["CSherpaOnnx", "Inference", "Sensing", "Spatial"], swiftSettings: strict),
    .target(
      name: "Dialogue", dependencies: [.product(name: "Mustache", package: "swift-mustache")],
      swiftSettings: strict),
    .target(
      name: "ModelService",
      dependencies: [
        "Dialogue", "Imaging", "Inference", "Perception", "Speech",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOFoundationCompat", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "SessionLog",
      dependencies: [
        "CZlib", "Devices", "MCAP", "Sensing", "Spatial", "Tracking",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Protos", "Generated/README.md"],
      swiftSettings: strict),
    .target(
      name: "Evaluation", dependencies: ["Compression", "Sensing", "Spatial", "StrictYAML", "Tracking"],
      swiftSettings: strict),
    .target(
      name: "BridgeProtocol",
      dependencies: [
        "Spatial", "Sensing", "CLinux", "CVRBridge",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Protos", "Generated/README.md"],
      swiftSettings: strict),
    .target(
      name: "BridgeClient",
      dependencies: ["Spatial", "Sensing", "BridgeProtocol", "CLinux", "CVRBridge"],
      swiftSettings: strict),
    .target(
      name: "Bridge",
      dependencies: [
        "Spatial", "Sensing", "StrictYAML", "Cameras", "Devices", "Dialogue", "GameControllers", "Imaging",
        "Inference", "Microphones", "Perception", "Speech", "Tracking", "BridgeProtocol", "CLinux", "MCAP",
        "SessionLog",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "LiveViews",
      dependencies: [
        "Bridge", "BridgeProtocol", "Cameras", "Inference", "ModelService", "Sensing", "SessionLog",
        "Spatial",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "Interop",
      dependencies: [
        "Bridge", "BridgeProtocol", "Sensing", "Spatial",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "vrbridge",
      dependencies: [
        "Spatial", "Sensing", "StrictYAML", "Cameras", "Devices", "Dialogue", "BridgeProtocol", "Bridge",
        "BridgeClient",
        "CLinux",
        "Evaluation", "Imaging", "Inference", "Interop", "LiveViews", "MCAP", "Microphones", "ModelService",
        "Pairing",
        "Perception",
        "SessionLog", "Speech", "Tracking",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),

    // What docs/feeding-a-renderer.md shows.
    .executableTarget(
      name: "example-renderer",
      dependencies: ["BridgeClient", "BridgeProtocol", "CLinux", "Sensing", "Spatial"],
      path: "examples/Renderer", swiftSettings: strict),

    // Benchmarks: `make bench`.
    .target(
      name: "CBaseline", dependencies: ["CVRBridge", "CZlib", "CZstd"], path: "Benchmarks/CBaseline",
      cSettings: strictC),
    .executableTarget(
      name: "vrbridge-bench",
      dependencies: [
        "Bridge", "BridgeClient", "BridgeProtocol", "CBaseline", "CLinux", "CVRBridge", "Devices", "Imaging",
        "Inference", "MCAP", "ModelService", "Perception", "Sensing",
        "SessionLog", "Spatial", "Tracking", "vrbridge",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      path: "Benchmarks/Bench", swiftSettings: strict),

    // Tests. `TestSupport` knows where descriptions and the corpus are.
    .target(
      name: "TestSupport",
      dependencies: ["Devices", "Inference", "Sensing", .product(name: "Crypto", package: "swift-crypto")],
      path: "Tests/Support", swiftSettings: strict),
    .executableTarget(
      name: "c-reader", dependencies: ["CVRBridge"], path: "Tests/CReader", cSettings: strictC),
    .testTarget(name: "SpatialTests", dependencies: ["Spatial"], swiftSettings: strict),
    .testTarget(
      name: "MCAPTests", dependencies: ["Compression", "MCAP", "Spatial", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "SessionLogTests",
      dependencies: [
        "Devices", "MCAP", "Sensing", "SessionLog", "Spatial", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(name: "StrictYAMLTests", dependencies: ["StrictYAML"], swiftSettings: strict),
    .testTarget(
      name: "DevicesTests",
      dependencies: ["CLinux", "Devices", "Sensing", "Spatial", "StrictYAML", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "EvaluationTests",
      dependencies: ["Compression", "Evaluation", "Sensing", "Spatial", "TestSupport", "Tracking"],
      swiftSettings: strict),
    .testTarget(
      name: "TrackingTests", dependencies: ["Tracking", "Devices", "Sensing", "Spatial", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CamerasTests", dependencies: ["Cameras", "Imaging", "Sensing", "Spatial"], swiftSettings: strict),
    .testTarget(
      name: "InferenceTests",
      dependencies: [
        "Inference", "Spatial", "StrictYAML", "TestSupport",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ModelServiceTests",
      dependencies: [
        "Dialogue", "Imaging", "Inference", "ModelService", "TestSupport",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PerceptionTests",
      dependencies: ["Imaging", "Inference", "Perception", "Sensing", "Spatial", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "SpeechTests",
      dependencies: [
        "CSherpaOnnx", "Inference", "Microphones", "Sensing", "Spatial", "Speech", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LiveViewsTests",
      dependencies: [
        "LiveViews", "ModelService", "Sensing", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "InteropTests", dependencies: ["Bridge", "Interop", "Sensing", "Spatial", "StrictYAML"],
      swiftSettings: strict),
    .testTarget(name: "DialogueTests", dependencies: ["Dialogue", "Spatial"], swiftSettings: strict),
    .testTarget(
      name: "PairingTests", dependencies: ["Devices", "Pairing", "Sensing", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "BridgeProtocolTests",
      dependencies: [
        "BridgeProtocol", "CVRBridge", "Sensing", "Spatial", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "BridgeTests",
      dependencies: [
        "Bridge", "BridgeClient", "BridgeProtocol", "CLinux", "Devices", "Dialogue", "Inference", "MCAP",
        "Perception", "Sensing", "SessionLog", "Spatial", "Speech", "StrictYAML", "Tracking", "TestSupport",
        "c-reader", "example-renderer",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Bridge", "BridgeProtocol", "Cameras", "Devices", "Dialogue", "Evaluation", "Imaging", "Inference",
        "MCAP", "Sensing", "SessionLog", "Spatial", "Speech", "Tracking",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      path: "Tests/FuzzTargets", swiftSettings: strict),
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "FuzzTargets", "Cameras", "Devices", "MCAP", "Sensing", "SessionLog", "Spatial", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Bridge", "Imaging", "MCAP", "Perception", "SessionLog", "Spatial", "TestSupport", "vrbridge",
      ],
      swiftSettings: strict),
  ]
)
