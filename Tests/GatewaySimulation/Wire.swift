import DequeModule

/// One direction of a connection: what is sent arrives in order, late, and in other pieces.
final class Pipe {
    private let timeline: Timeline
    private let weather: Weather
    private var lastArrival: Nanoseconds = 0
    private var heldUntil: Nanoseconds = 0
    private var heldFromMiddle: Nanoseconds?
    private var arrived: [UInt8] = []

    /// Whether the end has arrived: nothing comes behind it.
    private(set) var hasEnded = false

    /// Whether nothing that is sent arrives any more, and nobody is told.
    private(set) var isBroken = false

    /// Called when something has arrived.
    var onArrival: () -> Void = {}

    init(_ timeline: Timeline, _ weather: Weather) {
        self.timeline = timeline
        self.weather = weather
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
        let delay = weather.delay(&timeline.chance)
        lastArrival = max(lastArrival, heldUntil, timeline.now + delay)
        timeline.at(lastArrival) { [self] in
            guard !isBroken, !hasEnded else { return }
            change(self)
            onArrival()
        }
    }

    /// Takes bytes that have arrived.
    func take(atMost count: Int = .max) -> [UInt8] {
        if count >= arrived.count {
            defer { arrived = [] }
            return arrived
        }
        defer { arrived.removeFirst(count) }
        return Array(arrived.prefix(count))
    }

    /// What is sent from now on arrives after a moment at the earliest; the first part of what is sent
    /// next may get through.
    func hold(until moment: Nanoseconds, isInMiddle: Bool = false) {
        if isInMiddle { heldFromMiddle = moment } else { heldUntil = max(heldUntil, moment) }
    }

    /// Nothing arrives any more.
    func breakOff() { isBroken = true }

    /// Nobody listens any more.
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
    let up: Pipe
    let down: Pipe
    var state = State.connecting

    init(_ client: Client, _ timeline: Timeline, _ weather: Weather) {
        self.client = client
        up = Pipe(timeline, weather)
        down = Pipe(timeline, weather)
    }

    /// The client closes it: what it has sent still arrives.
    func close() {
        guard state != .closed else { return }
        state = .closed
        down.abandon()
        up.end()
    }

    /// The server closes it: what it has sent still arrives.
    func closeByServer() {
        up.abandon()
        down.end()
    }
}

/// Who is at the client's end of a connection.
enum Client: Hashable {
    case worker(Int)
    case administrator(Int)
    case stranger
}

/// How long bytes are under way.
final class Weather {
    /// Most of the time at most this long.
    private let delayMax: Nanoseconds
    /// Now and then up to this long.
    private let stallMax: Nanoseconds
    private let stallPercent: Int

    /// Whether nothing takes long.
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
