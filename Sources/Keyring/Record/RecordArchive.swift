import KeyFormat
import RedisClient

/// Records in a text format, for a backup or another store. An archive contains no keys.
///
/// The first line names the format. Each record is a line of `name=value` pairs. The last line holds
/// the number of records and the SHA-256 digest of all lines before it.
public enum RecordArchive {
    /// The first line of an archive.
    public static let beginning = Array("latchkey export 1\n".utf8)
    private static let lastUse = "last_used"

    /// Why an archive is rejected.
    public enum Fault: Error, Equatable, Sendable {
        /// The first line is missing, or names the format of a later release.
        case notAnArchive
        /// The archive is truncated or was altered.
        case checksum
        /// The line with this number, from 1, is not a record.
        case line(Int)
    }

    /// A record of an archive, not yet authenticated.
    public struct Entry: Sendable {
        /// The locator of the organization.
        public let locator: Locator
        /// The fields of the record.
        public let stored: StoredRecord
        /// The last use of its keys, if any.
        public let lastUse: UnixTime?
    }

    /// The line of a record.
    public static func line(_ stored: StoredRecord, lastUse: UnixTime?) -> [UInt8] {
        var words = RecordField.allCases.compactMap { field in
            stored[field].map { "\(field.name)=\(String(decoding: $0, as: UTF8.self))" }
        }
        if let lastUse { words.append("\(Self.lastUse)=\(lastUse.milliseconds)") }
        return Array((words.joined(separator: " ") + "\n").utf8)
    }

    /// The last line of an archive.
    ///
    /// - Parameter text: All lines before it.
    public static func end(of text: [UInt8], count: Int) -> [UInt8] {
        let digest = String(decoding: Digest(message: text.span).hexadecimal, as: UTF8.self)
        return Array("records=\(count) sha256=\(digest)\n".utf8)
    }

    /// Parses a whole archive.
    ///
    /// - Throws: The first fault; no entry is returned then.
    public static func entries(in text: [UInt8]) throws(Fault) -> [Entry] {
        guard text.starts(with: beginning) else { throw .notAnArchive }
        let body = Array(text.prefix(upTo: lastLineStart(text)))
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, lines.count >= 2, let last = lines.popLast(),
            (Array(last) + [UInt8(ascii: "\n")]) == end(of: body, count: lines.count - 1)
        else { throw .checksum }
        var entries: [Entry] = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let entry = entry(line) else { throw .line(index + 1) }
            entries.append(entry)
        }
        return entries
    }

    private static func lastLineStart(_ text: [UInt8]) -> Int {
        let end = text.dropLast().lastIndex(of: UInt8(ascii: "\n"))
        return end.map { $0 + 1 } ?? 0
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
        guard var values = NamedValues.parse(line, mayRepeat: false) else { return nil }
        let lastUse = values.removeValue(forKey: Self.lastUse)
        let fields = RecordField.allCases.map { values.removeValue(forKey: $0.name) }
        guard values.isEmpty, let name = fields[RecordField.organization.rawValue],
            let organization = Organization(name),
            let stored = try? StoredRecord(.array(fields.map { $0.map { .bulk($0) } ?? .null }))
        else { return nil }
        return Entry(
            locator: organization.locator,
            stored: stored,
            lastUse: lastUse.flatMap { UnixTime(decimal: $0) }
        )
    }
}
