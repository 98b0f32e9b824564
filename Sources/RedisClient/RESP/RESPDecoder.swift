import CHiredis

/// Parses a stream of bytes into replies, with hiredis' reader.
///
/// After an error the rest of the stream has no meaning, so the decoder stays failed.
public final class RESPDecoder {
    /// Why a stream cannot be parsed.
    public enum Failure: Error, Equatable, Sendable {
        /// The bytes violate the protocol.
        case malformed
        /// A reply exceeds the limit.
        case tooLong
    }

    private let reader: UnsafeMutablePointer<redisReader>
    private let nodes = ReplyNodes()
    private let replyLengthMax: Int
    /// Bytes received since the last whole reply.
    private var unparsedLength = 0
    private var failure: Failure?

    /// A decoder for replies of at most `replyLengthMax` bytes; `nil` if memory is exhausted.
    public init?(replyLengthMax: Int = 1 << 20) {
        guard let reader = redisReaderCreateWithFunctions(ReplyNodes.functions) else { return nil }
        self.reader = reader
        self.replyLengthMax = replyLengthMax
        reader.pointee.privdata = Unmanaged.passUnretained(nodes).toOpaque()
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Appends received bytes, in pieces of any size.
    public func feed(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, !bytes.isEmpty, let start = bytes.baseAddress else { return }
        unparsedLength += bytes.count
        if redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), bytes.count)
            != REDIS_OK
        {
            failure = .malformed
        }
    }

    /// The next whole reply, or `nil` until more bytes arrive.
    ///
    /// - Throws: The failure of the stream; the same one at every later call.
    public func next() throws(Failure) -> RedisReply? {
        if let failure { throw failure }
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw fail(.malformed) }
        guard object != nil else {
            if unparsedLength > replyLengthMax { throw fail(.tooLong) }
            return nil
        }
        unparsedLength = reader.pointee.len - reader.pointee.pos
        guard let reply = nodes.finishReply() else { throw fail(.malformed) }
        return reply
    }

    private func fail(_ failure: Failure) -> Failure {
        self.failure = failure
        return failure
    }
}
