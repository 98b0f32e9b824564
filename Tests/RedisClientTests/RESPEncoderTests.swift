import TestSupport
import Testing

@testable import RedisClient

struct RESPEncoderTests {
    private func encoded(_ command: RedisCommand) -> String {
        var output: [UInt8] = []
        RESPEncoder.append(command, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func `a command is encoded as an array of its arguments`() {
        #expect(encoded(RedisCommand("PING")) == "*1\r\n$4\r\nPING\r\n")
        #expect(
            encoded(RedisCommand("HMGET", "latchkey:record:{a}", "mac"))
                == "*3\r\n$5\r\nHMGET\r\n$19\r\nlatchkey:record:{a}\r\n$3\r\nmac\r\n"
        )
    }

    @Test(arguments: [1, 9, 10, 11, 99, 100, 101, 1000])
    func `lengths and counts are decimal`(number: Int) {
        let text = String(repeating: "a", count: number)
        #expect(encoded(RedisCommand(.text(text))) == "*1\r\n$\(number)\r\n\(text)\r\n")
        let many = RedisCommand(Array(repeating: "b", count: number))
        #expect(encoded(many).hasPrefix("*\(number)\r\n$1\r\nb\r\n"))
    }

    @Test func `arguments may be empty`() {
        #expect(encoded(RedisCommand("SET", "", "")) == "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n")
        #expect(encoded(RedisCommand("")) == "*1\r\n$0\r\n\r\n")
    }

    @Test func `an argument cannot end its command`() {
        let command = RedisCommand("SET", "a\r\n$1\r\nb", "*1\r\n$8\r\nFLUSHALL\r\n")
        #expect(
            CommandReader.commands(in: Array(encoded(command).utf8)) == [
                ["SET", "a\r\n$1\r\nb", "*1\r\n$8\r\nFLUSHALL\r\n"]
            ]
        )
    }

    @Test func `bytes of every value are encoded unchanged`() {
        let bytes = (UInt8.min...UInt8.max).map { $0 }
        var command = RedisCommand("SET")
        command.append(bytes)
        var output: [UInt8] = []
        RESPEncoder.append(command, to: &output)
        #expect(output == Array("*2\r\n$3\r\nSET\r\n$256\r\n".utf8) + bytes + Array("\r\n".utf8))
    }

    @Test func `commands are encoded one after the other`() {
        var output = Array("x".utf8)
        RESPEncoder.append(RedisCommand("A"), to: &output)
        RESPEncoder.append(RedisCommand("B", "c"), to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == "x*1\r\n$1\r\nA\r\n*2\r\n$1\r\nB\r\n$1\r\nc\r\n"
        )
    }

    @Test func `a command with many arguments is encoded completely`() {
        var command = RedisCommand("ZADD")
        for index in 0..<10_000 { command.append(.number(index)) }
        let expected = ["ZADD"] + (0..<10_000).map(String.init)
        #expect(CommandReader.commands(in: Array(encoded(command).utf8)) == [expected])
    }

    @Test func `the boundaries of arguments matter`() {
        var command = RedisCommand("A", "", "bc")
        command.append([0, 255] as [UInt8])
        #expect(command.arguments.map(Array.init) == [[0x41], [], [0x62, 0x63], [0, 255]])
        #expect(RedisCommand("AB", "C") != RedisCommand("A", "BC"))
    }
}
