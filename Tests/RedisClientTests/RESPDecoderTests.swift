import Testing

@testable import RedisClient

struct RESPDecoderTests {
    private static let samples: [(bytes: String, reply: RedisReply)] = [
        ("+OK\r\n", .status("OK")),
        ("+\r\n", .status("")),
        ("-ERR unknown\r\n", .error("ERR unknown")),
        ("-\r\n", .error("")),
        (":0\r\n", .integer(0)),
        (":-1\r\n", .integer(-1)),
        (":9223372036854775807\r\n", .integer(.max)),
        (":-9223372036854775808\r\n", .integer(.min)),
        ("$0\r\n\r\n", .bulk("")),
        ("$5\r\na\r\nbc\r\n", .bulk("a\r\nbc")),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("*0\r\n", .array([])),
        ("*1\r\n$-1\r\n", .array([.null])),
        ("*2\r\n$1\r\na\r\n$1\r\nb\r\n", .array([.bulk("a"), .bulk("b")])),
        (
            "*6\r\n+S\r\n-E\r\n:7\r\n$1\r\nB\r\n$-1\r\n*-1\r\n",
            .array([.status("S"), .error("E"), .integer(7), .bulk("B"), .null, .null])
        ),
        (
            "*3\r\n*2\r\n:1\r\n*0\r\n*1\r\n*1\r\n+x\r\n:9\r\n",
            .array([
                .array([.integer(1), .array([])]), .array([.array([.status("x")])]), .integer(9),
            ])
        ),
    ]

    /// All samples, one after the other.
    private static let stream = samples.map(\.bytes).joined()

    @Test(arguments: samples)
    func `a reply is parsed`(bytes: String, reply: RedisReply) {
        #expect(Decoded(bytes) == Decoded(replies: [reply]))
    }

    @Test func `replies that arrive together are separated`() {
        #expect(Decoded(Self.stream) == Decoded(replies: Self.samples.map(\.reply)))
    }

    @Test(arguments: [1, 2, 3, 5, 7, 16, 64])
    func `replies that arrive in pieces are the same`(pieceLength: Int) {
        let decoded = Decoded(Self.stream, pieceLength: pieceLength)
        #expect(decoded == Decoded(replies: Self.samples.map(\.reply)))
    }

    @Test(arguments: samples)
    func `a partial reply is not returned`(bytes: String, reply: RedisReply) throws {
        for length in 0..<bytes.utf8.count {
            let decoder = try #require(RESPDecoder())
            decoder.feed(Array(bytes.utf8.prefix(length)))
            #expect(try decoder.next() == nil)
            #expect(try decoder.next() == nil)
            decoder.feed(Array(bytes.utf8.dropFirst(length)))
            #expect(try decoder.next() == reply)
            #expect(try decoder.next() == nil)
        }
    }

    @Test func `bytes of every value pass unchanged`() {
        let bytes = (UInt8.min...UInt8.max).map { $0 }
        let stream = Array("$256\r\n".utf8) + bytes + Array("\r\n".utf8)
        #expect(Decoded(stream, pieceLength: 1) == Decoded(replies: [.bulk(bytes[...])]))
    }

