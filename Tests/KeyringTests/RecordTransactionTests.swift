import RedisClient
import Testing

@testable import Keyring

/// The replies to a transaction of two records and a signal.
struct RecordTransactionTests {
    private let transaction: RecordTransaction
    private static let queued = RedisReply.status(Array("QUEUED".utf8)[...])
    private static let ok = RedisReply.status(Array("OK".utf8)[...])

    /// What EXEC replies if all is well: three commands for each record, two for its audit, and the two
    /// of the signal.
    private static let good: [RedisReply] = [
        .integer(3), .integer(0), .integer(2), .integer(1), ok,
        .integer(3), .integer(0), .integer(2), .integer(7), ok, ok, .integer(1),
    ]

    init() throws {
        let example = try Example()
        let audit = AuditEntry(
            .revoke,
            by: Example.owner,
            account: Example.owner,
            at: UnixTime(milliseconds: 0)
        )
        let write = RecordWrite(Example.revoked, seal: example.seal, audit: audit)
        var generator = SystemRandomNumberGenerator()
        let id = SignalID(at: UnixTime(milliseconds: 0), using: &generator)
        transaction = RecordTransaction(
            [write, write],
            signal: Signal(.barrier, about: Example.organization.locator, id: id)
        )
    }

    private static func error(_ text: String) -> RedisReply { .error(Array(text.utf8)[...]) }

    private static func fault(_ text: String) -> RedisError { RedisError(text) }

    private static let denied = "NOPERM ACLs rules changed between the moment the transaction was"

    /// The outcome if EXEC replies this.
    private func outcome(_ exec: RedisReply) -> RecordTransaction.Outcome {
        let queued = [RedisReply](repeating: Self.queued, count: Self.good.count)
        return transaction.outcome(queued + [exec])
    }

    /// The outcome if EXEC replies an error instead of some good replies.
    private func outcome(denied indices: Int...) -> RecordTransaction.Outcome {
        var replies = Self.good
        for index in indices { replies[index] = Self.error(Self.denied) }
        return outcome(.array(replies))
    }

    private func written(_ audits: [RedisError?], _ signal: RedisError?)
        -> RecordTransaction.Outcome
    {
        .written(.init(audits: audits, signal: signal))
    }

    @Test func `the signal comes after the records, and EXEC after the signal`() {
        let names = transaction.commands.map { $0.texts[0] }
        let record = ["HINCRBY", "HSET", "HDEL", "RPUSH", "LTRIM"]
        #expect(names == record + record + ["SET", "DEL", "EXEC"])
    }

    @Test func `good replies are a written transaction`() {
        #expect(outcome(.array(Self.good)) == written([nil, nil], nil))
    }

    @Test(arguments: [[0], [1], [2], [5, 6], [0, 1, 2]])
    func `a record that was written in part is unknown`(indices: [Int]) {
        var replies = Self.good
        for index in indices { replies[index] = Self.error(Self.denied) }
        #expect(outcome(.array(replies)) == .unknown(Self.fault(Self.denied).message))
    }

    @Test func `a transaction of which nothing was written was refused`() {
        let outcome = outcome(denied: 0, 1, 2, 5, 6, 7)
        #expect(outcome == .refused(Self.fault(Self.denied)))
    }

    @Test func `an audit that was refused concerns its record alone`() {
        let fault = Self.fault(Self.denied)
        #expect(outcome(denied: 3) == written([fault, nil], nil))
        #expect(outcome(denied: 9) == written([nil, fault], nil))
    }

    @Test(arguments: [10, 11])
    func `a signal that was refused leaves the records written`(index: Int) {
        #expect(outcome(denied: index) == written([nil, nil], Self.fault(Self.denied)))
    }

    @Test func `an unexpected version is unknown`() {
        var replies = Self.good
        replies[5] = .integer(4)
        #expect(outcome(.array(replies)) == .unknown("the record has an unexpected version"))
    }

    @Test func `anything else that EXEC replies is unknown`() {
        let unexpected = RecordTransaction.Outcome.unknown("the store sent an unexpected reply")
        let others: [RedisReply] = [
            .array([]), .array(Self.good.dropLast()), .array(Self.good + [.integer(1)]),
            .integer(3), Self.ok, .bulk([]),
        ]
        for other in others { #expect(outcome(other) == unexpected) }
        #expect(transaction.outcome([]) == unexpected)
    }

    @Test func `a record that was changed before is a conflict`() {
        #expect(outcome(.null) == .conflict)
    }

    @Test func `a transaction that was refused says why`() {
        let text = "EXECABORT Transaction discarded because of: OOM command not allowed"
        #expect(outcome(Self.error(text)) == .refused(Self.fault(text)))
        #expect(Self.fault(text).isOutOfMemory)
        #expect(Self.fault("OOM command not allowed").isOutOfMemory)
        #expect(!Self.fault("NOPERM ROOMS").isOutOfMemory)
    }

    @Test func `what was refused when it was queued says why`() {
        var replies = [RedisReply](repeating: Self.queued, count: Self.good.count)
        replies.append(Self.error("EXECABORT Transaction discarded because of previous errors."))
        replies[10] = Self.error(Self.denied)
        #expect(transaction.outcome(replies) == .signalRefused)
        replies[10] = Self.queued
        replies[11] = Self.error(Self.denied)
        #expect(transaction.outcome(replies) == .signalRefused)
        replies[4] = Self.error("OOM command not allowed")
        #expect(transaction.outcome(replies) == .refused(Self.fault("OOM command not allowed")))
    }
}
