import Glibc
import KeyFormat
import Keyring
import RedisClient

@testable import Administration

/// A real store of several servers.
protocol RealServers: Sendable {
    var processes: ServerProcesses { get }

    /// What `latchkey_store` names.
    var url: String { get }
}

extension RealServers {
    /// A configuration that names the store, and a pepper.
    func configuration(_ directives: [Directive] = []) throws -> Configuration {
        let pepper = "\(processes.folder)/pepper"
        if access(pepper, F_OK) != 0 {
            var file = try NewFile(pepper, mode: 0o600)
            try PepperRing.makeContents().withSpan { contents throws(AdministrationError) in
                try file.commit(contents)
            }
        }
        return try Configuration(
            [
                Directive(name: "latchkey_store", values: [url]),
                Directive(name: "latchkey_pepper_file", values: [pepper]),
                Directive(name: "latchkey_lease", values: ["100ms"]),
            ] + directives
        )
    }

    /// What an account may do with the store.
    func administration(_ account: String = "alice", _ directives: [Directive] = []) throws
        -> AdministrationContext
    {
        let configuration = try configuration(directives)
        return try AdministrationContext(
            configuration,
            caller: Caller(
                account: Principal(account)!,
                as: nil,
                operators: configuration.operators
            )
        )
    }

    /// The reply of one server to a command.
    func ask(_ endpoint: Endpoint, _ words: [String]) throws -> RedisReply {
        let connection = StoreConnection(at: endpoint, credentials: nil)
        return try connection.execute([RedisCommand(words.map { .text($0) })])[0]
    }

    func wait(_ condition: () throws -> Bool) throws {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 60_000)
        while (try? condition()) != true {
            guard SystemClock.monotonicTime() < deadline else { throw ServerProcesses.NotStarted() }
            usleep(20_000)
        }
    }
}
