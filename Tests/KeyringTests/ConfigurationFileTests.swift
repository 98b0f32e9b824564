import Testing

@testable import Keyring

struct ConfigurationFileTests {
    private func directives(_ text: String) throws(ConfigurationFault) -> [Directive] {
        try ConfigurationFile.directives(in: Array(text.utf8))
    }

    /// The name and arguments of each directive.
    private func words(_ text: String) throws(ConfigurationFault) -> [[String]] {
        try directives(text).map { [$0.name] + $0.values }
    }

    private func fault(_ text: String) -> ConfigurationFault? {
        do throws(ConfigurationFault) {
            _ = try directives(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["", "\n", " \t\r\n", "# only a comment", "# one\n# two\n", "#"])
    func `a file may be empty`(text: String) throws {
        #expect(try directives(text).isEmpty)
    }

    @Test(arguments: [
        ("a;", [["a"]]),
        ("a b c;", [["a", "b", "c"]]),
        ("a b;c d;", [["a", "b"], ["c", "d"]]),
        ("\t a\n\r\n  b ;\n", [["a", "b"]]),
        ("a b;\r\nc d;\r\n", [["a", "b"], ["c", "d"]]),
        (
            "latchkey_store redis://127.0.0.1:6379/1;",
            [["latchkey_store", "redis://127.0.0.1:6379/1"]]
        ),
        (
            "latchkey_store_auth gateway=/a admin=/b;",
            [["latchkey_store_auth", "gateway=/a", "admin=/b"]]
        ),
    ])
    func `a directive is words up to a semicolon`(text: String, expected: [[String]]) throws {
        #expect(try words(text) == expected)
    }

    @Test(arguments: [
        ("a \"b c\";", [["a", "b c"]]),
        ("a 'b c';", [["a", "b c"]]),
        ("a \"\";", [["a", ""]]),
        ("a 'it;{}#\"';", [["a", "it;{}#\""]]),
        ("a \"it's\";", [["a", "it's"]]),
        ("a \"b\nc\";", [["a", "b\nc"]]),
        ("a \"b\"\t'c'\n\"d\";", [["a", "b", "c", "d"]]),
        ("\"a\" b;", [["a", "b"]]),
        ("a b\"c;", [["a", "b\"c"]]),
        ("a it's;", [["a", "it's"]]),
    ])
    func `quotes at the start of a word group text`(text: String, expected: [[String]])
        throws
    {
        #expect(try words(text) == expected)
    }

    @Test(arguments: [
        (#"a "b\"c";"#, [["a", #"b"c"#]]),
        (#"a 'b\'c';"#, [["a", "b'c"]]),
        (#"a b\\c;"#, [["a", #"b\c"#]]),
        (#"a "\t\r\n";"#, [["a", "\t\r\n"]]),
        (#"a b\tc;"#, [["a", "b\tc"]]),
        (#"a b\ c;"#, [["a", #"b\ c"#]]),
        (#"a b\;c;"#, [["a", #"b\;c"#]]),
        (#"a b\{2\};"#, [["a", #"b\{2\}"#]]),
        (#"a \d+\.php$;"#, [["a", #"\d+\.php$"#]]),
        (#"a "\\";"#, [["a", #"\"#]]),
    ])
    func `a backslash has the same meaning as in nginx`(text: String, expected: [[String]]) throws {
        #expect(try words(text) == expected)
    }

    @Test(arguments: [
        ("# a b;\nc d;", [["c", "d"]]),
        ("a # b\n c;", [["a", "c"]]),
        ("a b;# c;\nd;", [["a", "b"], ["d"]]),
        ("a b#c;", [["a", "b#c"]]),
        ("a \"#b\";", [["a", "#b"]]),
        ("a b; # \"unfinished {\n c;", [["a", "b"], ["c"]]),
    ])
    func `a comment extends from the start of a word to the end of the line`(
        text: String,
        expected: [[String]]
    ) throws {
        #expect(try words(text) == expected)
    }

    @Test(arguments: [
        ("map $a $b { default 1; }\nc d;", [["c", "d"]]),
        ("a b; server { location / { x y; } } c d;", [["a", "b"], ["c", "d"]]),
        ("server { return 200 \"}\"; # }\n } c;", [["c"]]),
        ("server {} c;", [["c"]]),
        ("server{a b;}c d;", [["c", "d"]]),
        ("log ${a}_${b}.log; c;", [["log", "${a}_${b}.log"], ["c"]]),
        ("server { set $a ${b}; } c;", [["c"]]),
    ])
    func `blocks are skipped`(text: String, expected: [[String]]) throws {
        #expect(try words(text) == expected)
    }

    @Test(arguments: [
        ("a b", 1), ("a b\n\n", 3), ("a \"b;", 1), ("a 'b;\n\n", 3), ("a \"b\"c;", 1), ("a; }", 1),
        ("}", 1),
        ("{", 1), ("a;\n{ b; }", 2), (";", 1), ("a;\n;", 2), ("server {", 1),
        ("server { a; {\n}", 2),
        ("a \"b\\\";", 1), ("a \\", 1),
    ])
    func `a truncated or malformed file is rejected with its line`(
        text: String,
        line: Int
    ) {
        let fault = self.fault(text)
        #expect(fault?.line == line)
        #expect(fault?.message.isEmpty == false)
    }

    @Test func `directives know the line on which they begin`() throws {
        let text = "a 1;\n\n# x\nb\n 2\n;\nserver {\n x;\n}\nc \"3\n4\";\nd 5; e 6;\n"
        let lines = try directives(text).map { "\($0.name)\($0.line ?? 0)" }
        #expect(lines == ["a1", "b4", "c10", "d12", "e12"])
    }

    @Test func `bytes that are not UTF-8 are tolerated`() throws {
        let directives = try ConfigurationFile.directives(
            in: Array("a ".utf8) + [0xFF, 0xC3] + Array(";".utf8)
        )
        #expect(directives.first?.name == "a")
        #expect(directives.first?.values.count == 1)
    }

    @Test func `random input is parsed or rejected`() {
        var state: UInt64 = 7
        let alphabet = Array("ab \n;{}#\"'\\$;  ".utf8)
        for _ in 0..<20_000 {
            var text: [UInt8] = []
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            do throws(ConfigurationFault) {
                #expect(try ConfigurationFile.directives(in: text).count <= 24)
            } catch {
                #expect(error.line != nil)
            }
        }
    }
}
