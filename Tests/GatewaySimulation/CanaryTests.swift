import Testing

@testable import Gateway

/// A simulation that finds nothing proves nothing: what is left out or done wrong has to be found, by
/// the judge of all other worlds.
struct CanaryTests {
    private static let seedsMax: UInt64 = 3000

    #if CANARIES
        /// What nobody can see, because other obligations make up for it. What is kept while no
        /// changes are told, or while the fleet does not know of the worker, is forgotten when they
        /// are told again, and when it does (`emptyCacheOnTracking`,
        /// `emptyCacheOnJoin`); reads under way are overtaken then
        /// (`readAfterTracking`). Until then nothing counts that the lease does not cover (`lease`).
        private static let unseen: Set<Flaw> = [.omission(.cachedOnlyWhileTracking)]
    #else
        private static let unseen: Set<Flaw> = []
    #endif

    @Test(
        .enabled(if: Seeds.number("SEED") == nil),
        arguments: Seeds.flaw.map { [$0] } ?? Flaw.all.filter { !unseen.contains($0) }
    )
    func `what is left out or done wrong is found`(flaw: Flaw) throws {
        for seed in 0..<Self.seedsMax {
            let world = try World(Scenario(seed: seed, flaw: flaw), flaw: flaw)
            world.run()
            guard let violation = world.timeline.story.violation else { continue }
            print("\(flaw.name): found in \(seed + 1) worlds: \(violation)")
            let sound = try World(Scenario(seed: seed, flaw: flaw))
            sound.run()
            #expect(sound.timeline.story.violation == nil)
            return
        }
        Issue.record("\(flaw.name) was not found in \(Self.seedsMax) worlds")
    }
}
