import Foundation

@testable import Administration

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    struct NotReadable: Error {}

    let path: String

    init() {
        var template = Array("/tmp/latchkey-tests-XXXXXX".utf8CString)
        mkdtemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The permissions of a file, or `nil` where there is none.
    func mode(_ name: String) -> mode_t? {
        var status = stat()
        guard lstat("\(path)/\(name)", &status) == 0 else { return nil }
        return status.st_mode & 0o7777
    }

    /// What a file holds.
    func text(_ name: String) throws -> String {
        guard let file = fopen("\(path)/\(name)", "r") else { throw NotReadable() }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Makes a file.
    func write(_ text: String, to name: String) throws -> String {
        var file = try NewFile("\(path)/\(name)", mode: 0o600)
        try file.commit(Array(text.utf8).span)
        return "\(path)/\(name)"
    }
}
