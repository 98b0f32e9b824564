import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct SignalIDTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)

    private var id: SignalID { id(at: now) }

    private func id(at time: UnixTime) -> SignalID {
        var generator = SystemRandomNumberGenerator()
        return SignalID(at: time, using: &generator)
    }

    private func parsed(_ text: String) -> SignalID? { SignalID(ArraySlice(text.utf8)) }

    @Test func `an ID is parsed as it was sent, and is unique`() {
        let sent = id
        #expect(SignalID(sent.digits[...]) == sent)
        #expect(sent != id)
    }

    @Test func `an ID begins with its time in milliseconds since 1970`() {
        #expect(id.digits.starts(with: "01a0c4506c00".utf8))
        #expect(id.digits.count == SignalID.length)
        #expect(Set((0..<100).map { _ in id.digits.suffix(20) }).count == 100)
    }

    @Test func `an ID has an age that is never negative`() {
        #expect(id.ageMilliseconds(at: now) == 0)
        #expect(id.ageMilliseconds(at: now.advanced(byMilliseconds: 1234)) == 1234)
        #expect(id(at: now.advanced(byMilliseconds: 1234)).ageMilliseconds(at: now) == 0)
    }

    @Test func `an ID with an impossible time has no age`() {
        let later = now.advanced(byMilliseconds: 3_600_000)
        #expect(id.ageMilliseconds(at: later) == nil)
        #expect(id(at: later).ageMilliseconds(at: now) == nil)
        for text in [String(repeating: "0", count: 32), String(repeating: "f", count: 32)] {
            #expect(parsed(text)?.ageMilliseconds(at: now) == nil)
            #expect(parsed(text)?.ageMilliseconds(at: UnixTime(milliseconds: .min)) == nil)
        }
        for time in [Int64.min, -1, .max] { _ = id(at: UnixTime(milliseconds: time)) }
    }

    @Test(arguments: [
        "", "0", String(repeating: "g", count: 32), String(repeating: "0", count: 31),
        String(repeating: "0", count: 33), String(repeating: "é", count: 16),
    ])
    func `anything else is not an ID`(text: String) {
        #expect(parsed(text) == nil)
    }
}

struct SignalTests {
    private let acme = Organization("acme")!.locator
    private let digits = String(repeating: "0123456789abcdef", count: 2)

    private func signal(_ kind: Signal.Kind = .barrier) -> Signal {
        Signal(kind, about: acme, id: SignalID(ArraySlice(digits.utf8))!)
    }

    private func parsed(_ key: String) -> Signal? {
        guard case .signal(let signal) = TrackedKey(ArraySlice(("xx" + key).utf8).dropFirst(2))
        else { return nil }
        return signal
    }

    @Test func `a signal sets and deletes a key of the tracked names, in a transaction`() {
        let key = "latchkey:record:{\(acme)}:\(digits)"
        #expect(
            signal().transaction.map(\.texts) == [
                ["MULTI"], ["SET", key, ""], ["DEL", key], ["EXEC"],
            ]
        )
        #expect(signal().commands.map(\.texts) == [["SET", key, ""], ["DEL", key]])
        #expect(signal(.flush).commands[0].texts[1] == "latchkey:record:{\(acme)}:?\(digits)")
        #expect(key.hasPrefix(TrackedKey.prefix))
    }

    @Test func `without a transaction the key of a signal expires`() {
        let key = "latchkey:record:{\(acme)}:?\(digits)"
        #expect(
            signal(.flush).separateCommands.map(\.texts) == [
                ["SET", key, "", "PX", "1000"], ["DEL", key],
            ]
        )
    }

    @Test func `a signal is read as it was sent`() {
        for kind in [Signal.Kind.barrier, .flush] {
            #expect(parsed(signal(kind).commands[0].texts[1]) == signal(kind))
        }
    }

    @Test func `the record itself is tracked, too`() {
        guard case .record(let locator) = TrackedKey(Keyspace.record(acme)[...]) else {
            Issue.record("it is not a record")
            return
        }
        #expect(locator == acme)
    }

    @Test func `any other name is neither a record nor a signal`() {
        let record = "latchkey:record:{\(acme)}"
        for key in [
            "", ":", "latchkey:record:", record + ":", record + digits, record + ":!" + digits,
            record + "?:" + digits, record + "::" + digits, record + ":??" + digits,
            record + ":" + digits.dropLast(), record + ":" + digits + "0",
            record + ":?" + digits.dropLast() + "g", "latchkey:audit:{\(acme)}::" + digits,
            "latchkey:record:{\("\(acme)".dropLast())-}:" + digits,
            String(repeating: "x", count: 64),
            String(repeating: "\u{0}", count: 65), String(repeating: "x", count: 10_000),
        ] { #expect(TrackedKey(ArraySlice(key.utf8)) == nil, "\(key)") }
    }

    @Test func `a truncated or altered signal is none, at every byte`() {
        let key = Array(signal(.flush).commands[0].texts[1].utf8)
        for count in key.indices { #expect(Signal(key: key[..<count]) == nil) }
        for index in key.indices {
            var altered = key
            altered[index] = 0xFF
            #expect(Signal(key: altered[...]) == nil)
        }
    }

    @Test func `a worker acknowledges under its own ID, for a limited time`() {
        let list = "latchkey:ack:{\(acme)}:\(digits)"
        #expect(
            signal().acknowledge(by: .init(1)).map(\.texts) == [
                ["RPUSH", list, "0000000000000001"], ["EXPIRE", list, "60"],
            ]
        )
    }

    @Test func `acknowledgements are awaited and popped`() {
        let list = "latchkey:ack:{\(acme)}:\(digits)"
        #expect(
            signal().awaitAcknowledgement(milliseconds: 1050).texts == ["BLPOP", list, "1.050"]
        )
        #expect(
            signal().awaitAcknowledgement(milliseconds: .max).texts[2] == "18446744073709551.615"
        )
        #expect(signal().popAcknowledgements.texts == ["LPOP", list, "1000"])
    }

    @Test func `only worker IDs are acknowledgements`() {
        let list = "latchkey:ack:{\(acme)}:\(digits)"
        let reply = RedisReply.array([
            .text(list), .text("0000000000000001"), .text("no name"), .text(""), .null,
            .bulk([0xFF, 0xFE]), .integer(7), .text(String(repeating: "a", count: 65)),
        ])
        #expect(signal().acknowledgements(reply) == [.init(1)])
        for reply in [RedisReply.null, .array([]), .text("0000000000000001"), .integer(1)] {
            #expect(signal().acknowledgements(reply).isEmpty)
        }
    }
}

struct RecordNameTests {
    private let acme = Organization("acme")!.locator

    @Test func `the key of a record contains its locator`() {
        let key = "latchkey:record:{\(acme)}"
        #expect(Keyspace.locator(ofRecord: ArraySlice(key.utf8)) == acme)
        #expect(Keyspace.locator(ofRecord: ArraySlice(("xx" + key).utf8).dropFirst(2)) == acme)
    }

    @Test(arguments: [
        "", "latchkey:record:", "latchkey:record:{}", "latchkey:record:{R7MHCgA7bVutv6",
        "latchkey:record:{R7MHCgA7bVutv6}}", "latchkey:record:[R7MHCgA7bVutv6]",
        "latchkey:record:{R7MHCgA7bVut-6}", "latchkey:audit:{R7MHCgA7bVutv6} ",
    ])
    func `other keys contain no locator`(key: String) {
        #expect(Keyspace.locator(ofRecord: ArraySlice(key.utf8)) == nil)
    }
}
