import Glibc
import Keyring

extension Configuration {
    /// Reads the configuration file and the files that it includes.
    ///
    /// - Throws: An error with file and line if a directive is wrong, or the file does not name the store.
    public init(file path: String) throws(AdministrationError) {
        try self.init(try Self.directives(file: path), file: path)
    }

    /// The directives of a file, and of the files that it includes.
    ///
    /// - Throws: An error with file and line if the syntax is wrong, or a file cannot be read.
    public static func directives(file path: String) throws(AdministrationError) -> [Directive] {
        try translating(try directives(in: path, depth: 0)) { fault in
            AdministrationError(fault, in: path)
        }
    }

    /// The configuration in directives that were read from a file.
    ///
    /// - Throws: An error with file and line if a directive is wrong, or none names the store.
    public init(_ directives: [Directive], file path: String) throws(AdministrationError) {
        do throws(ConfigurationFault) {
            try self.init(directives)
            // Without it, the default store could silently differ from nginx's.
            guard directives.contains(where: { $0.name == "latchkey_store" }) else {
                throw ConfigurationFault(
                    "has no latchkey_store outside of blocks: name the file that nginx includes "
                        + "in http {}, or run \"latchkey init\""
                )
            }
        } catch {
            throw AdministrationError(error, in: path)
        }
    }

    /// Deepest nesting of included files.
    private static let depthMax = 8

    /// The directives of a file in nginx's syntax, and of the files that it includes.
    ///
    /// - Parameter folder: The base of relative paths of included files; `nil` to refuse them.
    /// - Throws: A fault with file and line.
    static func directives(
        in path: String,
        depth: Int = 0,
        folder: String? = nil
    ) throws(ConfigurationFault) -> [Directive] {
        let contents = try translating(try Self.contents(path)) { (fault: ConfigurationFault) in
            ConfigurationFault(file: path, fault.message)
        }
        var directives: [Directive] = []
        for directive in try ConfigurationFile.directives(in: contents, name: path) {
            guard directive.name == "include" else {
                directives.append(directive)
                continue
            }
            guard depth < depthMax else { throw directive.fault("is nested too deeply") }
            for file in try files(directive, folder) {
                directives += try Self.directives(in: file, depth: depth + 1, folder: folder)
            }
        }
        return directives
    }

    /// The files that an `include` names, in nginx's order.
    private static func files(
        _ directive: Directive,
        _ folder: String?
    ) throws(ConfigurationFault) -> [String] {
        guard let name = directive.values.first, directive.values.count == 1 else {
            throw directive.fault("takes one file")
        }
        let path = name.hasPrefix("/") ? name : folder?.file(name) ?? name
        guard path.hasPrefix("/") else {
            throw directive.fault(
                "needs an absolute path: nginx resolves relative ones in its own folder"
            )
        }
        guard path.utf8.contains(where: { "*?[".utf8.contains($0) }) else { return [path] }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(path, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            found.gl_pathv[index].map { String(cString: $0) }
        }
    }

    /// Longest file in bytes.
    private static let lengthMax = 1 << 20

    private static func contents(_ path: String) throws(ConfigurationFault) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            let hint =
                errno == ENOENT ? ": run \"latchkey init\", or name the file with --config" : ""
            throw ConfigurationFault("cannot be read: \(String(cString: strerror(errno)))\(hint)")
        }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        while true {
            guard let piece = InputFile.piece(of: descriptor) else {
                throw ConfigurationFault("cannot be read: \(String(cString: strerror(errno)))")
            }
            guard !piece.isEmpty else { return contents }
            guard contents.count + piece.count <= lengthMax else {
                throw ConfigurationFault("is too long")
            }
            contents += piece
        }
    }
}

extension AdministrationError {
    /// A fault of a configuration, with its file and line.
    ///
    /// - Parameter path: The file, unless the fault names another.
    public init(_ fault: ConfigurationFault, in path: String) {
        let file = fault.file ?? path
        let place = fault.line.map { "\(file):\($0)" } ?? file
        self.init(.configuration, "\(place): \(fault.message)")
    }
}
