import Keyring
import Testing

@testable import Administration

struct OrganizationLineTests {
    private func lines(_ text: String) throws -> [OrganizationLine] {
        try OrganizationLine.lines(in: Array(text.utf8), name: "file")
    }

    @Test func `a line names an organization and its owner`() throws {
        let lines = try lines("acme alice\r\n\n# nobody\n  umbrella\t bob  ")
        #expect(lines.map(\.organization.name) == ["acme", "umbrella"])
        #expect(lines.map(\.principal.name) == ["alice", "bob"])
        #expect(lines.map(\.number) == [1, 4])
    }

    @Test func `an empty file names no organizations`() throws {
        #expect(try lines("") == [])
        #expect(try lines("\n\n") == [])
    }

    @Test(arguments: ["acme", "acme alice bob", "a/b alice", "ok bob\nacme", "ok bob\nok bob"])
    func `a file with any other line is refused with the line's number`(text: String) {
        let error = #expect(throws: AdministrationError.self) { try lines(text) }
        let number = text.split(separator: "\n").count
        #expect(error?.kind == .data)
        #expect(error?.message.hasPrefix("file:\(number): ") == true)
    }
}
