import Foundation

/// A folder that is removed with its last user.
public final class TemporaryFolder: Sendable {
    /// The folder's absolute path.
    public let path: String

    /// An empty folder that only this account may use.
    public init() {
        let parent = FileManager.default.temporaryDirectory.path
        var template = Array("\(parent)/latchkey-tests-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary folder can be made")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file; returns its path.
    public func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    /// The contents of a file.
    public func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }

    /// The permissions of a file, symbolic links not followed; `nil` if there is none.
    public func mode(_ name: String) -> mode_t? {
        var status = stat()
        guard lstat("\(path)/\(name)", &status) == 0 else { return nil }
        return status.st_mode & 0o7777
    }
}
