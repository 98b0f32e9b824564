import Foundation
import Testing

/// The real gatekeeper and the real procedure of a change, in worlds with any kind of fault.
///
/// The environment selects the worlds: `SEEDS=n` runs n of them, `MIX=` limits the kinds of faults, and
/// `SEED=n` runs one and prints its whole story, with the flaw that `FLAW=` names.
struct SimulationTests {
    private static let partsCount: UInt64 = 8
    private static let count = Seeds.number("SEEDS") ?? 2000

    @Test(.enabled(if: Seeds.number("SEED") == nil), arguments: 0..<partsCount)
    func `every promise holds in every world`(part: UInt64) throws {
        let seeds = stride(from: part, to: Self.count, by: Int(Self.partsCount))
        let counts = try judge(seeds, Seeds.mix)
        if Seeds.mix == nil { #expect(counts.isComplete, "\(counts)") }
    }

    @Test(
        .enabled(if: Seeds.number("SEED") == nil && Seeds.mix == nil),
        arguments: [Mix.failovers, .twoCopies],
        0..<partsCount
    )
    func `every promise holds in every world where primaries fail`(mix: Mix, part: UInt64) throws {
        let seeds = stride(from: part, to: Self.count / 8, by: Int(Self.partsCount))
        let counts = try judge(seeds, mix)
        #expect(counts.hasFailovers, "\(counts)")
    }

    @Test(
        .enabled(if: Seeds.number("SEED") == nil && Seeds.mix == nil),
        arguments: Mix.ofClusters
    )
    func `every promise holds in every world with a cluster`(mix: Mix) throws {
        let counts = try judge(0..<Self.count / 100, mix)
        #expect(counts.hasFailovers, "\(counts)")
    }

    /// Runs worlds, until a promise is broken in one.
    private func judge(_ seeds: some Sequence<UInt64>, _ mix: Mix?) throws -> Judge.Counts {
        var counts = Judge.Counts()
        for seed in seeds {
            let world = try World(Scenario(seed: seed, mix: mix))
            world.run()
            counts += world.judge.counts
            guard let violation = world.timeline.story.violation else { continue }
            let kind = mix.map { "\($0), " } ?? ""
            Issue.record("\(kind)seed \(seed): \(violation)\n\(try Seeds.story(of: seed, mix))")
            break
        }
        return counts
    }

    @Test(.enabled(if: Seeds.number("SEED") != nil))
    func `one world prints its story`() throws {
        let seed = try #require(Seeds.number("SEED"))
        let story = Story(isRecorded: true, linesMax: .max / 2)
        let scenario = Scenario(seed: seed, flaw: Seeds.flaw, mix: Seeds.mix)
        let world = try World(scenario, story: story, flaw: Seeds.flaw)
        world.run()
        print(story.text)
        #expect(story.violation == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `the same seed makes the same world`(seed: UInt64) throws {
        let worlds = try (0..<2).map { _ in try World(Scenario(seed: seed)) }
        for world in worlds { world.run() }
        #expect(worlds[0].timeline.fingerprint == worlds[1].timeline.fingerprint)
    }
}

/// The worlds that the environment selects.
enum Seeds {
    static func number(_ name: String) -> UInt64? {
        text(name).flatMap { UInt64($0) }
    }

    /// The kinds of faults in all worlds; `nil` if each world draws its own.
    static var mix: Mix? { text("MIX").flatMap { Mix(rawValue: $0) } }

    /// The flaw of all worlds.
    static var flaw: Flaw? { text("FLAW").flatMap { Flaw(named: $0) } }

    private static func text(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name]
    }

    /// The end of a world's story.
    static func story(of seed: UInt64, _ mix: Mix? = mix) throws -> String {
        let story = Story(isRecorded: true, linesMax: 60)
        try World(Scenario(seed: seed, mix: mix), story: story).run()
        return story.text
    }
}
