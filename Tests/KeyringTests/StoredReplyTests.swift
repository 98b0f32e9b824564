import KeyFormat
import RedisClient
import Testing

@testable import Keyring

/// Replies that are not an active record.
struct StoredReplyTests {
    private let example: Example
    private let locator = Example.organization.locator

    init() throws {
        example = try Example()
    }

    private func active(_ reply: RedisReply) throws(RecordFault) -> KeyRecord? {
        try StoredRecord(reply).activeRecord(at: locator, seal: example.seal)
    }

    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    @Test func `an active record is found`() throws {
        #expect(try active(example.stored(Example.active).reply)?.key?.verifier == Example.first)
    }

    @Test func `a missing record is a fault, not a refusal`() {
        #expect(throws: RecordFault.absent) { try active(StoredFields(texts: [:]).reply) }
    }

    @Test func `a record that is not active needs no seal`() throws {
        for state in ["none", "revoked"] {
            var stored = StoredFields(texts: [:])
            stored[.state] = state
            #expect(try active(stored.reply) == nil)
            var altered = example.stored(Example.active)
            altered[.state] = state
            #expect(try active(altered.reply) == nil)
            #expect(altered.fault(example.seal) != nil)
        }
    }

    @Test func `an active record needs a seal`() throws {
        for field in RecordField.allCases {
            var stored = example.stored(Example.replaced)
            let isStored = stored[field] != nil
            stored[field] = nil
            guard isStored else { continue }
            #expect(throws: RecordFault.self) { try active(stored.reply) }
        }
    }

    @Test func `a record without a state is rejected`() {
        var stored = example.stored(Example.active)
        stored[.state] = nil
        #expect(throws: RecordFault.field(.state)) { try active(stored.reply) }
    }

    @Test(arguments: [
        "WRONGTYPE Operation against a key", "NOPERM", "LOADING Redis is loading", "",
    ])
    func `an error of Redis is passed on`(text: String) {
        let reply = RedisReply.error(Array(text.utf8)[...])
        guard let error = reply.failure else { return }
        #expect(throws: RecordFault.unreadable(error)) { try active(reply) }
    }

    @Test func `any other reply is rejected`() {
        let good = RecordField.allCases.map { _ in bulk("x") }
        var replies: [RedisReply] = [
            .status(Array("OK".utf8)[...]), .status([]), .integer(12), .bulk([]), bulk("acme"),
            .null,
            .array([]), .array(good.dropLast()), .array(good + [.null]), .array([.array(good)]),
        ]
        for index in good.indices {
            let strangers: [RedisReply] = [
                .integer(1), .array([]), .status([]), .error([]), .array([bulk("x")]),
            ]
            for stranger in strangers {
                var elements = good
                elements[index] = stranger
                replies.append(.array(elements))
            }
        }
        for reply in replies {
            #expect(throws: RecordFault.unexpectedReply) { try active(reply) }
        }
    }

    @Test func `no fault contains a value of the record`() {
        let faults: [RecordFault] =
            RecordField.allCases.map { .field($0) } + [.misplaced, .seal, .unexpectedReply]
        for fault in faults {
            #expect(!"\(fault)".isEmpty)
            #expect(!"\(fault)".contains("1111"))
        }
    }
}
