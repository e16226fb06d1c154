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
    .executable(name: "vrbridge-eval", targets: ["vrbridge-eval"]),
    .library(name: "BridgeClient", targets: ["BridgeClient"]),
    .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
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
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CUSB", pkgConfig: "libusb-1.0", providers: [.apt(["libusb-1.0-0-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    // Kernel interfaces that Swift's Glibc module does not export.
    .target(name: "CLinux", cSettings: strictC),
    // C APIs that are opened at run time: OpenVINO's, ONNX Runtime's, sherpa-onnx's, libdbus's, SDL's (headers:
    // libsdl2-dev).
    .target(name: "CDynamicLibrary", cSettings: strictC),
    .target(name: "COpenVINO", dependencies: ["CDynamicLibrary"], cSettings: strictC),
    .target(name: "COnnxRuntime", dependencies: ["CDynamicLibrary"], cSettings: strictC),
    .target(name: "CSherpaOnnx", dependencies: ["CDynamicLibrary"], cSettings: strictC),
    .target(name: "CDBus", dependencies: ["CDynamicLibrary"], cSettings: strictC),
    .target(name: "CSDL2", dependencies: ["CDynamicLibrary"], cSettings: strictC),
    // The picture sampler's inner loop.
    .target(name: "CSampler", cSettings: strictC),
    // The header that a renderer drops in.
    .target(name: "CVRBridge", cSettings: strictC),

    // The modules, lowest first (docs/explanation/architecture.md).
    .target(name: "Diagnostics", swiftSettings: strict),
    .target(name: "Cryptography", dependencies: ["COpenSSL", "Diagnostics"], swiftSettings: strict),
    .target(name: "Spatial", swiftSettings: strict),
    .target(name: "Sensing", dependencies: ["Diagnostics", "Spatial"], swiftSettings: strict),
    .target(
      name: "StrictYAML", dependencies: ["Diagnostics", .product(name: "Yams", package: "Yams")],
      swiftSettings: strict),
    .target(name: "Settings", dependencies: ["Diagnostics", "StrictYAML"], swiftSettings: strict),
    .target(
      name: "Compression", dependencies: ["Diagnostics", "CLZ4", "CZlib", "CZstd"], swiftSettings: strict),
    .target(name: "MCAP", dependencies: ["Diagnostics", "Compression"], swiftSettings: strict),
    .target(name: "Admission", dependencies: ["CLinux", "Diagnostics"], swiftSettings: strict),
    .target(
      name: "Authorisation", dependencies: ["Admission", "Diagnostics", "Sensing"], swiftSettings: strict),
    .target(
      name: "Devices",
      dependencies: [
        "Diagnostics", "Compression", "Spatial", "Sensing", "StrictYAML", "CLinux", "CUSB", "CUdev", "CZlib",
      ],
      swiftSettings: strict),
    // Emulated devices: reports with known ground truth, from the same descriptions.
    .target(
      name: "DeviceEmulation", dependencies: ["CLinux", "Compression", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    // Confined processes for work on foreign data.
    .target(name: "Sandbox", dependencies: ["CLinux", "Diagnostics"], swiftSettings: strict),
    .target(
      name: "Imaging",
      dependencies: ["CDynamicLibrary", "CPNG", "CSampler", "CTurboJPEG", "Diagnostics", "Sandbox"],
      swiftSettings: strict),
    .target(
      name: "Cameras",
      dependencies: [
        "Admission", "Diagnostics", "Settings", "CLinux", "Devices", "Imaging", "Sensing", "Spatial",
        "StrictYAML",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "LiveState", dependencies: ["Authorisation", "Cameras", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "GameControllers",
      dependencies: ["Diagnostics", "CLinux", "CSDL2", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Microphones", dependencies: ["Diagnostics", "CLinux", "CSDL2", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Pairing", dependencies: ["Diagnostics", "CDBus", "CLinux", "Devices", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(name: "Tracking", dependencies: ["Diagnostics", "Spatial", "Sensing"], swiftSettings: strict),
    .target(
      name: "Inference",
      dependencies: [
        "Diagnostics",
        "CDynamicLibrary", "CLinux", "COnnxRuntime", "COpenVINO", "Sandbox", "StrictYAML",
        "Cryptography",
      ],
      swiftSettings: strict),
    .target(
      name: "Perception",
      dependencies: [
        "Diagnostics", "Settings", "Cameras", "Imaging", "Inference", "Sensing", "Spatial", "StrictYAML",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "Speech", dependencies: ["Diagnostics", "CSherpaOnnx", "Inference", "Sensing", "Spatial"],
      swiftSettings: strict),
    .target(
      name: "Dialogue", dependencies: ["Diagnostics", .product(name: "Mustache", package: "swift-mustache")],
      swiftSettings: strict),
    .target(
      name: "HTTPServer",
      dependencies: [
        "Admission", "Authorisation", "CLinux", "Compression", "Diagnostics",
        "Cryptography", "Sensing", "Settings", "StrictYAML",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "ModelService",
      dependencies: [
        "Admission", "Authorisation", "Cameras", "Diagnostics", "HTTPServer", "Imaging", "Inference",
        "Perception",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
      ],
      swiftSettings: strict),
    .target(
      name: "InferenceClients",
      dependencies: [
        "Diagnostics", "Dialogue", "Inference", "Speech",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOFoundationCompat", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .target(
      name: "SessionLog",
      dependencies: [
        "Diagnostics", "CLinux", "MCAP", "Sensing", "Spatial",
        "Cryptography",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Protos", "Generated/README.md"],
      swiftSettings: strict),
    .target(
      name: "TrackingPipeline",
      dependencies: [
        "Diagnostics", "CLinux", "Devices", "MCAP", "Sensing", "SessionLog", "Spatial", "Tracking",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "InertialTables",
      dependencies: ["Diagnostics", "Spatial", "StrictYAML", "Tracking"], swiftSettings: strict),
    .target(
      name: "SessionTools",
      dependencies: [
        "Diagnostics", "Compression", "Devices", "InertialTables", "MCAP", "Sensing", "SessionLog", "Spatial",
        "StrictYAML", "Tracking", "TrackingPipeline",
        "Cryptography",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "Evaluation",
      dependencies: [
        "Diagnostics",
        "BridgeClient", "BridgeProtocol", "CLinux", "Compression", "Dialogue", "Imaging", "InertialTables",
        "Inference", "MCAP", "Microphones", "Perception", "Sensing", "SessionLog", "Spatial", "Speech",
        "Tracking",
      ],
      swiftSettings: strict),
    .target(
      name: "Assistant",
      dependencies: [
        "Authorisation", "Diagnostics",
        "CLinux", "Dialogue", "Inference", "MCAP", "Perception", "Sensing", "SessionLog", "Settings",
        "Spatial",
        "Speech", "StrictYAML",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "BridgeProtocol",
      dependencies: [
        "Diagnostics",
        "Spatial", "Sensing", "CLinux", "CVRBridge",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Protos", "Generated/README.md"],
      swiftSettings: strict),
    .target(
      name: "BridgeClient",
      dependencies: ["Diagnostics", "Spatial", "Sensing", "BridgeProtocol", "CLinux", "CVRBridge"],
      swiftSettings: strict),
    .target(
      name: "Bridge",
      dependencies: [
        "Admission", "Authorisation", "Diagnostics",
        "Assistant", "Spatial", "Sensing", "StrictYAML", "Cameras", "DeviceEmulation", "Devices", "Dialogue",
        "GameControllers", "Imaging", "Inference", "LiveState", "Microphones", "Perception", "Sandbox",
        "Settings", "Speech", "Tracking", "TrackingPipeline",
        "BridgeProtocol", "CLinux", "MCAP", "SessionLog",
        "Cryptography",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    // Outputs: they read `BridgeState` and do not link the bridge.
    .target(
      name: "Dashboard",
      dependencies: [
        "Admission", "Authorisation", "Cameras", "Diagnostics", "HTTPServer", "LiveState", "Sensing",
        "Spatial",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "FoxgloveServer",
      dependencies: [
        "Admission", "Authorisation", "Cameras", "Diagnostics", "HTTPServer", "LiveState", "Sensing",
        "SessionLog", "Settings", "Spatial", "StrictYAML",
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
        "Admission", "Authorisation", "Diagnostics", "HTTPServer", "LiveState", "Sensing", "Settings",
        "Spatial", "StrictYAML",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    // Options, errors and output that the two programs share.
    .target(
      name: "CommandSupport",
      dependencies: [
        "Diagnostics",
        "Bridge", "Cryptography", "Devices", "Imaging", "Inference", "Perception", "Sandbox", "Speech",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "vrbridge",
      dependencies: [
        "Admission", "Diagnostics",
        "Assistant", "Spatial", "Sensing", "StrictYAML", "Cameras", "CommandSupport", "DeviceEmulation",
        "Devices", "Dialogue", "BridgeProtocol", "Bridge", "BridgeClient",
        "CLinux",
        "Dashboard", "FoxgloveServer", "HTTPServer", "Imaging", "InertialTables", "Inference",
        "InferenceClients",
        "Interop", "MCAP", "Microphones", "ModelService", "Pairing", "Settings",
        "Perception", "Sandbox",
        "SessionLog", "SessionTools", "Speech", "Tracking", "TrackingPipeline",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "vrbridge-eval",
      dependencies: [
        "Diagnostics",
        "Bridge", "CommandSupport", "Dialogue", "Evaluation", "Imaging", "InertialTables", "Inference",
        "Perception", "PerformanceBenchmarks", "Sandbox", "Speech", "Tracking",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    // What docs/how-to/feed-a-renderer.md shows.
    .executableTarget(
      name: "example-renderer",
      dependencies: ["BridgeClient", "BridgeProtocol", "CLinux", "Sensing", "Spatial"],
      path: "examples/Renderer", swiftSettings: strict),

    // Benchmarks: `make bench`.
    .target(
      name: "CBaseline", dependencies: ["CVRBridge", "CZlib", "CZstd"], path: "Benchmarks/CBaseline",
      cSettings: strictC),
    // A target of its own: it counts allocations by standing before malloc, which no test or fuzzer may link.
    .target(
      name: "PerformanceBenchmarks",
      dependencies: [
        "Bridge", "BridgeClient", "BridgeProtocol", "CBaseline", "CLinux", "CVRBridge", "DeviceEmulation",
        "Devices", "Evaluation",
        "HTTPServer", "Imaging",
        "Inference", "MCAP", "ModelService", "Perception", "Sandbox", "Sensing",
        "SessionLog", "SessionTools", "Spatial", "Tracking", "TrackingPipeline",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      path: "Benchmarks/Performance", swiftSettings: strict),

    // Tests. `TestSupport` knows where descriptions and the corpus are.
    .target(
      name: "TestSupport",
      dependencies: [
        "Authorisation", "CLinux", "Cameras", "Cryptography", "Devices", "Inference", "LiveState", "Sensing",
        "Spatial",
      ],
      path: "Tests/Support", swiftSettings: strict),
    // Attempts of a confined process to do what it must not; its roles exist in no program that is installed.
    .target(name: "CSandboxProbe", path: "Tests/CSandboxProbe", cSettings: strictC),
    .executableTarget(
      name: "sandbox-probe", dependencies: ["CSandboxProbe", "Sandbox"], path: "Tests/SandboxProbe",
      swiftSettings: strict),
    .executableTarget(
      name: "c-reader", dependencies: ["CVRBridge"], path: "Tests/CReader", cSettings: strictC),
    .testTarget(
      name: "SandboxTests", dependencies: ["Imaging", "Sandbox", "TestSupport", "sandbox-probe", "vrbridge"],
      swiftSettings: strict),
    .testTarget(name: "AdmissionTests", dependencies: ["Admission"], swiftSettings: strict),
    .testTarget(
      name: "AuthorisationTests",
      dependencies: [
        "Admission", "Assistant", "Authorisation", "Bridge", "BridgeProtocol", "Dashboard", "Dialogue",
        "FoxgloveServer", "HTTPServer", "Interop", "ModelService", "Sensing", "SessionLog", "TestSupport",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: strict),
    .testTarget(name: "SpatialTests", dependencies: ["Spatial"], swiftSettings: strict),
    .testTarget(
      name: "MCAPTests", dependencies: ["Compression", "Cryptography", "MCAP", "Spatial", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "SessionLogTests",
      dependencies: [
        "Devices", "Diagnostics", "MCAP", "Sensing", "SessionLog", "Spatial", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TrackingPipelineTests",
      dependencies: [
        "CLinux", "DeviceEmulation", "Devices", "Diagnostics", "MCAP", "Sensing", "SessionLog", "Spatial",
        "TestSupport",
        "Tracking", "TrackingPipeline",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SessionToolsTests",
      dependencies: [
        "Devices", "MCAP", "Sensing", "SessionLog", "SessionTools", "Spatial", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(name: "StrictYAMLTests", dependencies: ["StrictYAML"], swiftSettings: strict),
    .testTarget(
      name: "DevicesTests",
      dependencies: [
        "CLinux", "DeviceEmulation", "Devices", "Diagnostics", "Sensing", "Spatial", "StrictYAML",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "InertialTablesTests", dependencies: ["InertialTables", "Spatial", "Tracking"],
      swiftSettings: strict),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Compression", "Evaluation", "Imaging", "InertialTables", "Inference", "Perception", "Sensing",
        "Spatial",
        "TestSupport", "Tracking",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TrackingTests",
      dependencies: ["Tracking", "DeviceEmulation", "Devices", "Sensing", "Spatial", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CamerasTests",
      dependencies: [
        "Admission", "CLinux", "CTurboJPEG", "Cameras", "Imaging", "Sensing", "Spatial",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "InferenceTests",
      dependencies: [
        "CDynamicLibrary", "COnnxRuntime", "COpenVINO", "Inference", "Sandbox", "Spatial", "StrictYAML",
        "TestSupport",
        "Cryptography", "vrbridge",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "HTTPServerTests",
      dependencies: [
        "Admission", "Authorisation", "Compression", "HTTPServer", "Sensing", "Settings", "StrictYAML",
        "TestSupport",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ModelServiceTests",
      dependencies: [
        "Admission", "Authorisation", "CLinux", "HTTPServer", "Imaging", "Inference", "ModelService",
        "Sensing", "TestSupport",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "InferenceClientsTests",
      dependencies: ["Dialogue", "Inference", "InferenceClients", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "PerceptionTests",
      dependencies: [
        "CLinux", "Cameras", "Imaging", "Inference", "Perception", "Sensing", "Spatial", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SpeechTests",
      dependencies: [
        "CSherpaOnnx", "Evaluation", "Inference", "Microphones", "Sensing", "Spatial", "Speech",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "AssistantTests",
      dependencies: [
        "Admission", "Assistant", "Authorisation", "Dialogue", "Inference", "Perception", "Sensing",
        "Spatial", "Speech", "StrictYAML",
        "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "DashboardTests",
      dependencies: [
        "Admission", "Authorisation", "BridgeProtocol", "Cameras", "Dashboard", "HTTPServer", "LiveState",
        "Sensing",
        "SessionLog",
        "Spatial",
        "TestSupport",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "FoxgloveServerTests",
      dependencies: [
        "Admission", "Authorisation", "Cameras", "FoxgloveServer", "HTTPServer", "LiveState", "Sensing",
        "SessionLog",
        "Settings",
        "StrictYAML",
        "TestSupport",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "InteropTests",
      dependencies: [
        "Authorisation", "Interop", "LiveState", "Sensing", "Spatial", "Settings", "StrictYAML",
        "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(name: "DialogueTests", dependencies: ["Dialogue", "Spatial"], swiftSettings: strict),
    .testTarget(
      name: "PairingTests",
      dependencies: ["DeviceEmulation", "Devices", "Pairing", "Sensing", "TestSupport"],
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
        "Admission", "Assistant", "Authorisation", "Bridge", "BridgeClient", "BridgeProtocol", "CLinux",
        "Cameras",
        "DeviceEmulation", "Devices", "Diagnostics", "Dialogue", "Imaging", "Inference", "MCAP", "Perception",
        "Sensing",
        "SessionLog", "SessionTools", "Settings", "Spatial", "Speech", "StrictYAML", "Tracking",
        "TrackingPipeline", "TestSupport", "c-reader", "example-renderer",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Bridge", "BridgeProtocol", "Cameras", "DeviceEmulation", "Devices", "Dialogue", "Evaluation",
        "FoxgloveServer", "Imaging", "InertialTables", "Inference", "InferenceClients", "Interop",
        "MCAP", "ModelService", "Perception", "Sandbox", "Sensing", "SessionLog", "SessionTools", "Spatial",
        "Speech", "Tracking",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      path: "Tests/FuzzTargets", swiftSettings: strict),
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "FuzzTargets", "Cameras", "Cryptography", "DeviceEmulation", "Devices", "Inference", "MCAP",
        "Sensing",
        "SessionLog", "Spatial", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Bridge", "BridgeClient", "BridgeProtocol", "CommandSupport", "Devices", "Diagnostics", "Imaging",
        "MCAP",
        "Perception", "SessionLog", "SessionTools", "Spatial", "TestSupport",
        "vrbridge",
        "vrbridge-eval",
      ],
      swiftSettings: strict),
  ]
)

// scripts/sanitize.sh builds some test targets, with what they depend on and nothing else. Programs that tests start are
// left out: they depend on all modules.
if let names = Context.environment["VRBRIDGE_TEST_TARGETS"] {
  let programs = ["vrbridge", "vrbridge-eval"]
  let all = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.name, $0) })
  var kept: Set<String> = []
  var waiting = names.split(separator: " ").map(String.init)
  while let name = waiting.popLast() {
    guard let target = all[name], kept.insert(name).inserted else { continue }
    target.dependencies.removeAll {
      if case .byNameItem(let other, _) = $0 { programs.contains(other) } else { false }
    }
    for dependency in target.dependencies {
      if case .byNameItem(let other, _) = dependency { waiting.append(other) }
    }
  }
  package.targets.removeAll { !kept.contains($0.name) }
  package.products = []
}
