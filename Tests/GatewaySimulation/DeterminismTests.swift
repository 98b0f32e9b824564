import Foundation
import Testing

/// A seed decides everything: no order of a set, no clock and no address does.
struct DeterminismTests {
    private static let isChild = ProcessInfo.processInfo.environment["FINGERPRINTS"] != nil

    /// Two worlds of each kind.
    private static func fingerprints() throws -> [String] {
        try Mix.allCases.flatMap { mix in
            try (0..<2 as Range<UInt64>).map { seed in
                let world = try World(Scenario(seed: seed, mix: mix))
                world.run()
                return "\(mix) \(seed): \(world.timeline.fingerprint)"
            }
        }
    }

    @Test(.enabled(if: isChild))
    func `worlds print their fingerprints`() throws {
        for line in try Self.fingerprints() { print("world", line) }
    }

    @Test(.enabled(if: !isChild && Seeds.number("SEED") == nil))
    func `the same seed makes the same world in another process, where sets have another order`()
        throws
    {
        let (child, output) = (Process(), Foundation.Pipe())
        child.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        child.arguments = [
            "--testing-library", "swift-testing", "--filter", "worlds print their fingerprints",
        ]
        child.environment = ProcessInfo.processInfo.environment.merging(["FINGERPRINTS": "1"]) {
            $1
        }
        child.standardOutput = output
        try child.run()
        let own = try Self.fingerprints()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        child.waitUntilExit()
        let theirs = String(decoding: printed, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("world ") }
        #expect(theirs.map { String($0.dropFirst(6)) } == own)
    }
}
