import Glibc
import Keyring
import TestSupport
import Testing

@testable import Administration

struct ConfigurationLoadingTests {
    private let folder = TemporaryFolder()

    private func refusal(of path: String) throws -> AdministrationError {
        let error = #expect(throws: AdministrationError.self) { try Configuration(file: path) }
        return try #require(error)
    }

    @Test func `a fault is told with its file and line`() throws {
        let path = try folder.write("# Latchkey\n\nlatchkey_prefix LK;\n", to: "conf")
        let refusal = try self.refusal(of: path)
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(path):3: \"latchkey_prefix\" "))
    }

    @Test func `a file that is missing is told, and what to do`() throws {
        let refusal = try self.refusal(of: "\(folder.path)/none")
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(folder.path)/none: "))
        #expect(refusal.message.contains("latchkey init"))
    }

    @Test func `what is no file is refused`() throws {
        #expect(try refusal(of: folder.path).kind == .configuration)
    }

    @Test func `a file without end is refused`() throws {
        #expect(try refusal(of: "/dev/zero").kind == .configuration)
    }

    @Test(arguments: [
        "", "\n# nothing\n", "worker_processes 1;\n", "latchkey on;\n", "latchkey_prefix lk;\n",
        "http { latchkey_store unix:/a; latchkey_operators bob; }\n", "\0\0\0",
        "LATCHKEY_STORE unix:/a;\n", "\u{FEFF}latchkey_store unix:/a;\n",
    ])
    func `a file that names no store means no other store`(text: String) throws {
        let refusal = try self.refusal(of: try folder.write(text, to: "conf"))
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(folder.path)/conf"))
    }

    @Test func `a pipe that nobody writes to means no other store`() throws {
        let path = "\(folder.path)/fifo"
        mkfifo(path, 0o600)
        #expect(try refusal(of: path).kind == .configuration)
    }

    @Test func `an include that finds nothing means no other store`() throws {
        let path = try folder.write("include \(folder.path)/none*;\n", to: "conf")
        #expect(try refusal(of: path).kind == .configuration)
    }

    @Test func `the store may be named in a file that is included`() throws {
        _ = try folder.write("latchkey_store unix:/a;\n", to: "store")
        let path = try folder.write("include \(folder.path)/sto*;\n", to: "conf")
        #expect(try Configuration(file: path).topology.endpoints == [.unix(path: "/a")])
    }
}
