import RedisClient

/// One direction of a connection: bytes arrive in order, late, and in other pieces.
final class Pipe {
    private let timeline: Timeline
    private let latency: Latency
    private var lastArrival: Nanoseconds = 0
    private var heldUntil: Nanoseconds = 0
    private var heldFromMiddle: Nanoseconds?
    private var arrived: [UInt8] = []
    private var losses = 0

    /// Whether the end has arrived; it is the last thing to arrive.
    private(set) var hasEnded = false

    /// Whether all further bytes are silently dropped.
    private(set) var isBroken = false

    /// Called when something has arrived.
    var onArrival: () -> Void = {}

    init(_ timeline: Timeline, _ latency: Latency) {
        self.timeline = timeline
        self.latency = latency
    }

    var hasArrivals: Bool { !arrived.isEmpty || hasEnded }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let isWhole = heldFromMiddle == nil && timeline.chance.percent(70)
            let piece = rest.prefix(isWhole ? rest.count : timeline.chance.number(1...rest.count))
            rest = rest.dropFirst(piece.count)
            deliver { $0.arrived += piece }
            if let heldFromMiddle { heldUntil = max(heldUntil, heldFromMiddle) }
            heldFromMiddle = nil
        }
    }

    /// Sends the end.
    func end() {
        deliver { $0.hasEnded = true }
    }

    private func deliver(_ change: @escaping (Pipe) -> Void) {
        guard !isBroken else { return }
        let delay = latency.delay(&timeline.chance)
        lastArrival = max(lastArrival, heldUntil, timeline.now + delay)
        timeline.at(lastArrival) { [self, losses] in
            guard !isBroken, !hasEnded, losses == self.losses else { return }
            change(self)
            onArrival()
        }
    }

    /// Removes and returns arrived bytes.
    func read(atMost count: Int = .max) -> [UInt8] {
        if count >= arrived.count {
            defer { arrived = [] }
            return arrived
        }
        defer { arrived.removeFirst(count) }
        return Array(arrived.prefix(count))
    }

    /// Delays all further bytes until a moment. With `isInMiddle`, the first part of the next bytes still
    /// gets through.
    func hold(until moment: Nanoseconds, isInMiddle: Bool = false) {
        if isInMiddle { heldFromMiddle = moment } else { heldUntil = max(heldUntil, moment) }
    }

    /// Drops the bytes in flight: only the end may follow them.
    func loseAll() {
        losses += 1
        lastArrival = timeline.now
        heldUntil = 0
    }

    /// Silently drops all further bytes.
    func breakOff() { isBroken = true }

    /// Drops all bytes: the receiver has closed.
    func abandon() {
        onArrival = {}
        arrived = []
        isBroken = true
    }
}

/// One connection between a client and the store.
final class Wire {
    enum State {
        case connecting
        case open
        case refused
        /// The client has closed it.
        case closed
    }

    let client: Client
    /// Where the client connects to.
    let endpoint: Endpoint?
    let up: Pipe
    let down: Pipe
    var state = State.connecting

    init(_ client: Client, _ timeline: Timeline, _ latency: Latency, to endpoint: Endpoint?) {
        self.client = client
        self.endpoint = endpoint
        up = Pipe(timeline, latency)
        down = Pipe(timeline, latency)
    }

    /// Closes the client's end: bytes that it has sent still arrive.
    func close() {
        guard state != .closed else { return }
        state = .closed
        down.abandon()
        up.end()
    }

    /// Closes the server's end: bytes that it has sent still arrive.
    func closeByServer() {
        up.abandon()
        down.end()
    }
}

/// The client's end of a connection.
enum Client: Hashable {
    case worker(Int)
    case administrator(Int)
    case stranger
}

/// How long bytes take to arrive.
final class Latency {
    /// The usual maximum.
    private let delayMax: Nanoseconds
    /// The maximum of a stall.
    private let stallMax: Nanoseconds
    private let stallPercent: Int

    /// Whether there are no stalls.
    var isCalm = true

    init(delayMax: Nanoseconds, stallMax: Nanoseconds, stallPercent: Int) {
        self.delayMax = delayMax
        self.stallMax = stallMax
        self.stallPercent = stallPercent
    }

    func delay(_ chance: inout Chance) -> Nanoseconds {
        if !isCalm, chance.percent(stallPercent) { return chance.span(mean: stallMax / 3) }
        return chance.number(10_000...delayMax)
    }
}
