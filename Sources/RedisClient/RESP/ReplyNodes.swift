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

    /// Memory for longer replies is not kept for the next one.
    private static let textsKeptMax = 4096
    private static let elementsKeptMax = 64

    private var nodes: [Node] = []

    /// Where the next node stands that is made a reply.
    private var position = 0

    private var texts: [UInt8] = []

    /// Those of the reply, where that is a list.
    private var elements: [RedisReply] = []

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
        Unmanaged<ReplyNodes>.fromOpaque(collector)._withUnsafeGuaranteedRef { nodes in
            if task.pointee.parent == nil { nodes.clear() }
            body(nodes)
        }
        return collector
    }

    /// Begins anew, in the memory of the last reply where nobody has that any more.
    private func clear() {
        nodes.removeAll(keepingCapacity: true)
        elements.removeAll(keepingCapacity: elements.capacity <= Self.elementsKeptMax)
        texts.removeAll(keepingCapacity: texts.capacity <= Self.textsKeptMax)
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
        position = 0
        guard case .array(let count) = nodes.first else { return next() }
        position = 1
        return append(count, to: &elements) ? .array(elements) : nil
    }

    private func next() -> RedisReply? {
        guard position < nodes.count else { return nil }
        let node = nodes[position]
        position += 1
        switch node {
        case .status(let range): return .status(texts[range])
        case .error(let range): return .error(texts[range])
        case .bulk(let range): return .bulk(texts[range])
        case .integer(let value): return .integer(value)
        case .null: return .null
        case .array(let count):
            var elements: [RedisReply] = []
            return append(count, to: &elements) ? .array(elements) : nil
        }
    }

    /// Appends the elements of a list; returns `false` where they are not all there.
    private func append(_ count: Int, to elements: inout [RedisReply]) -> Bool {
        guard count >= 0, count <= nodes.count - position else { return false }
        elements.reserveCapacity(count)
        for _ in 0..<count {
            guard let element = next() else { return false }
            elements.append(element)
        }
        return true
    }
}
