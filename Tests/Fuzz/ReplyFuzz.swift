import RedisClient
import TestSupport

/// Replies: a stream yields the same replies in pieces of any size, an intact stream yields what was
/// written, a limit replaces the replies that exceed it and no other, and a link that receives a
/// corrupted stream answers each command once and continues.
struct ReplyFuzz: FuzzTarget {
    private let link = LinkFuzz()
    private var whole = 0
    private var refused = 0
    private var tooLong = 0
    private let mutations = Mutations(words: [
        "*", "$", "+", "-", ":", "\r\n", "\r", "\n", "*-1\r\n", "$-1\r\n", "$0\r\n\r\n", "*0\r\n",
        ":0\r\n", "*1\r\n",
        "*2147483647\r\n", "*4294967297\r\n", "$9999999999\r\n", "$9223372036854775807\r\n",
        ":9223372036854775808\r\n", "%1\r\n", ">1\r\n", "_\r\n", "0", "9", "-1", "\0",
    ])

    var outcomes: [Int] { [whole, refused, tooLong] + link.outcomes }

    var tally: String {
        "\(whole) replies, \(refused) streams refused, \(tooLong) replies too long; \(link.tally)"
    }

    mutating func run(_ random: inout SplitMix64) throws {
        if random.once(in: 16) {
            try check(random.bytes(count: random.below(80)), expected: nil, &random)
            return
        }
        let replies = (0...random.below(3)).map { _ in reply(depth: 0, &random) }
        var stream: [UInt8] = []
        for reply in replies { append(reply, to: &stream) }
        let mutationCount = random.below(4)
        for _ in 0..<mutationCount { mutations.apply(to: &stream, &random) }
        try check(stream, expected: mutationCount == 0 ? replies : nil, &random)
    }

    private mutating func check(
        _ stream: [UInt8],
        expected: [RedisReply]?,
        _ random: inout SplitMix64
    ) throws {
        let atOnce = decode(stream, cuts: nil)
        let inPieces = decode(stream, cuts: random)
        guard atOnce == inPieces else { throw Violation("pieces change the replies", stream) }
        if let expected, atOnce.replies != expected || atOnce.failure != nil {
            throw Violation("replies are not parsed as they were written", stream)
        }
        whole += atOnce.replies.count
        if atOnce.failure != nil { refused += 1 }
        if random.once(in: 4) { try checkLimit(stream, atOnce, &random) }
        if random.once(in: 8) { try link.run(stream, &random) }
    }

    /// What follows an unfinished or corrupted reply that is too long may be decoded in any way.
    private mutating func checkLimit(
        _ stream: [UInt8],
        _ unlimited: Decoded,
        _ random: inout SplitMix64
    ) throws {
        let limit = 1 + random.below(60)
        let limited = decode(stream, cuts: random, replyLengthMax: limit)
        let (lengths, rest) = lengths(stream)
        let expected = zip(unlimited.replies, lengths).map { $1 > limit ? .tooLong : $0 }
        let more = limited.replies.dropFirst(expected.count)
        guard limited.replies.starts(with: expected) else {
            throw Violation("a limit of \(limit) changes other replies", stream)
        }
        guard more.first == (rest > limit && unlimited.failure == nil ? .tooLong : more.first),
            more.isEmpty ? limited.failure == unlimited.failure : more.first == .tooLong,
            more.isEmpty || rest > limit
        else { throw Violation("a limit of \(limit) is not applied to the last reply", stream) }
        tooLong += limited.replies.count { $0 == .tooLong }
    }

    /// The lengths of all whole replies, and of what follows the last one.
    private func lengths(_ stream: [UInt8]) -> (replies: [Int], rest: Int) {
        var lengths: [Int] = []
        var start = 0
        guard let decoder = RESPDecoder() else { return ([], 0) }
        stream.withUnsafeBytes { bytes in
            for end in bytes.indices {
                decoder.feed(UnsafeRawBufferPointer(rebasing: bytes[end...end]))
                guard (try? decoder.next()) != nil else { continue }
                lengths.append(end + 1 - start)
                start = end + 1
            }
        }
        return (lengths, stream.count - start)
    }

    // MARK: Decoding

    private struct Decoded: Equatable {
        var replies: [RedisReply] = []
        var failure: RESPDecoder.Failure?
    }

    private func decode(
        _ stream: [UInt8],
        cuts: SplitMix64?,
        replyLengthMax: Int = LinkSettings.replyLengthMax
    ) -> Decoded {
        var decoded = Decoded()
        guard let decoder = RESPDecoder(replyLengthMax: replyLengthMax) else { return decoded }
        var cuts = cuts
        stream.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count, decoded.failure == nil {
                let end = min(bytes.count, start + 1 + (cuts?.below(12) ?? bytes.count))
                decoder.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
                take(decoder, &decoded)
            }
        }
        return decoded
    }

    private func take(_ decoder: RESPDecoder, _ decoded: inout Decoded) {
        do throws(RESPDecoder.Failure) {
            while let reply = try decoder.next() { decoded.replies.append(reply) }
        } catch {
            decoded.failure = error
        }
    }

    // MARK: Streams

    private func reply(depth: Int, _ random: inout SplitMix64) -> RedisReply {
        switch random.below(depth < 5 ? 8 : 6) {
        case 0: .status(line(&random))
        case 1: .error(line(&random))
        case 2: .integer(Int64(bitPattern: random.next()) >> Int64(random.below(64)))
        case 3: .null
        case 4, 5: .bulk(random.bytes(count: random.below(random.once(in: 50) ? 3000 : 20))[...])
        default: .array((0..<random.below(5)).map { _ in reply(depth: depth + 1, &random) })
        }
    }

    private func line(_ random: inout SplitMix64) -> ArraySlice<UInt8> {
        random.bytes(count: random.below(12)).filter { $0 != 0x0D && $0 != 0x0A }[...]
    }

    private func append(_ reply: RedisReply, to stream: inout [UInt8]) {
        switch reply {
        case .status(let text): stream += "+".utf8 + text
        case .error(let text): stream += "-".utf8 + text
        case .integer(let number): stream += ":\(number)".utf8
        case .null: stream += "$-1".utf8
        case .bulk(let text): stream += "$\(text.count)\r\n".utf8 + text
        case .array(let elements): stream += "*\(elements.count)".utf8
        }
        stream += "\r\n".utf8
        if case .array(let elements) = reply {
            for element in elements { append(element, to: &stream) }
        }
    }
}
