import RedisClient
import Testing

@testable import Administration

/// Which server is the primary, from what three sentinels say.
struct PrimaryVerdictTests {
    private typealias Word = SimulatedSentinels.Word
    private typealias Answer = SimulatedSentinels.Answer

    private func verdict(_ answers: Answer...) throws -> NamedPrimary {
        guard case .sentinel(let url) = try Topology(SimulatedSentinels.configuration) else {
            throw StoreURL.Fault.unknownScheme
        }
        return try PrimaryVerdict(url, answers.map(SentinelAnswer.init)).primary()
    }

    /// The server that is the primary; `nil` if that is disputed.
    private func primary(_ answers: Answer...) throws -> String? {
        guard case .sentinel(let url) = try Topology(SimulatedSentinels.configuration) else {
            throw StoreURL.Fault.unknownScheme
        }
        let verdict = PrimaryVerdict(url, answers.map(SentinelAnswer.init))
        return (try? verdict.primary()).map { "\($0.primary.address)" }
    }

    private let one = Word(1).answer
    private let two = Word(2).answer

    @Test func `a majority of all that are configured names the primary`() throws {
        #expect(try primary(one, one, one) == "10.0.0.1:6379")
        #expect(try primary(one, two, one) == "10.0.0.1:6379")
        #expect(try primary(SimulatedSentinels.silent, two, two) == "10.0.0.2:6379")
        #expect(try primary(SimulatedSentinels.refusing, two, two) == "10.0.0.2:6379")
    }

    @Test func `a minority names nobody, even if it is all that answers`() throws {
        #expect(try primary(one, SimulatedSentinels.silent, SimulatedSentinels.silent) == nil)
        #expect(try primary(one, two, SimulatedSentinels.silent) == nil)
        #expect(try primary(one, two, Word(3).answer) == nil)
    }

    @Test func `answers of different configurations do not add up`() throws {
        let later = Word(1, epoch: 3).answer
        #expect(try primary(one, later, SimulatedSentinels.silent) == nil)
        #expect(try primary(later, later, SimulatedSentinels.silent) == "10.0.0.1:6379")
    }

    @Test(arguments: ["s_down,master", "s_down,o_down,master", "master,disconnected"])
    func `a sentinel that does not reach the server does not count`(flags: String) throws {
        let down = Word(1, flags: flags).answer
        #expect(try primary(one, one, down) == "10.0.0.1:6379")
        #expect(try primary(one, down, down) == nil)
        #expect(try primary(one, down, SimulatedSentinels.silent) == nil)
    }

    @Test(arguments: ["master,failover_in_progress", "master,force_failover"])
    func `a single sentinel that conducts a failover contradicts all`(flags: String) throws {
        #expect(try primary(one, one, Word(1, flags: flags).answer) == nil)
    }

    @Test func `a single sentinel with a later configuration contradicts all`() throws {
        #expect(try primary(one, one, Word(2, epoch: 2).answer) == nil)
        #expect(try primary(one, one, Word(1, epoch: 2).answer) == nil)
        #expect(try primary(two, two, Word(2, epoch: 0).answer) == "10.0.0.2:6379")
        #expect(try primary(two, two, Word(1, epoch: 0).answer) == "10.0.0.2:6379")
    }

    @Test func `names and nonsense name nobody`() throws {
        var word = Word(1)
        word.address = "redis.example"
        #expect(try primary(word.answer, word.answer, word.answer) == nil)
        word = Word(1)
        word.epoch = "x"
        #expect(try primary(word.answer, word.answer, word.answer) == nil)
        let empty = Answer.success([.array([])])
        #expect(try primary(empty, empty, empty) == nil)
        #expect(try primary(.success([]), .success([.null]), .success([.integer(1)])) == nil)
    }

    @Test func `the most replicas that one of the majority knows are all`() throws {
        let few = Word(1, replicas: 1).answer
        let other = Word(2, replicas: 9).answer
        #expect(try verdict(few, one, few).replicaCount == 2)
        #expect(try verdict(one, one, other).replicaCount == 2)
        var huge = Word(1)
        huge.replicas = "18446744073709551615"
        #expect(try verdict(huge.answer, one, one).replicaCount > 2)
        huge.replicas = "-1"
        #expect(try verdict(huge.answer, huge.answer, huge.answer).replicaCount == 0)
    }

    @Test func `whoever has copied the data once is no replica`() throws {
        var word = Word(1, replicas: 3)
        word.ghosts = 1
        #expect(try verdict(word.answer, word.answer, one).replicaCount == 2)
        word.isOpen = false
        #expect(try verdict(word.answer, word.answer, one).replicaCount == 3)
    }

    @Test func `what keeps a majority from answering is final if it is a refusal`() throws {
        let refusing = SimulatedSentinels.refusing
        let refusal = #expect(throws: PrimarySearch.Dispute.self) {
            try verdict(refusing, refusing, one)
        }
        #expect(refusal?.isRefusal == true)
        let dispute = #expect(throws: PrimarySearch.Dispute.self) {
            try verdict(refusing, SimulatedSentinels.silent, one)
        }
        #expect(dispute?.isRefusal == false)
        #expect(
            dispute?.text
                == "the sentinels do not agree on the primary of main (10.0.1.1:26379: refused: NOPERM no "
                + "permission; 10.0.1.2:26379: it is down; 10.0.1.3:26379: 10.0.0.1:6379)"
        )
    }
}
