/// A parser for nginx's syntax: words and quoted strings up to a `;`, comments from `#` to the end of
/// the line, blocks in braces.
///
/// Blocks are skipped: their directives concern nginx alone.
public struct ConfigurationFile {
    private enum Token: Equatable {
        case word(String)
        case end
        case open
        case close
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private let text: [UInt8]
    private let name: String?
    private var position = 0
    private var line = 1

    private init(_ text: [UInt8], _ name: String?) {
        self.text = text
        self.name = name
    }

    /// The directives outside of blocks, in the order of the file.
    ///
    /// - Parameter name: The path of the file, to be named in faults.
    /// - Throws: A syntax error, with its line.
    public static func directives(in text: [UInt8], name: String? = nil)
        throws(ConfigurationFault) -> [Directive]
    {
        var file = ConfigurationFile(text, name)
        guard !text.starts(with: byteOrderMark) else {
            throw file.fault("begins with a byte order mark, which nginx does not accept")
        }
        var directives: [Directive] = []
        while let directive = try file.nextDirective() { directives.append(directive) }
        return directives
    }

    private mutating func nextDirective() throws(ConfigurationFault) -> Directive? {
        var words: [String] = []
        var depth = 0
        var start = line
        while let token = try nextToken() {
            switch token {
            case .word(let word) where depth == 0:
                if words.isEmpty { start = line }
                words.append(word)
            case .end where depth == 0:
                guard let name = words.first else { throw fault("unexpected \";\"") }
                return Directive(
                    name: name,
                    values: Array(words.dropFirst()),
                    line: start,
                    file: self.name
                )
            case .open:
                guard !words.isEmpty else { throw fault("unexpected \"{\"") }
                depth += 1
            case .close:
                guard depth > 0 else { throw fault("unexpected \"}\"") }
                depth -= 1
                if depth == 0 { words = [] }
            case .word, .end: break
            }
        }
        guard words.isEmpty else { throw fault("unexpected end of file, expecting \";\" or \"}\"") }
        return nil
    }

    private mutating func nextToken() throws(ConfigurationFault) -> Token? {
        skipBlanksAndComments()
        guard position < text.count else { return nil }
        switch text[position] {
        case UInt8(ascii: ";"): return advance(.end)
        case UInt8(ascii: "{"): return advance(.open)
        case UInt8(ascii: "}"): return advance(.close)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .word(try quotedString())
        default: return .word(try word())
        }
    }

    private mutating func advance(_ token: Token) -> Token {
        position += 1
        return token
    }

    private mutating func skipBlanksAndComments() {
        var inComment = false
        while position < text.count {
            let byte = text[position]
            if byte == UInt8(ascii: "\n") {
                line += 1
                inComment = false
            } else if byte == UInt8(ascii: "#") {
                inComment = true
            } else if !inComment, !Self.isBlank(byte) {
                return
            }
            position += 1
        }
    }

    private mutating func quotedString() throws(ConfigurationFault) -> String {
        let quote = text[position]
        position += 1
        var bytes: [UInt8] = []
        while position < text.count, text[position] != quote { readCharacter(into: &bytes) }
        guard position < text.count else { throw fault("a quoted string is not terminated") }
        position += 1
        guard position == text.count || endsWord(at: position)
        else { throw fault("unexpected text after a quoted string") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func word() throws(ConfigurationFault) -> String {
        var bytes: [UInt8] = []
        while position < text.count, !endsWord(at: position) { readCharacter(into: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a character or an escape sequence: `\"`, `\'` and `\\` lose the backslash, `\t`, `\r` and
    /// `\n` become control characters, any other sequence is kept.
    private mutating func readCharacter(into bytes: inout [UInt8]) {
        if text[position] == UInt8(ascii: "\\"), position + 1 < text.count {
            position += 1
            switch text[position] {
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"):
                bytes.append(text[position])
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "n"): bytes.append(0x0A)
            default: bytes += [UInt8(ascii: "\\"), text[position]]
            }
        } else {
            bytes.append(text[position])
        }
        if text[position] == 0x0A { line += 1 }
        position += 1
    }

    /// A word ends before white space, `;` or `{`, except for the brace of a variable: `${name}`.
    private func endsWord(at index: Int) -> Bool {
        switch text[index] {
        case UInt8(ascii: ";"): true
        case UInt8(ascii: "{"): index == 0 || text[index - 1] != UInt8(ascii: "$")
        default: Self.isBlank(text[index])
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }

    private func fault(_ message: String) -> ConfigurationFault {
        ConfigurationFault(line: line, file: name, message)
    }
}
