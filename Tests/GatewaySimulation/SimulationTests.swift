import Foundation
import Testing

/// The real gatekeeper and the real procedure of a change, in worlds where anything may go wrong.
struct SimulationTests {
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `every promise holds in every world`(part: UInt64) throws {
        var allowed = 0
        for seed in stride(from: part, to: 2000, by: 4) {
            let world = try World(Scenario(seed: seed))
            world.run()
            allowed += world.judge.allowedCount
            if let violation = world.timeline.story.violation {
                Issue.record("seed \(seed): \(violation)")
                return
            }
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["SEED"] != nil))
    func `a single world is told`() throws {
        let seed = UInt64(ProcessInfo.processInfo.environment["SEED"] ?? "") ?? 0
        let story = Story(isTold: true, linesMax: 100_000)
        let world = try World(Scenario(seed: seed), story: story)
        world.run()
        print(story.text)
        #expect(story.violation == nil)
    }
}
