import Keyring
import RedisClient
import TestSupport

/// Configuration files: parsed, or rejected with an existing line, and parsed identically when written
/// in another form.
struct ConfigurationFuzz: FuzzTarget {
    private var read = 0
    private var understood = 0
    private var refused = 0
    private let mutations = Mutations(words: [
        ";", "{", "}", "\"", "'", "\\", "#", "\n", "\r\n", "\t", " ", "$", "${", "\0", "\u{e9}",
        "latchkey_",
        "latchkey_store", "latchkey_timeout", "latchkey_prefix", "redis://", "unix:", "[::1]", "@",
        ":", "/",
        "99999999999999999999", "-1", "1000y", "ms", "server {", "\\\"", "\\\\",
    ])
    private let directives: [[String]] = [
        ["latchkey_store", "redis://127.0.0.1:6379/0"], ["latchkey_store", "redis://[::1]:6379"],
        ["latchkey_store", "unix:/run/redis/redis.sock"],
        ["latchkey_store_auth", "gateway=/etc/latchkey/gateway", "admin=/etc/latchkey/admin"],
        ["latchkey_store", "rediss://redis.example:7391"],
        ["latchkey_store_tls", "ca=/ca.pem", "certificate=/my.pem", "key=/my.key", "name=::1"],
        ["latchkey_pepper_file", "/etc/latchkey/pepper"], ["latchkey_prefix", "acme_live"],
        ["latchkey_consistency", "strict"], ["latchkey_timeout", "500ms"],
        ["latchkey_operators", "ops", "deploy"], ["latchkey_rotate_after", "90d"],
        ["latchkey_store", "sentinel://10.0.0.1,s-2:26380,[::1]:7000/main"],
        ["latchkey_store", "clusters://10.0.0.1,c-2:7001,[::1]:7002/0"],
        ["latchkey_copies", "3"],
        ["latchkey_delegates", "portal"],
        ["latchkey_realm", "my api; {really}"], ["log_format", "'$it' \"is\" \\ text"],
        ["empty", ""],
    ]

    var outcomes: [Int] { [read, understood, refused] }

    var tally: String { "\(read) files read, \(understood) understood, \(refused) refused" }

    mutating func run(_ random: inout SplitMix64) throws {
        if random.once(in: 20) {
            let alphabet = Array("a \n;{}#\"'\\$".utf8)
            return try check(random.bytes(count: random.below(60), of: alphabet), expected: nil)
        }
        let chosen = (0...random.below(6)).map { _ in random.element(directives) }
        var text: [UInt8] = []
        for directive in chosen { append(directive, to: &text, &random) }
        let mutationCount = random.below(6)
        for _ in 0..<mutationCount { mutations.apply(to: &text, &random) }
        try check(text, expected: mutationCount == 0 ? chosen : nil)
        for word in chosen.joined() { try checkValue(word, &random) }
    }

    private mutating func check(_ text: [UInt8], expected: [[String]]?) throws {
        let lineCount = 1 + text.count { $0 == 0x0A }
        do {
            let directives = try ConfigurationFile.directives(in: text)
            read += 1
            for directive in directives where !(1...lineCount).contains(directive.line ?? 0) {
                throw Violation("a directive is on a line that does not exist", text)
            }
            if let expected, directives.map({ [$0.name] + $0.values }) != expected {
                throw Violation("directives are not parsed as they were written", text)
            }
            _ = try Configuration(directives)
            understood += 1
        } catch let fault as ConfigurationFault {
            refused += 1
            guard let line = fault.line, (1...lineCount).contains(line), !fault.message.isEmpty
            else {
                throw Violation("a fault has no line or message", text)
            }
        }
    }

    /// Time spans and URLs without a directive.
    private func checkValue(_ word: String, _ random: inout SplitMix64) throws {
        var text = Array(word.utf8)
        mutations.apply(to: &text, &random)
        let value = String(decoding: text, as: UTF8.self)
        if let span = TimeSpan.milliseconds(value), span > 31_536_000_000_000 {
            throw Violation("a time span exceeds the limit", text)
        }
        if let url = try? StoreURL(value), url.database < 0 {
            throw Violation("a database is negative", text)
        }
    }

    // MARK: Inputs

    /// Writes a directive in one of its possible forms.
    private func append(_ directive: [String], to text: inout [UInt8], _ random: inout SplitMix64) {
        for word in directive {
            text += random.element(blanks).utf8
            text += written(word, &random).utf8
            text += " ".utf8
        }
        text += random.element([";", " ;", ";\n", "; # a comment; {\n", ";\r\n\r\n"]).utf8
    }

    /// Separators of words.
    private let blanks = ["", " ", "\n", "\t\t", "\r\n", "# a \"comment\n", " # {\n#\n"]

    private func written(_ word: String, _ random: inout SplitMix64) -> String {
        let isPlain =
            !word.isEmpty && word.utf8.allSatisfy { !Array(" ;{}\"'\\#$".utf8).contains($0) }
        if isPlain, random.once(in: 2) { return word }
        let quote: Character = random.once(in: 2) ? "\"" : "'"
        return "\(quote)" + word.map { $0 == quote || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
            + "\(quote)"
    }
}
