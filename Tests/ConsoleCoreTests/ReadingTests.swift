import Testing

@testable import ConsoleCore

@Suite struct `Forms` {
    @Test func `fields are decoded`() throws {
        let form = try #require(FormText("version=v1.ab&expires_in=30d&x=%C3%A4+%2b%2B&y=&z".utf8))
        #expect(form["version"] == "v1.ab")
        #expect(form["expires_in"] == "30d")
        #expect(form["x"] == "ä ++")
        #expect(form["y"] == "" && form["z"] == "")
        #expect(form["a"] == nil)
        #expect(form.names == ["version", "expires_in", "x", "y", "z"])
        #expect(FormText("".utf8)?.names == [])
    }

    @Test func `a field that is there twice has no value`() throws {
        #expect(try #require(FormText("a=1&a=1".utf8))["a"] == nil)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%ff", "%=1", "a=%-1", "a=%+1"])
    func `wrong escapes and bytes that are no text are refused`(text: String) {
        #expect(FormText(text.utf8) == nil)
    }
}

@Suite struct `JSON from clients` {
    @Test(arguments: [
        ("{}", [:]), (" \r\n\t{ } ", [:]), ("{\"a\":\"b\"}", ["a": "b"]),
        ("{ \"a\" : \"b\" , \"c\":null }", ["a": "b"]),
        ("{\"\\u0061\\n\":\"\\\"\\\\\\/\\b\\f\\r\\t\\u00e4\"}", ["a\n": "\"\\/\u{8}\u{C}\r\tä"]),
    ])
    func `objects of strings are read`(text: String, members: [String: String]) {
        #expect(FlatJSON(Array(text.utf8))?.members == members)
    }

    @Test(arguments: [
        "", "{", "}", "[]", "null", "\"a\"", "{}{}", "{\"a\"}", "{\"a\":}", "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":[]}", "{\"a\":true}", "{\"a\":\"b\",}", "{,}", "{\"a\":\"b\" \"c\":\"d\"}",
        "{a:\"b\"}",
        "{\"a\":\"b}", "{\"a\":\"\\", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u+123\"}", "{\"a\":\"\n\"}", "{\"a\":\"b\",\"a\":\"b\"}",
        "{\"a\":null,\"a\":null}",
        "{\"a\":nul}", "{'a':'b'}", "{\"a\":\"b\"", "{\"a\":\"b\";}",
    ])
    func `anything else is refused`(text: String) {
        #expect(FlatJSON(Array(text.utf8)) == nil)
    }

    @Test func `bytes that are no text are refused`() {
        #expect(FlatJSON(Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8)) == nil)
    }
}

@Suite struct `JSON in tokens` {
    @Test(arguments: [
        ("null", JSONValue.null), ("true", .boolean(true)), (" false ", .boolean(false)),
        ("0", .number(0)), ("-1.5e+2", .number(-150)), ("1E2", .number(100)), ("[]", .array([])),
        ("[1, [\"a\"]]", .array([.number(1), .array([.string("a")])])),
        ("{\"a\":{\"b\":[ ]}}", .object(["a": .object(["b": .array([])])])),
        ("\"\\ud83d\\uDE00\"", .string("😀")), ("\"\\u0000\"", .string("\u{0}")),
    ])
    func `values are read`(text: String, value: JSONValue) {
        #expect(JSONValue(Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nullx", "True", "01", "-", "+1", ".5", "1.", "1e", "1e+", "1e999", "0x1",
        "NaN", "Infinity", "[", "]", "[1", "[1,]", "[,1]", "[1 2]", "{\"a\":1", "{\"a\":1,}", "1 2",
        "{\"a\":1,\"\\u0061\":2}", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\ud83d\"",
        "\"\\ud83dx\"", "\u{FEFF}{}",
    ])
    func `anything else is refused`(text: String) {
        #expect(JSONValue(Array(text.utf8)) == nil)
    }

    @Test func `nesting has a limit`() {
        let nested = { (depth: Int) in
            Array(
                (String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8
            )
        }
        #expect(JSONValue(nested(16)) != nil)
        #expect(JSONValue(nested(17)) == nil)
        #expect(JSONValue([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
        #expect(JSONValue(Array("{\"a\":[1],\"b\":[[2]]}".utf8)) != nil)
    }
}

@Suite struct `If-Match` {
    @Test(arguments: [
        ("*", Precondition.any), (" * ", .any), ("\"v1.ab\"", .states(["v1.ab"])),
        ("\"a\", \"b\"", .states(["a", "b"])), ("W/\"a\"", .states([])),
        ("W/\"a\",\"b\"", .states(["b"])),
        ("\"\"", .states([""])),
    ])
    func `tags are read`(field: String, precondition: Precondition) {
        #expect(Precondition(field: field) == precondition)
    }

    @Test(arguments: [
        "", "v1.ab", "\"a", "a\"", "\"", "\"a\",", "\"a\"b\"", "*,\"a\"", "\"a b\"", "w/\"a\"",
        "\"ä\"",
    ])
    func `anything else is refused`(field: String) {
        #expect(Precondition(field: field) == nil)
    }

    @Test func `a tag changes with the key and with the version`() {
        let none = EntityTag(status(record(age: nil)))
        let active = EntityTag(status(record(age: day)))
        #expect(none.text.hasPrefix("v1.") && active.text.hasPrefix("v2."))
        #expect(none != active)
        #expect(active == EntityTag(status(record(age: day), usedAt: earlier(minute))))
        // The same version, after an earlier record was put back.
        #expect(active != EntityTag(status(record(age: day, digit: "d"))))
        #expect(active != EntityTag(status(record(age: day + 1))))
        let removed = EntityTag(status(record(age: day).transferred(to: alice)))
        #expect(removed != active)
    }
}

@Suite struct `Languages` {
    @Test(arguments: [
        (nil, Language.english), ("", .english), ("de", .german), ("de-AT", .german),
        ("DE", .german),
        ("en,de", .english), ("de,en", .english), ("de,en;q=0.9", .german),
        ("de;q=0.5,en;q=0.4", .german),
        ("fr, de;q=0.3", .german), ("fr", .english), ("*", .english), ("*;q=0.5, de", .german),
        ("en;q=0, *", .german), ("de;q=0", .english), ("de;q=x", .english), ("de;q=2", .english),
        ("de; q=0.001", .german), ("de;q=1.0, en;q=0.999", .german), ("dex", .english),
        (",;,", .english),
        ("de;q=0.5.5", .english), ("de;q=0.x", .english), ("de;level=1;q=0.2, en;q=0.1", .german),
    ])
    func `the language that a browser prefers is spoken`(header: String?, language: Language) {
        #expect(Language.preferred(header, of: [.english, .german]) == language)
    }

    @Test func `the first language that is offered is the fallback`() {
        #expect(Language.preferred("fr", of: [.german, .english]) == .german)
        #expect(Language.preferred("en", of: [.german]) == .german)
        #expect(Language.preferred("en", of: []) == .english)
    }

    @Test func `a long list is not read to its end`() {
        let list = String(repeating: "fr,", count: 100) + "de"
        #expect(Language.preferred(list, of: [.english, .german]) == .english)
    }
}
