import CHiredis

/// Parses a stream of bytes into replies, with hiredis' reader.
///
/// A reply that is too long is skipped as it arrives: ``RedisReply/tooLong`` stands in its place, so that
/// each command still gets one reply. After an error the rest of the stream has no meaning, so the
/// decoder stays failed.
public final class RESPDecoder {
    /// Why a stream cannot be parsed.
    public enum Failure: Error, Equatable, Sendable {
        /// The bytes violate the protocol.
        case malformed
    }

    private let reader: UnsafeMutablePointer<redisReader>
    private let nodes = ReplyNodes()
    private let replyLengthMax: Int
    /// Bytes received since the last whole reply.
    private var unparsedLength = 0
    /// The rest of a reply that was handed out as too long.
    private var skipped: SkippedReply?
    private var failure: Failure?

    /// A decoder for replies of at most `replyLengthMax` bytes; `nil` if memory is exhausted.
    public init?(replyLengthMax: Int = LinkSettings.replyLengthMax) {
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
        guard failure == nil else { return }
        let bytes = skipped == nil ? bytes : skip(bytes)
        guard !bytes.isEmpty, let start = bytes.baseAddress else { return }
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
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw fail() }
        guard object != nil else {
            guard unparsedLength > replyLengthMax else { return nil }
            beginSkipping()
            return .tooLong
        }
        let rest = reader.pointee.len - reader.pointee.pos
        let length = unparsedLength - rest
        unparsedLength = rest
        guard length <= replyLengthMax else { return .tooLong }
        guard let reply = nodes.finishReply() else { throw fail() }
        return reply
    }

    private func fail() -> Failure {
        failure = .malformed
        return .malformed
    }
}

// MARK: - Replies that are too long

extension RESPDecoder {
    /// Takes an unfinished reply away from the reader, which waits for the end of one of its elements.
    private func beginSkipping() {
        let level = Int(reader.pointee.ridx)
        let type = withUnsafeBytes(of: &reader.pointee.rstack) {
            $0.bindMemory(to: redisReadTask.self)[level].type
        }
        skipped = SkippedReply(elements: level == 0 ? 1 : nodes.missing, type: type)
        nodes.clear()
        let unread = UnsafeRawBufferPointer(
            start: reader.pointee.buf + reader.pointee.pos,
            count: reader.pointee.len - reader.pointee.pos
        )
        unparsedLength = skip(unread).count
        reader.pointee.pos = reader.pointee.len - unparsedLength
        reader.pointee.ridx = -1
    }

    /// Skips bytes of a reply that is too long; returns those after it.
    private func skip(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard var reply = skipped else { return bytes }
        do throws(Failure) {
            let count = try reply.skip(bytes)
            skipped = reply.isOver ? nil : reply
            return UnsafeRawBufferPointer(rebasing: bytes[count...])
        } catch {
            failure = error
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }
}
