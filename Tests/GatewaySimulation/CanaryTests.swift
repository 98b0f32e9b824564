import Foundation
import Testing

/// A simulation that finds nothing proves nothing: each flaw has to be found.
struct CanaryTests {
    private static let seedsMax: UInt64 = 3000

    @Test(.enabled(if: Seeds.number("SEED") == nil), arguments: Flaw.all.filter { f in ProcessInfo.processInfo.environment["FLAW"].map { f.name == $0 } ?? true })
    func `what is left out is found`(flaw: Flaw) throws {
        for seed in 0..<Self.seedsMax {
            let control = ProcessInfo.processInfo.environment["CONTROL"] != nil
            let world = try World(Scenario(seed: seed, flaw: flaw), flaw: control ? nil : flaw)
            world.run()
            if let violation = world.timeline.story.violation {
                print("\(flaw.name): found by seed \(seed): \(violation)")
                return
            }
        }
        Issue.record("\(flaw.name) was not found in \(Self.seedsMax) worlds")
    }
}
