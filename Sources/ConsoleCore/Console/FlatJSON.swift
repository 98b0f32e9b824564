/// A JSON object whose members are strings or `null`. There is no need for more.
struct FlatJSON {
    /// The members; those that are `null` are left out.
    private(set) var members: [String: String] = [:]

    private var rest: ArraySlice<UInt8>
    private var names: Set<String> = []

    /// `nil` if the text is no such object, or names a member twice.
    init?(_ text: [UInt8]) {
        rest = text[...]
        skipBlanks()
        guard take("{") else { return nil }
        skipBlanks()
        if !take("}") {
            repeat {
                guard readMember() else { return nil }
            } while take(",")
            guard take("}") else { return nil }
        }
        skipBlanks()
        guard rest.isEmpty else { return nil }
    }

    private mutating func readMember() -> Bool {
        skipBlanks()
        guard let name = readString(), names.insert(name).inserted else { return false }
        skipBlanks()
        guard take(":") else { return false }
        skipBlanks()
        if rest.starts(with: "null".utf8) {
            rest = rest.dropFirst(4)
        } else if let value = readString() {
            members[name] = value
        } else {
            return false
        }
        skipBlanks()
        return true
    }

    private mutating func readString() -> String? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = readEscape() else { return nil }
                bytes += escaped
            case 0x00..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func readEscape() -> [UInt8]? {
        guard let byte = rest.popFirst() else { return nil }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return readUnit().flatMap(Self.encoded)
        default: return nil
        }
    }

    private mutating func readUnit() -> UInt16? {
        let digits = rest.prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { return nil }
        rest = rest.dropFirst(4)
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// Halves of pairs are refused: no name or value that is known needs any.
    private static func encoded(_ unit: UInt16) -> [UInt8]? {
        Unicode.Scalar(unit).map { Array(String($0).utf8) }
    }

    private mutating func take(_ character: StaticString) -> Bool {
        guard let byte = rest.first, byte == character.utf8Start.pointee else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipBlanks() {
        rest = rest.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    }
}
