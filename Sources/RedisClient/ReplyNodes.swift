import CHiredis

/// Collects what hiredis' reader finds, in the order in which it stands in the stream.
///
/// Nothing is allocated by a count that a peer announces, only for what has arrived.
final class ReplyNodes {
    private enum Node {
        case status(Range<Int>)
        case error(Range<Int>)
        case bulk(Range<Int>)
        case integer(Int64)
        case null
        case array(count: Int)
    }

    private var nodes: [Node] = []
    private var texts: [UInt8] = []

    /// The functions that hiredis calls for each part of a reply; they never fail.
    nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(
            to: redisReplyObjectFunctions(
                createString: { task, text, length in
                    ReplyNodes.collect(task) { $0.add(task, text, length) }
                },
                createArray: { task, count in
                    ReplyNodes.collect(task) { $0.nodes.append(.array(count: Int(count))) }
                },
                createInteger: { task, value in
                    ReplyNodes.collect(task) { $0.nodes.append(.integer(value)) }
                },
                createNil: { task in ReplyNodes.collect(task) { $0.nodes.append(.null) } },
                freeObject: { _ in }
            )
        )
        return functions
    }()

    /// Finds the collector of a task; its address stands for the object that hiredis asks for.
    private static func collect(
        _ task: UnsafePointer<redisReadTask>?,
        _ body: (ReplyNodes) -> Void
    ) -> UnsafeMutableRawPointer? {
        guard let task, let collector = task.pointee.privdata else { return nil }
        let nodes = Unmanaged<ReplyNodes>.fromOpaque(collector).takeUnretainedValue()
        if task.pointee.parent == nil { nodes.clear() }
        body(nodes)
        return collector
    }

    private func clear() {
        nodes.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
    }

    private func add(
        _ task: UnsafePointer<redisReadTask>?,
        _ text: UnsafeMutablePointer<CChar>?,
        _ length: Int
    ) {
        let start = texts.count
        texts.append(contentsOf: UnsafeRawBufferPointer(start: text, count: length))
        switch task?.pointee.type {
        case REDIS_REPLY_STATUS: nodes.append(.status(start..<texts.count))
        case REDIS_REPLY_ERROR: nodes.append(.error(start..<texts.count))
        default: nodes.append(.bulk(start..<texts.count))
        }
    }

    /// Hands over the reply that was collected, or `nil` where it is not whole.
    func take() -> RedisReply? {
        let shared = texts
        texts = []
        var position = 0
        return reply(at: &position, texts: shared)
    }

    private func reply(at position: inout Int, texts: [UInt8]) -> RedisReply? {
        guard position < nodes.count else { return nil }
        let node = nodes[position]
        position += 1
        switch node {
        case .status(let range): return .status(texts[range])
        case .error(let range): return .error(texts[range])
        case .bulk(let range): return .bulk(texts[range])
        case .integer(let value): return .integer(value)
        case .null: return .null
        case .array(let count): return elements(count, at: &position, texts: texts)
        }
    }

    private func elements(_ count: Int, at position: inout Int, texts: [UInt8]) -> RedisReply? {
        guard count >= 0, count <= nodes.count - position else { return nil }
        var elements: [RedisReply] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            guard let element = reply(at: &position, texts: texts) else { return nil }
            elements.append(element)
        }
        return .array(elements)
    }
}
