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

    @Test func `a fault is reported with its file and line`() throws {
        let path = try folder.write("# Latchkey\n\nlatchkey_prefix LK;\n", to: "conf")
        let refusal = try self.refusal(of: path)
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(path):3: \"latchkey_prefix\" "))
    }

    @Test func `a missing file is reported with a remedy`() throws {
        let refusal = try self.refusal(of: "\(folder.path)/none")
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(folder.path)/none: "))
        #expect(refusal.message.contains("latchkey init"))
    }

    @Test func `what is not a file is refused`() throws {
        #expect(try refusal(of: folder.path).kind == .configuration)
    }

    @Test func `an endless file is refused`() throws {
        #expect(try refusal(of: "/dev/zero").kind == .configuration)
    }

    @Test(arguments: [
        "", "\n# nothing\n", "worker_processes 1;\n", "latchkey on;\n", "latchkey_prefix lk;\n",
        "http { latchkey_store unix:/a; latchkey_operators bob; }\n", "\0\0\0",
        "LATCHKEY_STORE unix:/a;\n", "\u{FEFF}latchkey_store unix:/a;\n",
    ])
    func `a file without latchkey_store does not select the default store`(text: String) throws {
        let refusal = try self.refusal(of: try folder.write(text, to: "conf"))
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.hasPrefix("\(folder.path)/conf"))
    }

    @Test func `a pipe without a writer does not select the default store`() throws {
        let path = "\(folder.path)/fifo"
        mkfifo(path, 0o600)
        #expect(try refusal(of: path).kind == .configuration)
    }

    @Test func `an include that matches nothing does not select the default store`() throws {
        let path = try folder.write("include \(folder.path)/none*;\n", to: "conf")
        #expect(try refusal(of: path).kind == .configuration)
    }

    @Test func `the store may be named in an included file`() throws {
        _ = try folder.write("latchkey_store unix:/a;\n", to: "store")
        let path = try folder.write("include \(folder.path)/sto*;\n", to: "conf")
        #expect(try Configuration(file: path).topology.endpoints == [.unix(path: "/a")])
    }
}
