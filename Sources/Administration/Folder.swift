extension String {
    /// The folder of an absolute path.
    package var folder: String { "/" + split(separator: "/").dropLast().joined(separator: "/") }
}
