import Keyring
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
}
