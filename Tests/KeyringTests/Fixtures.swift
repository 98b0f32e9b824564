import KeyFormat
import TestSupport
import Testing

@testable import Keyring
@testable import RedisClient

/// What is fixed in tests of records: a pepper, an organization, a moment.
struct Example {
    static let organization = Organization("acme")!
    static let owner = Principal("alice")!
    static let now = UnixTime(milliseconds: 1_790_000_000_000)
    static let first = verifier(of: "11")
    static let second = verifier(of: "22")

    let peppers: PepperRing
    let seal: RecordSeal

    init(pepper: String = String(repeating: "0a", count: 32)) throws {
        peppers = try PepperRing(contents: pepper.secret)
        seal = RecordSeal(peppers: peppers)
    }

    private static func verifier(of digits: String) -> Verifier {
        Verifier(hexadecimal: Array(String(repeating: digits, count: 24).utf8).span)!
    }

    /// A record without a key.
    static let registered = KeyRecord(organization: organization, owner: owner)

    /// A record with a key that expires after a day.
    static let active = registered.replacingKey(
        with: key(first, expiresIn: 86_400_000),
        graceMilliseconds: 0
    )

    /// A record with a second key that does not expire; the first one stays valid for ten minutes.
    static let replaced = active.replacingKey(with: key(second), graceMilliseconds: 600_000)

    static let revoked = active.revokingKey(at: now)

    static let transferred = replaced.transferred(to: Principal("bob")!)

    static let removed = active.removed(at: now)

    static func key(_ verifier: Verifier, expiresIn span: UInt64? = nil) -> KeyRecord.Key {
        KeyRecord.Key(
            verifier: verifier,
            createdAt: now,
            createdBy: owner,
            expiresAt: span.map { now.advanced(byMilliseconds: $0) }
        )
    }

    /// A record in the form in which it is stored.
    func stored(_ record: KeyRecord) -> StoredFields {
        var texts: [RecordField: [UInt8]] = [:]
        for (field, text) in zip(RecordField.sealed, record.sealedTexts) { texts[field] = text }
        texts[.mac] = seal.mac(of: record)
        return StoredFields(texts: texts)
    }
}

// MARK: - Membership

extension Example {
    /// A member of the membership list.
    static func member(
        _ number: UInt64,
        token: String = "1",
        host: String = "web-1",
        grace: UInt64 = 0
    ) -> Member {
        let digits = token.drop { $0 == "0" }
        return Member(
            id: .init(number),
            host: host,
            processID: 4711,
            version: "1.2.3",
            leaseMilliseconds: 1000,
            graceMilliseconds: grace,
            token: Member.Token(String(digits))!
        )
    }

    /// The field of a member.
    static func entry(_ member: Member) -> (String, String) {
        (member.id.description, member.text)
    }

    /// The note of a member that was moved.
    static func note(_ member: Member) -> (String, String) {
        (Suspect.Note.field(member), member.text)
    }

    /// A membership list of these fields.
    static func list(_ fields: (String, String)...) throws -> Membership { try list(fields) }

    static func list(_ fields: [(String, String)], bootID: String = "") throws -> Membership {
        try Membership(.array(fields.flatMap { [.text($0.0), .text($0.1)] }), bootID: bootID)
    }
}

/// The fields of a record, for tests to alter.
struct StoredFields {
    var texts: [RecordField: [UInt8]]

    subscript(field: RecordField) -> String? {
        get { texts[field].map { String(decoding: $0, as: UTF8.self) } }
        set { texts[field] = newValue.map { Array($0.utf8) } }
    }

    /// The reply of Redis to a read of the record.
    var reply: RedisReply {
        .array(RecordField.allCases.map { field in texts[field].map { .bulk($0[...]) } ?? .null })
    }

    /// The authenticated record, or its fault.
    func record(at locator: Locator = Example.organization.locator, _ seal: RecordSeal) -> Result<
        KeyRecord, RecordFault
    > {
        Result { () throws(RecordFault) in try StoredRecord(reply).record(at: locator, seal: seal) }
    }

    func fault(at locator: Locator = Example.organization.locator, _ seal: RecordSeal)
        -> RecordFault?
    {
        if case .failure(let fault) = record(at: locator, seal) { fault } else { nil }
    }
}

extension RedisReply {
    /// A bulk string.
    static func text(_ string: String) -> RedisReply { .bulk(ArraySlice(string.utf8)) }

    /// Bulk strings.
    static func texts(_ strings: String...) -> RedisReply { .array(strings.map { .text($0) }) }
}

extension RedisCommand {
    var texts: [String] { arguments.map { String(decoding: $0, as: UTF8.self) } }
}

extension RedisCredentials {
    /// The encoded `AUTH` command.
    var commandBytes: [UInt8] {
        var output = OutputBuffer()
        appendCommand(to: &output)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { output.drain(into: $0) }
        return Array(bytes.prefix(count))
    }
}
