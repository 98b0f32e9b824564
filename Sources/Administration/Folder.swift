extension String {
    /// The folder of an absolute path.
    package var folder: String { "/" + split(separator: "/").dropLast().joined(separator: "/") }

    /// The path of a file in this folder.
    func file(_ name: String) -> String { hasSuffix("/") ? self + name : "\(self)/\(name)" }
}
