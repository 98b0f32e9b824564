import Testing

@testable import RedisClient

struct OutputBufferTests {
    private func drain(_ length: Int, from output: inout OutputBuffer) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        let count = bytes.withUnsafeMutableBytes { output.drain(into: $0) }
        return Array(bytes.prefix(count))
    }

    @Test func `bytes are drained once, in order, in pieces of any size`() {
        var output = OutputBuffer()
        var appended: [UInt8] = []
        var taken: [UInt8] = []
        var state: UInt64 = 3
        func random(_ limit: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % limit)
        }
        for round in 0..<4000 {
            let bytes = (0..<random(400)).map { UInt8(truncatingIfNeeded: round &+ $0) }
            appended += bytes
            bytes.withUnsafeBytes { output.append($0) }
            // Drain more slowly than is appended, so that much accumulates.
            taken += drain(random(round < 3000 ? 250 : 2000), from: &output)
            #expect(output.isEmpty == (taken.count == appended.count))
        }
        while case let bytes = drain(4096, from: &output), !bytes.isEmpty { taken += bytes }
        #expect(taken == appended)
        #expect(output.isEmpty)
    }

    @Test func `removed bytes are not drained`() {
        var output = OutputBuffer()
        output.append(RedisCommand("SECRET"))
        let start = drain(3, from: &output)
        #expect(start == Array("*1\r".utf8))
        output.removeAll()
        #expect(output.isEmpty)
        let nothing = drain(100, from: &output)
        #expect(nothing.isEmpty)
        output.append(RedisCommand("PING"))
        let rest = drain(100, from: &output)
        #expect(rest == Array("*1\r\n$4\r\nPING\r\n".utf8))
    }

    @Test func `an empty buffer drains nothing`() {
        var output = OutputBuffer()
        output.append(RedisCommand("PING"))
        let count = output.drain(into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        #expect(count == 0)
        #expect(!output.isEmpty)
    }
}
