import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct StoredRecordTests {
    private let example: Example

    init() throws {
        example = try Example()
    }

    private var records: [KeyRecord] {
        [
            Example.registered, Example.active, Example.replaced, Example.revoked,
            Example.transferred, Example.removed,
        ]
    }

    @Test func `a record is read as it was written`() throws {
        for record in records {
            #expect(try example.stored(record).record(example.seal).get() == record)
        }
    }

    @Test(arguments: RecordField.allCases)
    func `a record with any byte of a field altered is rejected`(field: RecordField) throws {
        for record in records {
            let stored = example.stored(record)
            for place in stored.texts[field]?.indices ?? 0..<0 {
                for bit in 0..<8 {
                    // The case of the digits does not matter.
                    if field == .mac, bit == 5 { continue }
                    var altered = stored
                    altered.texts[field]?[place] ^= 1 << bit
                    #expect(altered.fault(example.seal) != nil)
                }
            }
        }
    }

    @Test(arguments: RecordField.allCases)
    func `a record with a field truncated, extended, emptied or removed is rejected`(
        field: RecordField
    ) throws {
        for record in records {
            let stored = example.stored(record)
            guard let text = stored[field] else { continue }
            for other in [
                String(text.dropLast()), String(text.dropFirst()), text + "0", "0" + text, "", nil,
            ] {
                var altered = stored
                altered[field] = other
                #expect(altered.fault(example.seal) != nil)
            }
        }
    }

    @Test func `a record with an added field is rejected`() throws {
        let values: [RecordField: String] = [
            .verifier: example.stored(Example.active)[.verifier]!, .createdAt: "1",
            .createdBy: "alice",
            .expiresAt: "9000000000000", .previousUntil: "9000000000000",
            .previousVerifier: example.stored(Example.active)[.verifier]!, .revokedAt: "1",
        ]
        for record in records {
            let stored = example.stored(record)
            for (field, value) in values where stored[field] == nil {
                var altered = stored
                altered[field] = value
                #expect(altered.fault(example.seal) != nil, "\(field)")
            }
        }
    }

    private static let otherVerifier = String(repeating: "ab", count: 24)
    private static let nines = String(repeating: "9", count: 19)

    /// Values that an attacker with write access might set; most of them are well-formed.
    private static let alterations: [RecordField: [String]] = [
        .organization: ["umbrella", "Acme", "", "a b"],
        .owner: ["mallory", "", String(repeating: "x", count: 129)],
        .version: ["4", "1", "-1", String(repeating: "9", count: 30)],
        .state: ["Active", "", "on", "active "],
        .verifier: [otherVerifier, String(otherVerifier.dropLast(2)), otherVerifier + "00", ""],
        .createdAt: ["1790000086400", "-1", nines, "now"],
        .createdBy: ["mallory", ""],
        .expiresAt: ["1800000086400", "-1", nines, String(repeating: "9", count: 40), "0"],
        .previousVerifier: [otherVerifier, "x"],
        .previousUntil: ["1790000086400", "-1", nines],
        .revokedAt: ["1", "-1"],
        .mac: [String(repeating: "00", count: 32), String(repeating: "0", count: 62), ""],
    ]

    @Test(arguments: alterations)
    func `a field altered by a client that may write to the store is rejected`(
        field: RecordField,
        texts: [String]
    ) throws {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second, expiresIn: 86_400_000),
            graceMilliseconds: 3_600_000
        )
        for text in texts {
            var stored = example.stored(record)
            #expect(stored[field] != text)
            stored[field] = text
            #expect(stored.fault(example.seal) != nil, "\"\(text)\"")
            #expect(throws: RecordFault.self) {
                try StoredRecord(stored.reply)
                    .activeRecord(at: Example.organization.locator, seal: example.seal)
            }
        }
    }

    @Test func `fields with swapped values are rejected`() throws {
        let stored = example.stored(Example.replaced)
        let pairs: [(RecordField, RecordField)] = [
            (.verifier, .previousVerifier), (.createdAt, .previousUntil),
            (.previousUntil, .expiresAt),
        ]
        for (left, right) in pairs {
            var altered = stored
            (altered[left], altered[right]) = (stored[right], stored[left])
            #expect(altered.fault(example.seal) != nil)
        }
    }

    @Test func `the values of adjacent fields cannot run together`() throws {
        let stored = example.stored(Example.active)
        var altered = stored
        altered[.organization] = "acmea"
        altered[.owner] = "lice"
        let elsewhere = try #require(Organization("acmea")).locator
        #expect(altered.fault(at: elsewhere, example.seal) == .seal)
    }

    @Test func `another organization's record is rejected, even with a valid seal`() throws {
        let other = KeyRecord(organization: Organization("umbrella")!, owner: Example.owner)
            .replacingKey(with: Example.key(Example.first), graceMilliseconds: 0)
        #expect(example.stored(other).fault(example.seal) == .misplaced)
    }

    @Test func `a record sealed with another pepper is rejected`() throws {
        let other = try Example(pepper: String(repeating: "0b", count: 32))
        #expect(other.stored(Example.active).fault(example.seal) == .seal)
    }

    @Test func `a record sealed with an older pepper of the ring is accepted`() throws {
        let new = String(repeating: "0b", count: 32)
        let old = String(repeating: "0a", count: 32)
        let rotated = try Example(pepper: "\(new)\n\(old)\n")
        #expect(example.stored(Example.active).fault(rotated.seal) == nil)
        #expect(rotated.stored(Example.active).fault(example.seal) == .seal)
        #expect(rotated.stored(Example.active).fault(rotated.seal) == nil)
    }

    @Test(arguments: [
        nil, "", "0", String(repeating: "0", count: 64), String(repeating: "zz", count: 32),
    ])
    func `a record without a seal is rejected`(mac: String?) {
        var stored = example.stored(Example.active)
        stored[.mac] = mac
        #expect(stored.fault(example.seal) == (mac == nil ? .unsealed : .seal))
    }

    private static let notNumbers = [
        "", "-1", "+1", "01", "00", " 1", "1 ", "1.0", "1e3", "0x1", "1\n", "١", "nan",
        "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999",
    ]

    private static let notTimes =
        notNumbers + ["253402300800000", "9223372036854775807", "-1790000000000"]

    private static let notVerifiers = [
        "", "0", String(repeating: "1", count: 47), String(repeating: "1", count: 49),
        String(repeating: "g", count: 48), String(repeating: "1", count: 64),
    ]

    private static let badTexts: [RecordField: [String]] = [
        .organization: [
            "", "a b", "acme\0", "é", String(repeating: "x", count: 65), "a/b", "acme\n",
        ],
        .owner: ["", "a b", "alice\n", "é", "a\u{7f}", String(repeating: "x", count: 129)],
        .version: notNumbers + ["9223372036854775807", "9223372036854775808"],
        .state: ["", "Active", "ACTIVE", "active ", " active", "activ", "deleted", "activé"],
        .verifier: notVerifiers,
        .createdAt: notTimes,
        .createdBy: ["", "a b", "é"],
        .expiresAt: notTimes,
        .previousVerifier: notVerifiers,
        .previousUntil: notTimes,
        .revokedAt: notTimes,
    ]

    @Test(arguments: badTexts)
    func `an invalid field is named`(field: RecordField, texts: [String]) {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second, expiresIn: 5000),
            graceMilliseconds: 600_000
        )
        for text in texts {
            var stored = example.stored(record)
            stored[field] = text
            #expect(stored.fault(example.seal) == .field(field), "\"\(text)\"")
        }
    }

    @Test(arguments: [
        RecordField.organization, .owner, .version, .state, .verifier, .createdAt, .createdBy,
        .previousUntil,
    ])
    func `a missing field is named`(field: RecordField) {
        var stored = example.stored(Example.replaced)
        stored[field] = nil
        #expect(stored.fault(example.seal) == .field(field))
    }

    @Test func `a state that contradicts the other fields is rejected`() {
        var revoked = example.stored(Example.registered)
        revoked[.state] = "revoked"
        #expect(revoked.fault(example.seal) == .field(.state))
        var none = example.stored(Example.revoked)
        none[.state] = "none"
        #expect(none.fault(example.seal) == .field(.state))
        var active = example.stored(Example.revoked)
        active[.state] = "active"
        #expect(active.fault(example.seal) == .field(.verifier))
    }

    @Test func `a field that is not UTF-8 is rejected`() {
        for field in RecordField.allCases {
            var stored = example.stored(Example.replaced)
            stored.texts[field] = [0xFF, 0xFE, 0x80]
            #expect(stored.fault(example.seal) != nil)
        }
    }
}
