import KeyFormat
import RedisClient

/// Records as a text, for a backup or another store. There is no key in it.
///
/// A first line that names the format, a line of words `name=value` for each record, and a last line
/// with their number and the SHA-256 value of all that stands before it.
public enum RecordArchive {
    private static let firstLine = Array("latchkey export 1\n".utf8)
    private static let lastUse = "last_used"

    /// Why a text is none.
    public enum Fault: Error, Equatable, Sendable {
        /// It is something else, or of a later release.
        case notAnArchive
        /// It is not whole, or was altered.
        case checksum
        /// A line (from 1) is not one of a record.
        case line(Int)
    }

    /// A record of an archive: nothing is proven of it yet.
    public struct Entry: Sendable {
        /// The locator that its organization has.
        public let locator: Locator
        /// What is stored of it.
        public let stored: StoredRecord
        /// When its key was last used.
        public let lastUse: UnixTime?
    }

    /// What an archive begins with.
    public static var beginning: [UInt8] { firstLine }

    /// The line of a record.
    public static func line(_ stored: StoredRecord, lastUse: UnixTime?) -> [UInt8] {
        var words = RecordField.allCases.compactMap { field in
            stored[field].map { "\(field.name)=\(String(decoding: $0, as: UTF8.self))" }
        }
        if let lastUse { words.append("\(Self.lastUse)=\(lastUse.milliseconds)") }
        return Array((words.joined(separator: " ") + "\n").utf8)
    }

    /// What an archive ends with.
    ///
    /// - Parameter text: All that stands before.
    public static func end(of text: [UInt8], count: Int) -> [UInt8] {
        let digest = String(decoding: Digest(message: text.span).hexadecimal, as: UTF8.self)
        return Array("records=\(count) sha256=\(digest)\n".utf8)
    }

    /// Reads a whole archive, or nothing of it.
    public static func entries(in text: [UInt8]) throws(Fault) -> [Entry] {
        guard text.starts(with: firstLine) else { throw .notAnArchive }
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
        var words: [String: ArraySlice<UInt8>] = [:]
        for word in line.split(separator: UInt8(ascii: " ")) {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = String(decoding: word[..<equals], as: UTF8.self)
            guard words.updateValue(word[equals...].dropFirst(), forKey: name) == nil else {
                return nil
            }
        }
        let lastUse = words.removeValue(forKey: Self.lastUse)
        let fields = RecordField.allCases.map { words.removeValue(forKey: $0.name) }
        guard words.isEmpty, let name = fields[RecordField.organization.rawValue],
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
