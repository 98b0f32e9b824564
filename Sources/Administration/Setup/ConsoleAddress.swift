import Keyring
import RedisClient

/// Where the console is found: what the console and the doctor must agree about.
public enum ConsoleAddress {
    /// The file that the console reads by default.
    public static let standardFile = "/etc/latchkey/console.conf"

    /// Where the console listens by default.
    public static let standard = Endpoint.unix(path: "/run/latchkey-console/http.sock")

    /// Reads `unix:/PATH`, `127.0.0.1:PORT` or `[::1]:PORT`; `nil` for anything else. Beyond the host, keys
    /// would be sent in clear.
    public static func endpoint(_ text: String) -> Endpoint? {
        if text.hasPrefix("unix:/") {
            let path = String(text.dropFirst("unix:".count))
            return (2...100).contains(path.utf8.count) ? .unix(path: path) : nil
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        let host = text[..<colon] == "[::1]" ? "::1" : String(text[..<colon])
        let endpoint = Endpoint.tcp(host: host, port: port)
        guard host == "::1" || host.hasPrefix("127.") && TransportCheck.isLoopback(host),
            "\(endpoint)" == text
        else { return nil }
        return endpoint
    }
}

extension Directive {
    /// Whether the directive is the console's: the rest of a file is for all programs.
    public var isForConsole: Bool { name.hasPrefix("latchkey_console_") }
}
