import Glibc
import Keyring
import TestSupport
import Testing

@testable import Administration

/// Secrets that cannot be used.
struct PermissionTests {
    private let folder = TemporaryFolder()

    private func refusal(of pepper: String) throws -> AdministrationError {
        let configuration = try Configuration([
            Directive(name: "latchkey_pepper_file", values: [pepper])
        ])
        let alice = Principal("alice")!
        let caller = Caller(account: alice, as: nil, operators: [])
        let error = #expect(throws: AdministrationError.self) {
            try AdministrationContext(configuration, caller: caller)
        }
        return try #require(error)
    }

    @Test func `a missing pepper is a configuration error`() throws {
        let refusal = try self.refusal(of: "\(folder.path)/none")
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.contains("\(folder.path)/none, which does not exist"))
    }

    @Test func `a pepper that is too short is a configuration error, and not shown`()
        throws
    {
        let path = try folder.write("abcdef0123456789\n", to: "pepper")
        let refusal = try self.refusal(of: path)
        #expect(refusal.kind == .configuration)
        #expect(!refusal.message.contains("abcdef0123456789"))
    }

    @Test func `a pepper that other accounts can read is refused`() throws {
        let path = try folder.write(String(repeating: "0a", count: 32), to: "pepper")
        chmod(path, 0o604)
        let refusal = try self.refusal(of: path)
        #expect(refusal.kind == .configuration)
        #expect(refusal.message.contains("chmod"))
    }
}
