import CHiredis

/// Cuts a stream of bytes into replies, with hiredis' reader.
///
/// After an error the stream cannot be trusted any more: the decoder stays failed.
public final class RESPDecoder {
    /// Why a stream of bytes is not what Redis sends.
    public enum Failure: Error, Equatable, Sendable {
        /// The bytes break the protocol.
        case malformed
        /// A reply is longer than the decoder accepts.
        case tooLong
    }

    private let reader: UnsafeMutablePointer<redisReader>
    private let nodes = ReplyNodes()
    private let replyLengthMax: Int
    private var unansweredLength = 0
    private var failure: Failure?

    /// A decoder for replies of at most `replyLengthMax` bytes. `nil` when there is no memory.
    public init?(replyLengthMax: Int = 1 << 20) {
        guard let reader = redisReaderCreateWithFunctions(ReplyNodes.functions) else { return nil }
        self.reader = reader
        self.replyLengthMax = replyLengthMax
        reader.pointee.privdata = Unmanaged.passUnretained(nodes).toOpaque()
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Takes bytes as they come, in pieces of any size.
    public func feed(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, !bytes.isEmpty, let start = bytes.baseAddress else { return }
        unansweredLength += bytes.count
        if redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), bytes.count)
            != REDIS_OK
        {
            failure = .malformed
        }
    }

    /// The next whole reply, or `nil` until more bytes have come.
    public func next() throws(Failure) -> RedisReply? {
        if let failure { throw failure }
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw fail(.malformed) }
        guard object != nil else {
            if unansweredLength > replyLengthMax { throw fail(.tooLong) }
            return nil
        }
        unansweredLength = reader.pointee.len - reader.pointee.pos
        guard let reply = nodes.take() else { throw fail(.malformed) }
        return reply
    }

    private func fail(_ failure: Failure) -> Failure {
        self.failure = failure
        return failure
    }
}
