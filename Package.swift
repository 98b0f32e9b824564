// swift-tools-version: 6.3
import PackageDescription

/// All addresses are looked up at the start, and then nobody can write to them.
let bindNow = ["-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now"]

/// The library must be loadable where no Swift is installed, and show nothing but its C interface.
let selfContained: [LinkerSetting] = [
    .unsafeFlags(bindNow),
    .unsafeFlags([
        "-static-stdlib", "-use-ld=lld",
        "-Xlinker", "--gc-sections",
        "-Xlinker", "-soname", "-Xlinker", "liblatchkey.so.8",
        "-Xlinker", "--version-script=\(Context.packageDirectory)/CBridge/abi/exports.map",
    ]),
]

/// What the library is made of has been run with checks of exclusive access in every test: a release
/// does without them, because they are a good part of what a check of a key costs. Nor is anything
/// called across modules that can be looked at in place.
let fastRelease: SwiftSetting = .unsafeFlags(
    ["-enforce-exclusivity=unchecked", "-cross-module-optimization"],
    .when(configuration: .release)
)

/// Tests run thousands of simulated worlds: what those are made of is optimized for them too, with
/// every check left in. A module at a time compiles sooner than its files one by one.
let fast = ["-O", "-whole-module-optimization", "-num-threads", "2", "-disable-batch-mode"]
let fastTests: SwiftSetting = .unsafeFlags(fast, .when(configuration: .debug))

let optimized = [fastRelease, fastTests]

let package = Package(
    name: "latchkey",
    products: [
        .library(name: "LatchkeyABI", type: .dynamic, targets: ["LatchkeyABI"]),
        .executable(name: "latchkey", targets: ["latchkey"]),
        .executable(name: "latchkey-console", targets: ["latchkey-console"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            exact: "2.28.1",
            traits: []
        ),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
    ],
    targets: [
        .systemLibrary(name: "CLibcrypto", path: "CBridge/modulemaps/libcrypto"),
        .systemLibrary(name: "CHiredis", path: "CBridge/modulemaps/hiredis"),
        .systemLibrary(name: "CLibssl", path: "CBridge/modulemaps/libssl"),
        .systemLibrary(name: "CLinux", path: "CBridge/modulemaps/linux"),
        .systemLibrary(name: "CLatchkeyABI", path: "CBridge/abi"),

        .target(
            name: "KeyFormat",
            dependencies: ["CLibcrypto"],
            exclude: ["Documentation.md"],
            swiftSettings: optimized
        ),
        .target(
            name: "RedisClient",
            dependencies: [
                "CHiredis", .product(name: "DequeModule", package: "swift-collections"),
            ],
            exclude: ["Documentation.md"],
            swiftSettings: optimized
        ),
        .target(
            name: "Keyring",
            dependencies: ["KeyFormat", "RedisClient"],
            exclude: ["Documentation.md"],
            swiftSettings: optimized
        ),
        .target(
            name: "Gateway",
            dependencies: ["Keyring", .product(name: "DequeModule", package: "swift-collections")],
            exclude: ["Documentation.md"],
            // Lets the simulation leave obligations out. No build that is installed has it.
            swiftSettings: [.define("CANARIES", .when(configuration: .debug))] + optimized
        ),
        .target(
            name: "LatchkeyABI",
            dependencies: ["CLatchkeyABI", "Gateway"],
            exclude: ["Documentation.md"],
            swiftSettings: optimized,
            linkerSettings: selfContained
        ),
        .target(
            name: "Administration",
            dependencies: ["CLibssl", "Keyring"],
            exclude: ["Documentation.md"],
            swiftSettings: [fastTests]
        ),
        .executableTarget(
            name: "latchkey",
            dependencies: [
                "Administration",
                "CLinux",
                "CLatchkeyABI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["Documentation.md"],
            linkerSettings: [.unsafeFlags(bindNow)]
        ),
        .target(
            name: "ConsoleCore",
            dependencies: ["Administration"],
            exclude: ["Documentation.md"],
            resources: [
                .embedInCode("Assets/console.css"), .embedInCode("Assets/console.js"),
                .embedInCode("Assets/key.svg"), .embedInCode("Assets/openapi.json"),
            ]
        ),
        .executableTarget(
            name: "latchkey-console",
            dependencies: [
                "CLinux",
                "ConsoleCore",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Documentation.md"],
            linkerSettings: [.unsafeFlags(bindNow + ["-use-ld=lld", "-Xlinker", "--gc-sections"])]
        ),

        .executableTarget(
            name: "latchkey-fuzz",
            dependencies: ["KeyFormat", "RedisClient", "Keyring", "Gateway", "TestSupport"],
            path: "Tests/Fuzz"
        ),
        .target(
            name: "TestSupport",
            dependencies: ["KeyFormat"],
            path: "Tests/TestSupport",
            // The simulation draws its numbers and reads its commands here.
            swiftSettings: [.unsafeFlags(fast)]
        ),
        .testTarget(
            name: "KeyFormatTests",
            dependencies: ["KeyFormat", "TestSupport"],
            exclude: ["README.md", "make_vectors.py"],
            resources: [.copy("vectors.json")]
        ),
        .testTarget(name: "RedisClientTests", dependencies: ["RedisClient", "TestSupport"]),
        .testTarget(name: "KeyringTests", dependencies: ["Keyring", "TestSupport"]),
        .testTarget(name: "GatewayTests", dependencies: ["Gateway", "TestSupport"]),
        .testTarget(
            name: "GatewaySimulation",
            dependencies: [
                "Gateway",
                "Administration",
                "TestSupport",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            // Worlds are many: they are fast in every build.
            swiftSettings: [
                .define("CANARIES", .when(configuration: .debug)), .unsafeFlags(fast),
            ]
        ),
        .testTarget(
            name: "AdministrationTests",
            dependencies: ["Administration", "TestSupport", "latchkey"]
        ),
        .testTarget(name: "ConsoleCoreTests", dependencies: ["ConsoleCore", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
