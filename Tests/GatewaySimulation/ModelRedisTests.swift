import RedisClient
import Testing

/// What was measured of Redis 7, and what a worker's promises rest on.
struct ModelRedisTests {
    private let timeline = Timeline(seed: 1, story: Story())
    private let store: ModelRedis
    private let network: Network

    init() {
        store = ModelRedis(timeline)
        let weather = Weather(delayMax: .microseconds(20), stallMax: 0, stallPercent: 0)
        network = Network(timeline, store, weather, isLocal: true)
    }

    /// Says commands, all at once, and returns what has come back some time later.
    private func say(_ commands: String..., on wire: Wire) -> String {
        for command in commands { send(command, on: wire) }
        return heard(on: wire)
    }

    private func send(_ command: String, on wire: Wire) {
        var words = RedisCommand()
        for word in command.split(separator: " ") { words.append(.text(String(word))) }
        var bytes: [UInt8] = []
        RESPEncoder.append(words, to: &bytes)
        wire.up.send(bytes)
    }

    private func heard(on wire: Wire) -> String {
        timeline.run(until: timeline.now + .milliseconds(5))
        let text = String(decoding: wire.down.take(), as: UTF8.self)
        return text.split(separator: "\r\n").joined(separator: " ")
    }

    private func connection() -> Wire { network.connect(.stranger) }

    /// A connection that is told of changed records and of barriers.
    private func listener() -> Wire {
        let wire = connection()
        let number = say("CLIENT ID", on: wire).dropFirst()
        let tracking = "CLIENT TRACKING ON REDIRECT \(number) BCAST PREFIX latchkey:record:"
        #expect(say(tracking, on: wire) == "+OK")
        #expect(
            say("SUBSCRIBE __redis__:invalidate", "SUBSCRIBE latchkey:barrier", on: wire)
                == "*3 $9 subscribe $20 __redis__:invalidate :1 "
                + "*3 $9 subscribe $16 latchkey:barrier :2"
        )
        return wire
    }

    private static let change = "*3 $7 message $20 __redis__:invalidate *1 $17 latchkey:record:a"
    private static let barrier = "*3 $7 message $16 latchkey:barrier $1 n"

    @Test func `what is published behind a change's answer comes behind the news`() {
        let (listener, writer) = (listener(), connection())
        #expect(say("HSET latchkey:record:a f 1", on: writer) == ":1")
        #expect(say("PUBLISH latchkey:barrier n", on: writer) == ":1")
        #expect(heard(on: listener) == "\(Self.change) \(Self.barrier)")
    }

    @Test func `what is published together with a change comes before the news`() {
        let (listener, writer) = (listener(), connection())
        _ = say("HSET latchkey:record:a f 1", "PUBLISH latchkey:barrier n", on: writer)
        #expect(heard(on: listener) == "\(Self.barrier) \(Self.change)")
    }

    @Test func `an answer of the turn of a change comes before its news`() {
        let (listener, writer) = (listener(), connection())
        store.pause()
        send("PING 17", on: listener)
        send("HSET latchkey:record:a f 1", on: writer)
        #expect(heard(on: listener) == "")
        store.resume()
        #expect(heard(on: listener) == "*2 $4 pong $2 17 \(Self.change)")
    }

    @Test func `only records are told, once for all changes of a turn`() {
        let (listener, writer) = (listener(), connection())
        _ = say("HSET latchkey:gateways w 1", on: writer)
        _ = say("HSET latchkey:record:a f 1", "HSET latchkey:record:a f 1", on: writer)
        #expect(heard(on: listener) == Self.change)
        #expect(say("HDEL latchkey:record:a g", on: writer) == ":0")
        #expect(heard(on: listener) == "")
    }

    @Test func `the emptying of the store is told at once, with no names`() {
        let (listener, writer) = (listener(), connection())
        _ = say("FLUSHALL", on: writer)
        #expect(heard(on: listener) == "*3 $7 message $20 __redis__:invalidate $-1")
    }

    @Test func `a field that is written again is not added`() {
        let writer = connection()
        #expect(say("HSET latchkey:gateways w 1", on: writer) == ":1")
        #expect(say("HSET latchkey:gateways w 2", on: writer) == ":0")
        #expect(say("HDEL latchkey:gateways w", on: writer) == ":1")
        #expect(say("HSET latchkey:gateways w 2", on: writer) == ":1")
    }

    @Test func `a transaction fails if what it watches was written, by whomever`() {
        let (one, other) = (connection(), connection())
        let transaction = ["MULTI", "HINCRBY latchkey:record:a version 1"]
        #expect(
            say("WATCH latchkey:record:a", transaction[0], transaction[1], on: one).hasSuffix(
                "+QUEUED"
            )
        )
        #expect(say("EXEC", on: one) == "*1 :1")
        _ = say("WATCH latchkey:record:a", transaction[0], transaction[1], on: one)
        #expect(say("HSET latchkey:record:a f 1", on: other) == ":1")
        #expect(say("EXEC", on: one) == "*-1")
        _ = say("WATCH latchkey:record:a", on: one)
        _ = say("FLUSHALL", on: other)
        #expect(say("MULTI", "EXEC", on: one) == "+OK *-1")
    }

    @Test func `a wait for a list ends with an element, or after its time`() {
        let (one, other) = (connection(), connection())
        #expect(say("BLPOP list 0.020", on: one) == "")
        #expect(say("RPUSH list a b", on: other) == ":2")
        #expect(heard(on: one) == "*2 $4 list $1 a")
        #expect(say("LPOP list 10", on: other) == "*1 $1 b")
        #expect(say("BLPOP list 0.004", "PING", on: one) == "*-1 +PONG")
    }

    @Test func `a stopped server takes connections and bytes, and serves them later`() {
        store.pause()
        let wire = connection()
        #expect(wire.state == .open)
        #expect(say("PING", on: wire) == "")
        store.resume()
        #expect(heard(on: wire) == "+PONG")
    }

    @Test func `a server that has ended keeps its data and forgets its connections`() {
        let wire = listener()
        _ = say("HSET latchkey:record:a f 1", on: connection())
        _ = heard(on: wire)
        store.die(isHeard: true)
        #expect(heard(on: wire) == "")
        #expect(wire.down.hasEnded)
        #expect(connection().state == .refused)
        store.start()
        timeline.run(until: timeline.now + .milliseconds(60))
        #expect(say("HGET latchkey:record:a f", on: connection()) == "$1 1")
    }
}
