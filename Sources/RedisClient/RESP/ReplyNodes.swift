import CHiredis

/// Collects the parts of a reply that hiredis' reader parses, in the order of the stream.
///
/// Memory is allocated only for what has arrived, never for a count that a peer announces.
final class ReplyNodes {
    private enum Node {
        case status(Range<Int>)
        case error(Range<Int>)
        case bulk(Range<Int>)
        case integer(Int64)
        case null
        case array(count: Int)
    }

    /// A reply with more bytes or elements does not leave its memory to the next one.
    private static let textsKeptMax = 4096
    private static let elementsKeptMax = 64
    private static let nodesKeptMax = 1024

    private var nodes: [Node] = []

    /// Index of the next node to become a reply.
    private var position = 0

    private var texts: [UInt8] = []

    /// The elements of a reply that is an array.
    private var elements: [RedisReply] = []

    /// The callbacks of hiredis for each part of a reply; they never fail.
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

    /// Passes the collector of a task to `body`. Its address serves as the object that hiredis wants to
    /// be returned.
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

    /// Removes the previous reply, and reuses its memory if that is no longer referenced.
    func clear() {
        nodes.removeAll(keepingCapacity: nodes.capacity <= Self.nodesKeptMax)
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

    /// Number of elements, at any depth, that are known to follow those of an unfinished reply.
    var missing: Int {
        nodes.reduce(1) { missing, node in
            if case .array(let count) = node { missing + count - 1 } else { missing - 1 }
        }
    }

    /// The collected reply, or `nil` if parts of it are missing.
    func finishReply() -> RedisReply? {
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

    /// Appends the elements of an array; returns `false` if any is missing.
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
