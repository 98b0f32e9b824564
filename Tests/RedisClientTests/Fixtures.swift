@testable import RedisClient

/// Replies from strings.
extension RedisReply {
    static func status(_ text: String) -> RedisReply { .status(Array(text.utf8)[...]) }

    static func error(_ text: String) -> RedisReply { .error(Array(text.utf8)[...]) }

    static func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }
}

extension RESPDecoder {
    func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { feed($0) }
    }

    func feed(_ text: String) {
        feed(Array(text.utf8))
    }
}

/// What a decoder made of a stream: its replies, and why it stopped if it did.
struct Decoded: Equatable {
    var replies: [RedisReply] = []
    var failure: RESPDecoder.Failure?

    /// Feeds a stream in pieces of a length, and reads the replies after each.
    init(_ stream: [UInt8], pieceLength: Int = .max, replyLengthMax: Int = 1 << 20) {
        let length = min(pieceLength, max(stream.count, 1))
        let pieces = stride(from: 0, to: stream.count, by: length).map {
            Array(stream[$0..<min($0 + length, stream.count)])
        }
        self.init(pieces: pieces, replyLengthMax: replyLengthMax)
    }

    /// Feeds a stream in these pieces.
    init(pieces: [[UInt8]], replyLengthMax: Int) {
        let decoder = RESPDecoder(replyLengthMax: replyLengthMax)!
        for piece in pieces where failure == nil {
            decoder.feed(piece)
            takeReplies(decoder)
        }
    }

    init(_ stream: String, pieceLength: Int = .max, replyLengthMax: Int = 1 << 20) {
        self.init(Array(stream.utf8), pieceLength: pieceLength, replyLengthMax: replyLengthMax)
    }

    init(replies: [RedisReply], failure: RESPDecoder.Failure? = nil) {
        self.replies = replies
        self.failure = failure
    }

    private mutating func takeReplies(_ decoder: RESPDecoder) {
        do throws(RESPDecoder.Failure) {
            while let reply = try decoder.next() { replies.append(reply) }
        } catch {
            failure = error
        }
    }
}
