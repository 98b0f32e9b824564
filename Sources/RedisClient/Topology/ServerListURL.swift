/// The parts of a URL that names several servers: `scheme://host[:port],…/path`, or `schemes://…` for the
/// same with TLS.
struct ServerListURL {
    /// The servers, in the order of the URL; each stands there once.
    let servers: [Endpoint]

    /// What follows the slash; empty without one.
    let path: ArraySlice<UInt8>

    /// Whether the servers are reached with TLS.
    let isSecure: Bool

    /// Parses a URL; `nil` if its scheme is another one.
    ///
    /// - Parameter fault: What is wrong where a server stands there twice, or more than `countMax` do.
    init?(
        _ text: String,
        scheme: String,
        standardPort: UInt16,
        countMax: Int,
        otherwise fault: StoreURL.Fault
    ) throws(StoreURL.Fault) {
        let bytes = Array(text.utf8)
        let plain = bytes.dropping(prefix: "\(scheme)://")
        guard let rest = plain ?? bytes.dropping(prefix: "\(scheme)s://") else { return nil }
        guard !rest.contains(UInt8(ascii: "@")) else { throw .credentials }
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        let servers = try rest[..<slash]
            .split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { authority throws(StoreURL.Fault) in
                try Endpoint(authority: authority, standardPort: standardPort)
            }
        guard servers.count <= countMax, Set(servers).count == servers.count else { throw fault }
        self.servers = servers
        path = rest[slash...].dropFirst()
        isSecure = plain == nil
    }
}
