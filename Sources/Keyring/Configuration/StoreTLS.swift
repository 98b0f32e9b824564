import RedisClient

/// How the store is reached with TLS: whose certificates are trusted, for which name, and what this
/// side presents.
public struct StoreTLS: Equatable, Sendable {
    /// The name of the directive.
    public static let directive = "latchkey_store_tls"

    /// `ca=…`: the certificates of the authorities to trust; `nil` for the system's.
    public private(set) var caFile: String?
    /// `certificate=…`: the certificate to present, with its chain.
    public private(set) var certificateFile: String?
    /// `key=…`: its private key. Present exactly if the certificate is.
    public private(set) var keyFile: String?
    /// `name=…`: the host name or IP address that a server's certificate must be valid for; `nil`
    /// for the one that it is reached by.
    public private(set) var name: String?

    /// Trusts the system's authorities, and presents nothing.
    init() {}

    init(_ directive: Directive) throws(ConfigurationFault) {
        guard !directive.values.isEmpty else {
            throw directive.fault("requires ca=FILE, certificate=FILE with key=FILE, or name=HOST")
        }
        for value in directive.values { try read(value, of: directive) }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw directive.fault("requires certificate=FILE and key=FILE together")
        }
    }

    /// The host name or IP address that the certificate of a server must be valid for.
    public func name(of endpoint: Endpoint) -> String { name ?? endpoint.certificateName }

    private mutating func read(_ value: String, of directive: Directive) throws(ConfigurationFault)
    {
        let equals = value.firstIndex(of: "=") ?? value.endIndex
        let text = String(value[equals...].dropFirst())
        switch value[..<equals] {
        case "ca" where caFile == nil: caFile = try directive.path(text)
        case "certificate" where certificateFile == nil: certificateFile = try directive.path(text)
        case "key" where keyFile == nil: keyFile = try directive.path(text)
        case "name" where name == nil:
            guard Endpoint.isHost(text) else {
                throw directive.fault("requires a host name or an IP address, not \"\(text)\"")
            }
            name = text
        default:
            throw directive.fault(
                "accepts ca=FILE, certificate=FILE, key=FILE and name=HOST, each once, not \"\(value)\""
            )
        }
    }
}
