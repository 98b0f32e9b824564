import Glibc
import Testing

@testable import RedisClient

/// Replies that are too long are skipped, and the others are the same as without a limit.
struct SkippedReplyTests {
    private static let limit = 32

    private static func bulk(_ length: Int) -> String {
        "$\(length)\r\n" + String(repeating: "x", count: length) + "\r\n"
    }

    /// Each is longer than the limit.
    private static let long = [
        bulk(100), "+" + String(repeating: "x\r", count: 50) + "\r\n",
        "-ERR " + String(repeating: "\n", count: 50) + "\r\n",
        "*9\r\n" + String(repeating: ":1\r\n", count: 9),
        "*3\r\n" + bulk(0) + bulk(60) + bulk(1),
        "*4\r\n*0\r\n*-1\r\n$-1\r\n*3\r\n*1\r\n*2\r\n:1\r\n" + bulk(12) + "+\r\n-\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*2\r\n:1\r\n:22\r\n", "*2\r\n" + bulk(40) + "*0\r\n",
        "*2\r\n" + bulk(17) + "*1\r\n" + bulk(30),
    ]

    private static let short = "*3\r\n$2\r\nab\r\n*1\r\n:7\r\n$-1\r\n"

    private static let shortReply = RedisReply.array([
        .bulk("ab"), .array([.integer(7)]), .null,
    ])

    @Test(arguments: long)
    func `a reply that is too long is replaced, wherever the stream is split`(reply: String) {
        let stream = Array((Self.short + reply + Self.short + reply + reply + "+OK\r\n").utf8)
        let expected = Decoded(replies: [
            Self.shortReply, .tooLong, Self.shortReply, .tooLong, .tooLong, .status("OK"),
        ])
        for pieceLength in 1...stream.count {
            #expect(
                Decoded(stream, pieceLength: pieceLength, replyLengthMax: Self.limit) == expected
            )
        }
        for split in 0...stream.count {
            let pieces = [Array(stream[..<split]), Array(stream[split...])]
            #expect(Decoded(pieces: pieces, replyLengthMax: Self.limit) == expected)
        }
    }

    @Test(arguments: long + [short, "+OK\r\n", ":1\r\n", bulk(3)])
    func `a reply as long as the limit is whole, and one byte more is too long`(reply: String) {
        let length = reply.utf8.count
        let stream = reply + ":1\r\n"
        let whole = Decoded(stream)
        #expect(whole.replies.count == 2)
        for pieceLength in [1, 2, 7, length - 1, length, length + 1, .max] {
            for limit in [length, length + 1] {
                #expect(
                    Decoded(stream, pieceLength: pieceLength, replyLengthMax: limit) == whole
                )
            }
            #expect(
                Decoded(stream, pieceLength: pieceLength, replyLengthMax: length - 1)
                    == Decoded(replies: [.tooLong, length > 4 ? .integer(1) : .tooLong])
            )
        }
    }

    @Test func `a reply is handed out as too long before its end arrives`() throws {
        let decoder = try #require(RESPDecoder(replyLengthMax: 10))
        decoder.feed("$20\r\nabcde")
        #expect(try decoder.next() == nil)
        decoder.feed("f")
        #expect(try decoder.next() == .tooLong)
        #expect(try decoder.next() == nil)
        decoder.feed(String(repeating: "x", count: 14) + "\r")
        #expect(try decoder.next() == nil)
        decoder.feed("\n+OK\r\n")
        #expect(try decoder.next() == .status("OK"))
    }

    @Test(arguments: [
        "$-2\r\n", "$-11\r\n", "$--1\r\n", "$-\r\n", "$\r\n", "$01\r\n", "$+1\r\n", "$1x\r\n",
        "$1\r1\n", "$1\n", "$ 1\r\n", "$9223372036854775808\r\n", "$99999999999999999999999\r\n",
        "*-2\r\n", "*2147483648\r\n",
        "*9223372036854775807\r\n", "*x\r\n", "x", "%1\r\n", "\r\n",
    ])
    func `an impossible length or type in a skipped reply ends the stream`(element: String) {
        let stream = "*99\r\n" + Self.bulk(Self.limit) + element
        for pieceLength in [1, 3, Self.limit + 5] {
            #expect(
                Decoded(stream, pieceLength: pieceLength, replyLengthMax: Self.limit)
                    == Decoded(replies: [.tooLong], failure: .malformed)
            )
        }
    }

    @Test func `arrays in a skipped reply may be nested without end, each of the greatest length`()
    {
        let stream = String(repeating: "*2147483647\r\n", count: 10_000)
        #expect(
            Decoded(stream, pieceLength: 16, replyLengthMax: Self.limit)
                == Decoded(replies: [.tooLong])
        )
    }

    @Test func `gigabytes are skipped in the memory of one piece`() throws {
        let decoder = try #require(RESPDecoder(replyLengthMax: 4096))
        let before = Self.peakKilobytes()
        let text = String(repeating: "x", count: 1 << 16)
        let elements = String(repeating: "*0\r\n", count: 1 << 14)
        let pieces =
            ["*3\r\n$1073741824\r\n"] + [String](repeating: text, count: 1 << 14)
            + ["\r\n*16777216\r\n"] + [String](repeating: elements, count: 1 << 10)
            + [":1\r\n+OK\r\n"]
        var replies: [RedisReply] = []
        for piece in pieces {
            decoder.feed(piece)
            while let reply = try decoder.next() { replies.append(reply) }
        }
        #expect(replies == [.tooLong, .status("OK")])
        #expect(Self.peakKilobytes() - before < 256_000)
    }

    /// The most memory that this process has ever used.
    private static func peakKilobytes() -> Int {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_maxrss
    }
}
