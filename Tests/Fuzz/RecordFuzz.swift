import KeyFormat
import Keyring
import RedisClient
import TestSupport

/// Records: only sealed records are accepted, and only at their own locator.
struct RecordFuzz: FuzzTarget {
    private typealias Fields = [[UInt8]?]

    private let seal: RecordSeal
    private let organization = Organization("acme")!
    private var sealed: [Fields] = []
    private var foreign: [Fields] = []
    private var believed = 0
    private var refused = 0
    private var withoutKey = 0
    private let mutations = Mutations(words: [
        "active", "revoked", "none", "acme", "alice", "0", "-1", "9", "00", "\0", "\n", " ",
        "\u{e9}",
        "18446744073709551616", "253402300800000",
        "00000000000000000000000000000000000000000000000000",
    ])

    init() throws {
        var random = SplitMix64(seed: 2)
        let pepper = hexadecimal(random.bytes(count: 32))
        seal = RecordSeal(peppers: try PepperRing(contents: SecretBytes(copying: pepper.span)))
        sealed = history(of: organization, &random)
        foreign = history(of: Organization("umbrella")!, &random)
    }

    var outcomes: [Int] { [believed, refused, withoutKey] }

    var tally: String { "\(believed) believed, \(refused) refused, \(withoutKey) without a key" }

    mutating func run(_ random: inout SplitMix64) throws {
        let original = random.element(random.once(in: 10) ? foreign : sealed)
        var fields = original
        for _ in 0..<random.below(4) { alter(&fields, &random) }
        let reply = RedisReply.array(fields.map { $0.map { .bulk($0[...]) } ?? .null })
        if random.once(in: 20) { return try feedStranger(reply, &random) }
        try check(fields, try StoredRecord(reply))
    }

    private mutating func check(_ fields: Fields, _ stored: StoredRecord) throws {
        let input = Array(fields.map { $0 ?? Array("-".utf8) }.joined(separator: [0x7C]))
        let isSealed = sealed.contains { matches($0, fields) }
        let isActive =
            fields[RecordField.state.rawValue].map { $0.elementsEqual("active".utf8) } ?? false
        do {
            _ = try stored.record(at: organization.locator, seal: seal)
            guard isSealed else {
                throw Violation("a record that was never sealed is accepted", input)
            }
            believed += 1
        } catch is RecordFault {
            guard !isSealed else { throw Violation("a sealed record is rejected", input) }
            refused += 1
        }
        do {
            let record = try stored.activeRecord(at: organization.locator, seal: seal)
            guard record == nil || isSealed && isActive else {
                throw Violation("a key that was never sealed is accepted", input)
            }
            if record == nil { withoutKey += 1 }
            guard record != nil || !isActive else {
                throw Violation("an active record is ignored", input)
            }
        } catch is RecordFault {
            guard !isSealed else { throw Violation("a sealed record is rejected", input) }
        }
    }

    /// Replies that are not a record.
    private func feedStranger(_ reply: RedisReply, _ random: inout SplitMix64) throws {
        guard case .array(var elements) = reply else { return }
        let strangers: [RedisReply] = [
            .integer(1), .null, .array(elements), .status([]), .error([]), .bulk([]),
        ]
        switch random.below(3) {
        case 0: elements.removeLast(1 + random.below(elements.count))
        case 1: elements.append(random.element(strangers))
        default:
            guard
                (try? StoredRecord(random.element(strangers.filter { $0 != reply && !isArray($0) })))
                    == nil
            else { throw Violation("a reply that is not an array is a record", []) }
            return
        }
        guard (try? StoredRecord(.array(elements))) == nil else {
            throw Violation("a reply of another length is a record", [])
        }
    }

    private func isArray(_ reply: RedisReply) -> Bool {
        if case .array = reply { true } else { false }
    }

    // MARK: Inputs

    /// All versions of a record since its registration.
    private func history(of organization: Organization, _ random: inout SplitMix64) -> [Fields] {
        let owner = Principal("alice")!
        var record = KeyRecord(organization: organization, owner: owner)
        var history = [record]
        for index in 0..<20 {
            let now = UnixTime(milliseconds: 1_790_000_000_000 + Int64(index))
            if index % 5 == 4 {
                record = record.revokingKey(at: now)
            } else {
                let verifier = Verifier(hexadecimal: hexadecimal(random.bytes(count: 24)).span)!
                let expiry = index % 2 == 0 ? nil : now.advanced(byMilliseconds: 90 * 86_400_000)
                let key = KeyRecord.Key(
                    verifier: verifier,
                    createdAt: now,
                    createdBy: owner,
                    expiresAt: expiry
                )
                record = record.replacingKey(
                    with: key,
                    graceMilliseconds: index % 3 == 0 ? 600_000 : 0
                )
            }
            history.append(record)
        }
        return history.map { storedFields($0, seal) }
    }

    private func alter(_ fields: inout Fields, _ random: inout SplitMix64) {
        let place = random.below(fields.count)
        switch random.below(6) {
        case 0: fields[place] = nil
        case 1: fields[place] = random.element(sealed)[place]
        case 2: fields[place] = random.element(foreign)[place]
        case 3: fields.swapAt(place, random.below(fields.count))
        case 4: fields[place] = random.element(mutations.words)
        default:
            var text = fields[place] ?? []
            mutations.apply(to: &text, &random)
            fields[place] = text
        }
    }

    /// The digits of the seal may be of either case.
    private func matches(_ sealed: Fields, _ fields: Fields) -> Bool {
        guard sealed.dropLast() == fields.dropLast(), let mac = sealed.last, let other = fields.last
        else {
            return false
        }
        return mac?.map(lowercase) == other?.map(lowercase)
    }

    private func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

/// A record in the form in which it is stored.
func storedFields(_ record: KeyRecord, _ seal: RecordSeal) -> [[UInt8]?] {
    let audit = AuditEntry(
        .generate,
        by: record.owner,
        account: record.owner,
        at: UnixTime(milliseconds: 0)
    )
    var texts = ["version": Array("\(record.version)".utf8)]
    for command in RecordWrite(record, seal: seal, audit: audit).commands {
        let arguments = command.arguments
        guard arguments[0].elementsEqual("HSET".utf8) else { continue }
        for index in stride(from: 2, to: arguments.count, by: 2) {
            texts[String(decoding: arguments[index], as: UTF8.self)] = Array(arguments[index + 1])
        }
    }
    return RecordField.allCases.map { texts[$0.name] }
}