    @Test func `a reply does not change when others arrive`() throws {
        let decoder = try #require(RESPDecoder())
        decoder.feed("*2\r\n$3\r\nabc\r\n$3\r\ndef\r\n")
        let first = try decoder.next()
        decoder.feed("*2\r\n$3\r\nxxx\r\n$3\r\nyyy\r\n")
        let second = try decoder.next()
        #expect(first == .array([.bulk("abc"), .bulk("def")]))
        #expect(second == .array([.bulk("xxx"), .bulk("yyy")]))
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "\0", "OK\r\n", "HTTP/1.1 400 Bad Request\r\n", "{\"a\":1}", " +OK\r\n",
        ":\r\n", ":abc\r\n", ":12x\r\n", ":1.5\r\n", ":9223372036854775808\r\n", ": 1\r\n",
        "$x\r\n", "$\r\n", "$-2\r\n", "$-9223372036854775808\r\n", "$99999999999999999999\r\n",
        "*x\r\n", "*\r\n", "*-2\r\n", "*2147483648\r\n", "*4294967297\r\n",
        "*99999999999999999999\r\n",
        "*2\r\n:1\r\nx\r\n", "*1\r\n*x\r\n", "*1\r\n$x\r\n", "\u{16}\u{3}\u{1}",
    ])
    func `bytes that Redis never sends are rejected`(stream: String) {
        for pieceLength in [1, .max] {
            #expect(
                Decoded(stream, pieceLength: pieceLength)
                    == Decoded(replies: [], failure: .malformed)
            )
            let after = Decoded("+OK\r\n" + stream, pieceLength: pieceLength)
            #expect(after == Decoded(replies: [.status("OK")], failure: .malformed))
        }
    }

    @Test(arguments: [
        "%1\r\n", ">2\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "~1\r\n", "(1\r\n", "=3\r\n", "!1\r\n",
        "|1\r\n",
    ])
    func `types of version 3 of the protocol are rejected`(stream: String) {
        #expect(Decoded(stream) == Decoded(replies: [], failure: .malformed))
    }

    @Test func `after garbage the decoder stays failed`() throws {
        let decoder = try #require(RESPDecoder())
        decoder.feed("x\r\n")
        #expect(throws: RESPDecoder.Failure.malformed) { try decoder.next() }
        decoder.feed("+OK\r\n")
        #expect(throws: RESPDecoder.Failure.malformed) { try decoder.next() }
    }

    @Test func `nested arrays are accepted up to a depth of seven`() {
        func nested(_ depth: Int) -> String { String(repeating: "*1\r\n", count: depth) + ":1\r\n" }
        let seven = (0..<7).reduce(RedisReply.integer(1)) { inner, _ in .array([inner]) }
        #expect(Decoded(nested(7), pieceLength: 1) == Decoded(replies: [seven]))
        #expect(Decoded(nested(9)).failure == .malformed)
        #expect(Decoded(nested(100_000)).failure == .malformed)
    }

    @Test(arguments: [
        "*2147483647\r\n", "*100000000\r\n:1\r\n", "$9999999999\r\n", "$9223372036854775807\r\n",
        "*3\r\n$9999999999\r\nabc", "*2\r\n*2147483647\r\n*2147483647\r\n",
    ])
    func `a huge announced length allocates no memory, and is too long in the end`(start: String) {
        #expect(Decoded(start, replyLengthMax: 4096) == Decoded(replies: []))
        let fill = String(repeating: ":1\r\n", count: 2000)
        let filled = Decoded(start + fill, pieceLength: 512, replyLengthMax: 4096)
        #expect(filled == Decoded(replies: [.tooLong]))
    }

    @Test func `the limit applies to one reply, not to the stream`() {
        let reply = "$1000\r\n" + String(repeating: "x", count: 1000) + "\r\n"
        let stream = String(repeating: reply, count: 100)
        for pieceLength in [1, 700, 1024, 3000, .max] {
            let decoded = Decoded(stream, pieceLength: pieceLength, replyLengthMax: 4096)
            #expect(decoded.failure == nil)
            #expect(decoded.replies.count == 100)
        }
    }

    @Test func `a reply of one mebibyte is accepted`() {
        let length = 1 << 20 - 64
        let bytes = [UInt8](repeating: 7, count: length)
        let stream = Array("$\(length)\r\n".utf8) + bytes + Array("\r\n".utf8)
        #expect(Decoded(stream, pieceLength: 16_384) == Decoded(replies: [.bulk(bytes[...])]))
    }

    @Test func `random input never yields more replies than it could contain`() {
        var state: UInt64 = 42
        let alphabet = Array("*$+-:0123456789\r\n\r\n\r\nabc\0".utf8)
        for _ in 0..<20_000 {
            var stream: [UInt8] = []
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                stream.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            let whole = Decoded(stream)
            #expect(whole == Decoded(stream, pieceLength: 1))
            #expect(whole.replies.count <= stream.count / 3)
        }
    }
}
