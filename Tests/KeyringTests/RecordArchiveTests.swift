import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct RecordArchiveTests {
    private let example: Example

    init() throws {
        example = try Example()
    }

    private func stored(_ record: KeyRecord) throws -> StoredRecord {
        let fields = example.stored(record)
        return try StoredRecord(
            .array(
                RecordField.allCases.map { field in
                    fields.texts[field].map { .bulk($0[...]) } ?? .null
                }
            )
        )
    }

    private func archive(_ records: [KeyRecord]) throws -> [UInt8] {
        var text = RecordArchive.beginning
        for record in records {
            text += RecordArchive.line(try stored(record), lastUse: Example.now)
        }
        return text + RecordArchive.end(of: text, count: records.count)
    }

    private let records = [Example.replaced, Example.registered, Example.revoked, Example.removed]

    @Test func `records are restored unchanged`() throws {
        let entries = try RecordArchive.entries(in: try archive(records))
        let read = try entries.map { try $0.stored.record(at: $0.locator, seal: example.seal) }
        #expect(read == records)
        #expect(entries.map(\.lastUse) == records.map { _ in Example.now })
    }

    @Test func `an archive may be empty`() throws {
        #expect(try RecordArchive.entries(in: try archive([])).isEmpty)
    }

    @Test func `an archive with one byte changed is rejected`() throws {
        let text = try archive(records)
        for index in text.indices {
            var changed = text
            changed[index] ^= 1
            #expect(throws: RecordArchive.Fault.self) { try RecordArchive.entries(in: changed) }
        }
    }

    @Test func `a truncated archive is rejected`() throws {
        let text = try archive(records)
        for count in text.indices {
            #expect(throws: RecordArchive.Fault.self) {
                try RecordArchive.entries(in: Array(text.prefix(count)))
            }
        }
    }

    @Test(arguments: [
        "", "owner=alice", "organization=acme organization=acme", "organization=a/b",
        "organization=acme colour=blue", "organization=acme owner", "=",
    ])
    func `a line that is not a record is named by its number`(line: String) {
        let text = RecordArchive.beginning + Array("\(line)\n".utf8)
        #expect(throws: RecordArchive.Fault.line(2)) {
            try RecordArchive.entries(in: text + RecordArchive.end(of: text, count: 1))
        }
    }
}
