/// A JSON value (RFC 8259).
///
/// Stricter than others where they differ: an object that names a member twice is refused, and so are
/// numbers without a finite value, halves of surrogate pairs, and deep nesting.
enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// `nil` if the text is not valid.
    init?(_ text: [UInt8]) {
        var reader = JSONReader(text)
        guard let value = reader.document() else { return nil }
        self = value
    }

    /// The members of an object; `nil` for anything else.
    var members: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The text of a string; `nil` for anything else.
    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}

/// Reads one JSON text.
private struct JSONReader {
    /// How deep arrays and objects may be in each other.
    private static let depthMax = 16

    private var rest: ArraySlice<UInt8>
    private var depth = 0

    init(_ text: [UInt8]) {
        rest = text[...]
    }

    mutating func document() -> JSONValue? {
        guard let value = value() else { return nil }
        return rest.isEmpty ? value : nil
    }

    /// A value, and the blanks around it.
    private mutating func value() -> JSONValue? {
        skipBlanks()
        defer { skipBlanks() }
        switch rest.first {
        case UInt8(ascii: "{"): return nested { $0.object() }
        case UInt8(ascii: "["): return nested { $0.array() }
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        case UInt8(ascii: "t"): return take("true") ? .boolean(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .boolean(false) : nil
        default: return number()
        }
    }

    private mutating func nested(_ read: (inout JSONReader) -> JSONValue?) -> JSONValue? {
        guard depth < Self.depthMax else { return nil }
        depth += 1
        defer { depth -= 1 }
        rest.removeFirst()
        skipBlanks()
        return read(&self)
    }

    private mutating func object() -> JSONValue? {
        var members: [String: JSONValue] = [:]
        guard !take("}") else { return .object(members) }
        repeat {
            skipBlanks()
            guard let name = string() else { return nil }
            skipBlanks()
            guard take(":"), let value = value(), members.updateValue(value, forKey: name) == nil
            else { return nil }
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array() -> JSONValue? {
        var elements: [JSONValue] = []
        guard !take("]") else { return .array(elements) }
        repeat {
            guard let value = value() else { return nil }
            elements.append(value)
        } while take(",")
        return take("]") ? .array(elements) : nil
    }

    // MARK: Numbers

    private mutating func number() -> JSONValue? {
        let start = rest
        _ = take("-")
        guard take("0") || skipDigits() else { return nil }
        if take(".") { guard skipDigits() else { return nil } }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard skipDigits() else { return nil }
        }
        let text = start[..<rest.startIndex]
        guard let number = Double(String(decoding: text, as: UTF8.self)), number.isFinite else {
            return nil
        }
        return .number(number)
    }

    /// Skips digits; returns whether there was one.
    private mutating func skipDigits() -> Bool {
        let count = rest.count
        rest = rest.drop { (0x30...0x39).contains($0) }
        return rest.count < count
    }

    // MARK: Strings

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = escape() else { return nil }
                bytes += escaped
            case 0x00..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> [UInt8]? {
        guard let byte = rest.popFirst() else { return nil }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return scalar().map { Array(String($0).utf8) }
        default: return nil
        }
    }

    /// The character after `\u`: one unit of UTF-16, or two.
    private mutating func scalar() -> Unicode.Scalar? {
        guard let unit = unit() else { return nil }
        guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
        guard take("\\u"), let trail = self.unit(), UTF16.isTrailSurrogate(trail) else {
            return nil
        }
        return Unicode.Scalar(0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(trail & 0x3FF)))
    }

    private mutating func unit() -> UInt16? {
        let digits = rest.prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { return nil }
        rest = rest.dropFirst(4)
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    // MARK: Tokens

    private mutating func take(_ text: StaticString) -> Bool {
        let matches = text.withUTF8Buffer { rest.starts(with: $0) }
        if matches { rest = rest.dropFirst(text.utf8CodeUnitCount) }
        return matches
    }

    private mutating func skipBlanks() {
        rest = rest.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    }
}
